"""The cluster, its nodes and queues, which YARN shows to everybody."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from yarnhub.server.platform import cluster_documents
from yarnhub.server.platform.cluster_documents import Cluster, NodePage, Queue
from yarnhub.server.platform.description import COMMON, problems
from yarnhub.server.platform.service import ServiceOf, identity_of

MAX_NODES = 1000
"""Nodes of one response."""

router = APIRouter(tags=["cluster"], responses=COMMON, dependencies=[Depends(identity_of)])


@router.get("/cluster")
async def show_cluster(service: ServiceOf) -> Cluster:
    """Show what the nodes of the cluster have, and what of it is used."""
    return cluster_documents.cluster((await service.cluster.get()).nodes)


@router.get("/queues")
async def list_queues(service: ServiceOf) -> tuple[Queue, ...]:
    """List the queues, each before its children."""
    root = (await service.cluster.get()).root
    return () if root is None else tuple(cluster_documents.queues(root))


@router.get("/nodes", responses=problems(422))
async def list_nodes(
    service: ServiceOf,
    first: Annotated[int, Query(ge=0, le=10**9)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_NODES)] = 100,
) -> NodePage:
    """List the nodes in all states, by host and port."""
    nodes = (await service.cluster.get()).nodes
    shown = tuple(map(cluster_documents.node, nodes[first : first + limit]))
    return NodePage(first=first, total=len(nodes), nodes=shown)
