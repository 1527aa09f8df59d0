"""The page of an application: what it does, or why it waits or has ended; its queue and its end."""

from __future__ import annotations

from collections.abc import AsyncIterable  # noqa: TC003  # FastAPI reads it
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from fastapi.responses import RedirectResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import ValidationError

from yarnhub.base.errors import YarnhubError
from yarnhub.server.platform import as_user, documents
from yarnhub.server.platform.applications import IdText  # noqa: TC001  # FastAPI reads it
from yarnhub.server.platform.documents import Move
from yarnhub.server.platform.pages import rendering
from yarnhub.server.platform.pages.following import count_stream, follow, is_gone
from yarnhub.server.platform.pages.login import FormOf, VisitorOf  # noqa: TC001
from yarnhub.server.platform.pages.words import Status, reason
from yarnhub.server.platform.problems import refusal
from yarnhub.server.platform.service import ServiceOf  # noqa: TC001
from yarnhub.yarn.queues.tree import is_same_queue
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from yarnhub.server.platform.pages.login import Visitor
    from yarnhub.server.platform.service import Service

router = APIRouter(prefix="/applications/{application_id}")

_LOOK = 1.5
"""Seconds between looks at the watch."""
_AGAIN = 10.0
"""Seconds after which an application that has not ended is requested again without a change."""


@router.get("")
async def show_application(
    service: ServiceOf,
    visitor: VisitorOf,
    application_id: IdText,
    kill: Annotated[bool, Query()] = False,  # noqa: FBT002  # a query parameter
    move: Annotated[bool, Query()] = False,  # noqa: FBT002
) -> Response:
    """Show an application; `kill` asks whether to kill it, and `move` where to move it."""
    number = ApplicationId.parse(application_id)
    values = await _values(service, visitor, number)
    queues: list[str] = []
    if move and values["offers_changes"]:
        found = await as_user.queues(service, visitor.identity)
        queues = [each for each in found if not is_same_queue(each, str(values["queue"]))]
    return rendering.page(
        "one_application.html", service, visitor, kills=kill, moves=move, queues=queues, **values
    )


@router.get("/changes", response_class=EventSourceResponse, dependencies=[Depends(count_stream)])
async def follow_application(
    service: ServiceOf, visitor: VisitorOf, application_id: IdText
) -> AsyncIterable[ServerSentEvent]:
    """Follow an application: each event replaces what is said of it, until it has ended."""
    number = ApplicationId.parse(application_id)
    html, ended, version, age = "", False, -1, _AGAIN

    async def look() -> str | None:
        nonlocal html, ended, version, age
        if ended:
            return None
        row = service.watch.table.get(number)
        now = -1 if row is None else row.version
        if now == version and age < _AGAIN:
            age += _LOOK
            return html
        try:
            values = await _values(service, visitor, number)
        except (HTTPException, YarnhubError) as error:  # such as: the cluster has no record of it
            failure = refusal(error)
            ended = is_gone(error)
            return rendering.fragment("changed_notice.html", service, visitor, failure=failure)
        version, age, ended = now, 0.0, bool(values["ended"])
        html = rendering.fragment("changed_application.html", service, visitor, **values)
        return html

    async for event in follow(visitor, service, look, _LOOK):
        yield event


@router.post("/kill")
async def kill_application(
    service: ServiceOf, visitor: VisitorOf, application_id: IdText, _form: FormOf
) -> Response:
    """Kill an application as the user, and show it."""
    number = ApplicationId.parse(application_id)
    await as_user.kill(service, visitor.identity, number)
    return RedirectResponse(f"{service.prefix}/applications/{number}", 303)


@router.post("/move")
async def move_application(
    service: ServiceOf, visitor: VisitorOf, application_id: IdText, form: FormOf
) -> Response:
    """Move an application to another queue as the user, and show it."""
    number = ApplicationId.parse(application_id)
    try:
        to = Move(queue=form.get("queue", ""))
    except ValidationError as error:
        raise HTTPException(422, "Choose a queue.") from error
    await as_user.move(service, visitor.identity, number, to.queue)
    return RedirectResponse(f"{service.prefix}/applications/{number}", 303)


async def _values(service: Service, visitor: Visitor, number: ApplicationId) -> dict[str, object]:
    """What the page shows: of an application that YARN does not show, what the list has.

    Raises:
        HTTPException: There are too many requests to YARN.
        ApplicationNotFoundError: There is no such application.
    """
    identity, failure = visitor.identity, ""
    try:
        report, explanation = await as_user.show(service, identity, number)
    except (HTTPException, YarnhubError) as error:
        row = service.watch.table.get(number)
        if row is None:
            raise
        failure = refusal(error)
        report = service.visible(row.report, identity)
        shown = documents.ExplainedApplication(
            application=documents.application(report), summary="", reasons=(), containers=()
        )
    else:
        shown = documents.explained(report, explanation)
    ended = report.yarn_application_state.ended
    may = report.user == identity.viewer.name or service.administrators.allows(identity.viewer)
    return {
        "shown": shown,
        "status": Status.of(report),
        "reason": "" if shown.application.diagnostics is None else reason(report),
        "failure": failure,
        "ended": ended,
        "queue": report.queue,
        "offers_changes": may and not ended,
    }
