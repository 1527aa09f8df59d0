"""The page of the cluster: what it has, its queues and its nodes."""

from __future__ import annotations

from collections.abc import AsyncIterable  # noqa: TC003  # FastAPI reads it
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request, Response  # FastAPI reads them
from fastapi.sse import EventSourceResponse, ServerSentEvent
from markupsafe import Markup

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


class ShownCluster:
    """What the page shows of the cluster: it is made once for all who see it.

    Args:
        service: The service.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._facts: ClusterFacts | None = None
        self._html = Markup()

    async def html(self) -> Markup:
        """It as YARN has last reported it.

        Raises:
            YarnhubError: YARN does not respond.
        """
        facts = await self._service.cluster.get()
        if facts is not self._facts:
            text = rendering.fragment("cluster.html", self._service, None, **_values(facts))
            self._html = Markup(text)  # noqa: S704  # from a template, which escapes
            self._facts = facts
        return self._html


def _shown_of(request: Request) -> ShownCluster:
    found: ShownCluster = request.app.state.cluster
    return found


ShownOf = Annotated[ShownCluster, Depends(_shown_of)]


@router.get("")
async def show_cluster(service: ServiceOf, visitor: VisitorOf, shown: ShownOf) -> Response:
    """Show the cluster."""
    return rendering.page("cluster_page.html", service, visitor, cluster=await shown.html())


@router.get("/changes", response_class=EventSourceResponse, dependencies=[Depends(count_stream)])
async def follow_cluster(
    service: ServiceOf, visitor: VisitorOf, shown: ShownOf
) -> AsyncIterable[ServerSentEvent]:
    """Follow the cluster: each event replaces all that is shown of it."""

    async def look() -> str:
        try:
            html = await shown.html()
        except YarnhubError as error:
            failure = in_public(error)
            return rendering.fragment("changed_notice.html", service, None, failure=failure)
        return rendering.fragment("changed_cluster.html", service, None, cluster=html)

    async for event in follow(visitor, service, look, _LOOK):
        yield event


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
