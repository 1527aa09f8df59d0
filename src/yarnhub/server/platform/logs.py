"""The logs of applications, read as the user who asks: listed, in parts, whole, and followed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator  # noqa: TC003  # FastAPI reads them
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Response
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import YarnhubError
from yarnhub.server.platform import documents
from yarnhub.server.platform.applications import IdText, count_stream
from yarnhub.server.platform.byte_ranges import ByteRange, RangeError
from yarnhub.server.platform.description import COMMON, problems
from yarnhub.server.platform.documents import LogFilePage, LogProblem
from yarnhub.server.platform.log_text import LogText, cut_at_end, cut_at_start
from yarnhub.server.platform.problems import in_public
from yarnhub.server.platform.service import IdentityOf, ServiceOf, StreamKind
from yarnhub.server.platform.streamed import Streamed
from yarnhub.yarn.records.ids import ApplicationId, ContainerId

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine

    from yarnhub.client.logs.aggregated import LogChunk, LogFile
    from yarnhub.client.logs.opened import OpenedLogs
    from yarnhub.server.platform.service import Service
    from yarnhub.server.platform.viewers import Identity

MAX_CONTAINERS = 100
"""Containers of one page: each node is asked."""
MAX_FILES = 1000
"""Files of one page."""
TAIL, MAX_PART = 64 << 10, 1 << 20
"""Bytes that are sent by default, and of a range at most."""
_MAX_TEXT = 64 << 10
"""Bytes in one event."""
_ASK = 30.0
"""Seconds for YARN, the nodes and HDFS to respond to one request."""
_SILENT = f"YARN or HDFS does not respond within {_ASK:g} s"
_PING = 15.0
"""Seconds without an event until a comment is sent, so that proxies keep the stream open."""
_TEXT = "text/plain; charset=utf-8"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox",
    "Cache-Control": "private, no-store",
}
_EVENTS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no", **_HEADERS}
_CONTAINER = "container_(e[0-9]{2,7}_)?[0-9]{1,18}_[0-9]{4,9}_[0-9]{2,9}_[0-9]{6,13}"
_WHOLE_NUMBER = {"schema": {"type": "integer", "minimum": 0}}
PART: dict[str, Any] = {
    "content": {"text/plain": {"schema": {"type": "string"}, "example": "Step 1 of 20\n"}},
    "headers": {
        "Log-Offset": {**_WHOLE_NUMBER, "description": "The position of the first byte."},
        "Log-Size": {**_WHOLE_NUMBER, "description": "Bytes of the file."},
    },
}
_STREAM = {
    "text/event-stream": {
        "example": 'event: log\nid: 13\ndata: {"offset": 0, "text": "Step 1 of 20\\n"}\n\n'
        'event: end\nid: 13\ndata: {"size": 13}\n\n'
    }
}
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_SAFE_ENDS = (".log", ".txt", ".out", ".err")

ContainerText = Annotated[
    str,
    Path(
        pattern=f"^{_CONTAINER}$",
        max_length=80,
        examples=["container_1795244520406_0001_01_000002"],
    ),
]
NameText = Annotated[str, Path(min_length=1, max_length=255, examples=["stdout"])]

router = APIRouter(
    prefix="/applications/{application_id}/logs",
    tags=["logs"],
    responses={**COMMON, **problems(404, 409, 422, 429)},
)


async def until_sent() -> AsyncIterator[contextlib.AsyncExitStack]:
    """What a response needs until it has been sent, or its client has disconnected."""
    async with contextlib.AsyncExitStack() as stack:
        yield stack


Held = Annotated[contextlib.AsyncExitStack, Depends(until_sent)]


@router.get("")
async def list_logs(
    application_id: IdText,
    service: ServiceOf,
    identity: IdentityOf,
    first: Annotated[int, Query(ge=0, le=10**9)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_CONTAINERS)] = 20,
) -> LogFilePage:
    """List the log files of an application, container by container.

    While the application runs, they are those of its running containers, on their nodes.
    Afterwards, they are the aggregated ones. `first` and `limit` select the containers.
    """
    with service.calls.take(identity.name):
        async with Deadline(_ASK, _SILENT), open_logs(service, identity, application_id) as logs:
            listing = await logs.list(logs.containers[first : first + limit])
    if listing.failures and not listing.files:
        raise next(iter(listing.failures.values()))
    notices = [
        "Not all nodes have uploaded their logs." * (not logs.is_complete),
        f"Only the first {MAX_FILES} files are listed." * (len(listing.files) > MAX_FILES),
    ]
    return LogFilePage(
        first=first,
        total=len(logs.containers),
        files=tuple(
            documents.log_file(each, grows=logs.is_live) for each in listing.files[:MAX_FILES]
        ),
        problems=tuple(
            LogProblem(container=str(number), detail=in_public(error))
            for number, error in listing.failures.items()
        ),
        notice=" ".join(filter(None, notices)) or None,
    )


@router.get(
    "/{container_id}/{name}",
    response_class=Response,
    responses={
        200: {**PART, "description": "The end, or all of the file"},
        206: {
            "description": "The requested range",
            "content": PART["content"],
            "headers": {**PART["headers"], "Content-Range": {"schema": {"type": "string"}}},
        },
        **problems(416),
    },
)
async def read_log(
    application_id: IdText,
    container_id: ContainerText,
    name: NameText,
    service: ServiceOf,
    identity: IdentityOf,
    held: Held,
    wanted: Annotated[str, Header(alias="Range", max_length=100)] = "",
    download: bool = False,  # noqa: FBT001, FBT002  # a query parameter
) -> Response:
    """Read a log file: by default its last 64 KiB, from the start of a character.

    The headers `Log-Offset` and `Log-Size` have the position of the first byte, and the size of
    the file. With `Range`, the response is that part of it, up to 1 MiB. `download` is all of it.
    """
    if download:
        held.enter_context(service.streams.take(identity.name, StreamKind.LOG_DOWNLOAD))
        with service.calls.take(identity.name):
            async with Deadline(_ASK, _SILENT):
                logs = await held.enter_async_context(open_logs(service, identity, application_id))
            file = await logs.find(ContainerId.parse(container_id), name)
            parts = await held.enter_async_context(contextlib.aclosing(logs.read(file)))
            first = await anext(parts, b"")  # an error is a problem only before the response
        attached = f'attachment; filename="{_file_name(file)}"'
        return Streamed(
            _all(first, parts, file), {**_HEADERS, "Content-Disposition": attached}, _TEXT
        )
    part = await read_part(service, identity, application_id, container_id, name, wanted)
    response = response_of(part)
    response.headers["Accept-Ranges"] = "bytes"
    if wanted:
        response.status_code = 206
        response.headers["Content-Range"] = part.span.content_range(part.size)
    return response


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a log file.

    Attributes:
        span: Where it is.
        data: The bytes.
        size: Bytes of the file.
        grows: Whether more is written to it.
    """

    span: ByteRange
    data: bytes
    size: int
    grows: bool


