"""The page of the cluster: what it has, its queues and its nodes."""

from __future__ import annotations

from collections.abc import AsyncIterable  # noqa: TC003  # FastAPI reads it
from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends, Response  # FastAPI reads them
from fastapi.sse import EventSourceResponse, ServerSentEvent

from yarnhub.base.errors import YarnhubError
from yarnhub.server.platform import cluster_documents
from yarnhub.server.platform.pages import rendering
from yarnhub.server.platform.pages.following import count_stream, follow
from yarnhub.server.platform.pages.login import VisitorOf  # noqa: TC001
from yarnhub.server.platform.problems import in_public
from yarnhub.server.platform.service import ServiceOf  # noqa: TC001

if TYPE_CHECKING:
    from yarnhub.server.platform.service import Service
    from yarnhub.watch.cluster import ClusterFacts

router = APIRouter(prefix="/cluster")

_LOOK = 5.0
"""Seconds between looks."""
MAX_NODES = 200
"""Nodes that are shown: those that need attention are the first."""


@router.get("")
async def show_cluster(service: ServiceOf, visitor: VisitorOf) -> Response:
    """Show the cluster."""
    values = _values(await service.cluster.get())
    return rendering.page("cluster_page.html", service, visitor, **values)


@router.get("/changes", response_class=EventSourceResponse, dependencies=[Depends(count_stream)])
async def follow_cluster(service: ServiceOf, visitor: VisitorOf) -> AsyncIterable[ServerSentEvent]:
    """Follow the cluster: each event replaces all that is shown of it."""

    async def look() -> str:
        return await _look(service)

    async for event in follow(visitor, service, look, _LOOK):
        yield event


async def _look(service: Service) -> str:
    try:
        values = _values(await service.cluster.get())
    except YarnhubError as error:
        return rendering.fragment("changed_notice.html", service, None, failure=in_public(error))
    return rendering.fragment("changed_cluster.html", service, None, **values)


def _values(facts: ClusterFacts) -> dict[str, object]:
    """What the page shows."""
    running = cluster_documents.NodeState.RUNNING
    queues = [] if facts.root is None else list(cluster_documents.queues(facts.root))
    nodes = [cluster_documents.node(each) for each in facts.nodes]
    nodes.sort(key=lambda each: (each.state is running and not each.health, each.id))
    return {
        "cluster": cluster_documents.cluster(facts.nodes),
        "queues": queues,
        "parents": {each.parent for each in queues},
        "nodes": nodes[:MAX_NODES],
        "more": len(nodes) - len(nodes[:MAX_NODES]),
    }
