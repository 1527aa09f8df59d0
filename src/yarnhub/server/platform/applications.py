"""Applications of the cluster: listed from the watch; shown, moved and killed as the user."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterable, AsyncIterator  # noqa: TC003  # FastAPI reads them
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from yarnhub.server.platform import as_user, documents
from yarnhub.server.platform.bodies import read_document
from yarnhub.server.platform.description import COMMON, problem_response, problems
from yarnhub.server.platform.documents import ApplicationPage, ExplainedApplication, Move, State
from yarnhub.server.platform.problems import in_public, problem
from yarnhub.server.platform.service import IdentityOf, ServiceOf, StreamKind
from yarnhub.watch.kinds import Kind
from yarnhub.watch.views import Column, View
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.ids import ApplicationId

MAX_PAGE = 500
"""Applications of one page."""
MAX_WORDS = 8
"""Words to search for."""
router = APIRouter(
    prefix="/applications", tags=["applications"], responses={**COMMON, **problems(422)}
)

IdText = Annotated[
    str,
    Path(
        pattern="^application_[0-9]{1,18}_[0-9]{1,9}$", examples=["application_1795244520406_0001"]
    ),
]
Text = Annotated[str, Query(max_length=256)]
_STREAM = {
    "text/event-stream": {
        "example": "event: applications\nid: 1204\n"
        'data: {"changed": ["application_1795244520406_0007"], "removed": [], '
        '"start_over": false, "failure": null}\n\n'
    }
}


@router.get(
    "",
    response_model=ApplicationPage,
    responses={
        200: {"headers": {"ETag": {"schema": {"type": "string"}}}},
        304: {"description": "Nothing has changed since the response with this `ETag`"},
    },
)
async def list_applications(
    response: Response,
    service: ServiceOf,
    identity: IdentityOf,
    text: Text = "",
    state: Annotated[list[State], Query(max_length=len(State))] = [],  # noqa: B006  # not changed
    user: Text = "",
    queue: Text = "",
    kind: Annotated[list[Kind], Query(max_length=len(Kind))] = [],  # noqa: B006  # not changed
    sort: Column = Column.ATTENTION,
    descending: bool = False,  # noqa: FBT001, FBT002  # a query parameter
    first: Annotated[int, Query(ge=0, le=10**9)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    if_none_match: Annotated[str, Header(description="An `ETag`.")] = "",
) -> Any:
    """List the applications of all users; those that wait are the first.

    `text` has up to 8 words that each must be in the id, name, user, queue, type or a tag. The
    `ETag` changes with each change of an application, except of what it has used.
    """
    if len(text.split()) > MAX_WORDS:
        raise HTTPException(422, f"text: at most {MAX_WORDS} words")
    freshness = service.watch.freshness
    tag = f'W/"{service.watch.table.version}-{"old" if freshness.failure else "new"}"'
    response.headers.update(
        {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    )
    if if_none_match == tag:
        return Response(status_code=304, headers=response.headers)
    view = View(
        text=text,
        states=frozenset(YarnApplicationState[each.name] for each in state),
        user=user,
        queue=queue,
        kinds=frozenset(kind),
        column=sort,
        descending=descending,
    )
    page = await service.page(view, first, limit)
    return ApplicationPage(
        version=page.version,
        looked=documents.looked(freshness),
        failure=None if freshness.failure is None else in_public(freshness.failure),
        first=page.first,
        total=page.total,
        applications=tuple(
            documents.application(service.visible(row.report, identity)) for row in page.rows
        ),
    )


async def count_stream(service: ServiceOf, identity: IdentityOf) -> AsyncIterator[None]:
    """Count an open stream, until its response has ended.

    Raises:
        HTTPException: Too many are open.
    """
    with service.streams.take(identity.name, StreamKind.EVENTS):
        yield


@router.get(
    "/events",
    response_class=EventSourceResponse,
    responses={200: {"description": "The changes", "content": _STREAM}, **problems(429)},
    dependencies=[Depends(count_stream)],
)
async def follow_applications(
    service: ServiceOf,
    identity: IdentityOf,
    since: Annotated[int | None, Query(ge=0)] = None,
    last_event_id: Annotated[str, Header(max_length=20)] = "",
) -> AsyncIterable[ServerSentEvent]:
    """Follow the changes of all applications, as server-sent events.

    Each event has the ids of the applications that have changed since the event before, or
    `start_over` if they are too many; its id is the version that the list has then. A stream that
    is opened again continues behind the last event. It ends when the token is revoked.
    """
    if last_event_id.isascii() and last_event_id.isdecimal():
        since = int(last_event_id)
    async with contextlib.aclosing(service.watch.changes(since)) as changes:
        async for each in changes:
            if not await service.viewers.are_still(identity):
                return
            failure = service.watch.freshness.failure
            event = {
                "changed": [str(report.application_id) for report in each.reports],
                "removed": [str(number) for number in each.removed],
                "start_over": each.start_over,
                "failure": None if failure is None else in_public(failure),
            }
            yield ServerSentEvent(event="applications", id=str(each.version), data=event)


@router.get("/{application_id}", responses=problems(404, 429))
async def show_application(
    application_id: IdText, service: ServiceOf, identity: IdentityOf
) -> ExplainedApplication:
    """Show an application as YARN shows it to the user: what it does, or why it waits or ended."""
    number = ApplicationId.parse(application_id)
    return documents.explained(*await as_user.show(service, identity, number))


@router.post(
    "/{application_id}/kill",
    status_code=204,
    responses={
        202: problem_response(202, "It was killed, but has not ended"),
        204: {"description": "It has ended"},
        **problems(404, 429),
    },
)
async def kill_application(
    application_id: IdText, service: ServiceOf, identity: IdentityOf
) -> Response:
    """Kill an application, as the user: 204 if it has ended, 202 if it is still ending."""
    number = ApplicationId.parse(application_id)
    late = await as_user.kill(service, identity, number)
    return Response(status_code=204) if late is None else problem(202, in_public(late))


async def read_move(request: Request, _identity: IdentityOf) -> Move:
    """The queue in the body of a request; see `read_document`."""
    return await read_document(request, Move)


@router.post(
    "/{application_id}/move",
    status_code=204,
    responses={204: {"description": "It is in the queue"}, **problems(404, 408, 409, 413, 429)},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": Move.model_json_schema()}},
        }
    },
)
async def move_application(
    application_id: IdText,
    service: ServiceOf,
    identity: IdentityOf,
    move: Annotated[Move, Depends(read_move)],
) -> Response:
    """Move an application to another queue, as the user: what YARN refuses is 403 or 409."""
    await as_user.move(service, identity, ApplicationId.parse(application_id), move.queue)
    return Response(status_code=204)