async def read_part(
    service: Service,
    identity: Identity,
    application_id: str,
    container_id: str,
    name: str,
    wanted: str = "",
) -> Part:
    """A range of a log file; without `wanted` its last 64 KiB, of whole characters.

    Raises:
        HTTPException: The range is not valid, or the file was replaced.
        YarnhubError: It cannot be read.
    """
    with service.calls.take(identity.name):
        async with Deadline(_ASK, _SILENT), open_logs(service, identity, application_id) as logs:
            file = await logs.find(ContainerId.parse(container_id), name)
            return await part_of(logs, file, wanted)


async def part_of(logs: OpenedLogs, file: LogFile, wanted: str = "") -> Part:
    """The same of an opened log."""
    span = _span(wanted, file)
    data = await _part(logs, file, span)
    start = span.start
    if not wanted:
        cut = cut_at_start(data) if start else 0
        start, data = start + cut, data[cut:]
        if logs.is_live:
            data = data[: len(data) - cut_at_end(data)]
    elif not data:
        raise HTTPException(409, f"{file.name} was replaced while it was read: try again")
    return Part(ByteRange(start, start + len(data)), data, file.length, logs.is_live)


def response_of(part: Part) -> Response:
    """The response with a part of a log."""
    headers = {"Log-Offset": str(part.span.start), "Log-Size": str(part.size)}
    return Response(part.data, 200, {**_HEADERS, **headers}, _TEXT)


@router.get(
    "/{container_id}/{name}/events",
    response_class=Response,
    responses={200: {"description": "The text", "content": _STREAM}},
    dependencies=[Depends(count_stream)],
)
async def follow_log(
    application_id: IdText,
    container_id: ContainerText,
    name: NameText,
    service: ServiceOf,
    identity: IdentityOf,
    held: Held,
    since: Annotated[int | None, Query(ge=0, lt=10**18)] = None,
    last_event_id: Annotated[str, Header(max_length=20)] = "",
) -> Response:
    """Follow a log file as it is written, as server-sent events.

    An event `log` has the new `text` and the `offset` of its first byte; its id is the offset
    behind it. If `offset` is smaller than the id before, the file was replaced. The event `end`
    says that the log is complete. `since` is the offset to begin with; by default, the stream
    begins with the last 64 KiB. A stream that is opened again continues behind the last event. It
    ends when the token is revoked.
    """
    if last_event_id.isascii() and last_event_id.isdecimal():
        since = int(last_event_id)

    async def may_continue() -> bool:
        if service.watch.is_stopped:
            return False
        return await service.viewers.are_still(identity)

    opened = open_logs(service, identity, application_id)
    return await follow(opened, container_id, name, since, held, may_continue)


