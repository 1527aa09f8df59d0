"""Whether the service works: for what supervises it, without a login."""

from __future__ import annotations

from fastapi import APIRouter, Response  # FastAPI reads the annotations

from yarnhub.server.platform import documents
from yarnhub.server.platform.description import problems
from yarnhub.server.platform.documents import Health
from yarnhub.server.platform.service import ServiceOf  # noqa: TC001

router = APIRouter(tags=["health"])

_OLD = 60.0
"""Seconds after which what is known of the cluster is too old."""


@router.get(
    "/health",
    responses={
        200: {"description": "All of it works"},
        503: {"model": Health, "description": "Something does not work"},
        **problems(500),
    },
)
async def check_health(service: ServiceOf, response: Response) -> Health:
    """Say whether the cluster and the database of the service respond: 503 if one does not."""
    freshness = service.watch.freshness
    cluster = freshness.failure is None and service.age(freshness.looked) < _OLD
    database = service.recorder.failure is None
    works = cluster and database
    response.status_code = 200 if works else 503
    return Health(
        works=works, cluster=cluster, looked=documents.looked(freshness), database=database
    )
