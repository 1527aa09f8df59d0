"""The pages of an application's logs: its files, and one of them while it is written."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response

from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.server.platform import logs
from yarnhub.server.platform.applications import IdText  # noqa: TC001  # FastAPI reads it
from yarnhub.server.platform.logs import ContainerText, Held, NameText  # noqa: TC001
from yarnhub.server.platform.pages import rendering
from yarnhub.server.platform.pages.following import count_stream, is_still
from yarnhub.server.platform.pages.login import VisitorOf  # noqa: TC001
from yarnhub.server.platform.service import ServiceOf  # noqa: TC001

router = APIRouter(prefix="/applications/{application_id}/logs")

CONTAINERS = 20
"""Containers of one page."""


@router.get("")
async def show_files(
    service: ServiceOf,
    visitor: VisitorOf,
    application_id: IdText,
    first: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> Response:
    """Show the files, container by container."""
    found = await logs.list_logs(application_id, service, visitor.identity, first, CONTAINERS)
    return rendering.page(
        "log_files.html",
        service,
        visitor,
        application_id=application_id,
        found=found,
        before=max(0, first - CONTAINERS) if first else None,
        behind=first + CONTAINERS if first + CONTAINERS < found.total else None,
    )


@router.get("/{container_id}/{name}")
async def show_log(
    service: ServiceOf,
    visitor: VisitorOf,
    application_id: IdText,
    container_id: ContainerText,
    name: NameText,
) -> Response:
    """Show the end of a log, and what is written to it from then on."""
    identity = visitor.identity
    part = await logs.read_part(service, identity, application_id, container_id, name)
    return rendering.page(
        "log.html",
        service,
        visitor,
        application_id=application_id,
        container_id=container_id,
        name=name,
        title=clean_and_cut(name, lines=False),
        text=part.data.decode(errors="replace"),
        left_out=part.span.start,
        behind=part.span.end,
        grows=part.grows,
    )


@router.get("/{container_id}/{name}/download", response_class=Response)
async def download_log(
    service: ServiceOf,
    visitor: VisitorOf,
    application_id: IdText,
    container_id: ContainerText,
    name: NameText,
    held: Held,
) -> Response:
    """Send the whole file."""
    return await logs.read_log(
        application_id, container_id, name, service, visitor.identity, held, "", download=True
    )


@router.get(
    "/{container_id}/{name}/changes",
    response_class=Response,
    dependencies=[Depends(count_stream)],
)
async def follow_log(
    service: ServiceOf,
    visitor: VisitorOf,
    application_id: IdText,
    container_id: ContainerText,
    name: NameText,
    held: Held,
    since: Annotated[int, Query(ge=0, lt=10**18)],
    last_event_id: Annotated[str, Header(max_length=20)] = "",
) -> Response:
    """Follow a log, with the events of the API."""
    if last_event_id.isascii() and last_event_id.isdecimal():
        since = int(last_event_id)

    async def may_continue() -> bool:
        return await is_still(visitor, service)

    opened = logs.open_logs(service, visitor.identity, application_id)
    return await logs.follow(opened, container_id, name, since, held, may_continue)