async def follow(
    opened: contextlib.AbstractAsyncContextManager[OpenedLogs],
    container_id: str,
    name: str,
    since: int | None,
    held: contextlib.AsyncExitStack,
    may_continue: Callable[[], Coroutine[None, None, bool]],
) -> Response:
    """The response that follows a log file.

    Args:
        opened: The logs of its application.
        container_id: Its container.
        name: Its name.
        since: The offset to begin with; None for the last 64 KiB.
        held: Closed when the response has been sent.
        may_continue: Asked before each event.

    Raises:
        YarnhubError: It cannot be read.
    """
    async with Deadline(_ASK, _SILENT):
        logs = await held.enter_async_context(opened)
        file = await logs.find(ContainerId.parse(container_id), name)
        if since is None:
            since = max(0, file.length - TAIL)
            since += cut_at_start(await _part(logs, file, ByteRange(since, since + 4)))
        elif not logs.is_live:
            since = min(since, file.length)
    chunks = logs.follow(file, since)
    return Streamed(_events(chunks, since, may_continue), _EVENTS, "text/event-stream")


@contextlib.asynccontextmanager
async def open_logs(
    service: Service, identity: Identity, application_id: str
) -> AsyncIterator[OpenedLogs]:
    """The logs of an application, as a user sees them."""
    number = ApplicationId.parse(application_id)
    async with (
        service.client(identity.viewer.name) as client,
        client.open_logs(number, service.clock()) as logs,
    ):
        yield logs


def _span(wanted: str, file: LogFile) -> ByteRange:
    if not wanted:
        return ByteRange(max(0, file.length - TAIL), file.length)
    try:
        return ByteRange.parse(wanted, file.length, MAX_PART)
    except RangeError as error:
        size = {"Content-Range": f"bytes */{file.length}"}
        raise HTTPException(416, f"Range: {error}", headers=size) from error


async def _part(logs: OpenedLogs, file: LogFile, span: ByteRange) -> bytes:
    """A part of a file; less if the file was replaced by a shorter one."""
    data = b""
    async with contextlib.aclosing(logs.read(file, span.start)) as parts:
        while len(data) < span.end - span.start and (part := await anext(parts, b"")):
            data += part
    return data[: span.end - span.start]


async def _all(
    first: bytes, parts: AsyncGenerator[bytes, None], file: LogFile
) -> AsyncGenerator[bytes, None]:
    """A whole file, if it was not replaced."""
    left = file.length - len(first)
    if first:
        yield first
    async for part in parts:
        left -= len(part)
        yield part
    if left:
        raise YarnhubError(f"{file.name} of {file.container_id} was replaced while it was read")


async def _events(
    chunks: AsyncGenerator[LogChunk, None],
    start: int,
    may_continue: Callable[[], Coroutine[None, None, bool]],
) -> AsyncGenerator[bytes, None]:
    clock = asyncio.get_running_loop().time
    text, position, sent = LogText(start), start, clock()
    async with contextlib.aclosing(chunks):
        try:
            async for chunk in chunks:
                if not await may_continue():
                    return
                if chunk.offset != position:
                    text = LogText(chunk.offset)
                position = chunk.offset + len(chunk.data)
                for at in range(0, len(chunk.data), _MAX_TEXT):
                    begin = text.offset
                    if new := text.feed(chunk.data[at : at + _MAX_TEXT]):
                        yield _event("log", text.offset, offset=begin, text=new)
                        sent = clock()
                if clock() - sent >= _PING:
                    yield KEEPALIVE_COMMENT
                    sent = clock()
        except YarnhubError:
            return  # the next request of the client has an answer
    begin = text.offset
    if new := text.end():
        yield _event("log", position, offset=begin, text=new)
    yield _event("end", position, size=position)


def _event(name: str, behind: int, **data: object) -> bytes:
    return format_sse_event(event=name, id=str(behind), data_str=json.dumps(data))


def _file_name(file: LogFile) -> str:
    """A name to save a file as that no system takes for a program or a page."""
    name = _UNSAFE.sub("_", f"{file.container_id}-{file.name}")
    return name if name.endswith(_SAFE_ENDS) else f"{name}.txt"
