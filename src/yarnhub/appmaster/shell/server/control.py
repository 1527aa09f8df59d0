"""The control server: requests in frames, or as `POST /control/<name>`, over mutual TLS.

Clients are the holders of the application's key: its owner and its containers. For all others, the
TLS handshake fails before any of their bytes is read. One port serves one or many applications:
`Admission` assigns each connection to one.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from yarnhub.appmaster.core.budgets import REQUEST
from yarnhub.appmaster.shell.server import http
from yarnhub.appmaster.shell.server.frame_connection import FrameConnection
from yarnhub.appmaster.shell.server.listener import listen
from yarnhub.base.errors import ControlError, FailureCode, RemoteProtocolError
from yarnhub.base.foreign_text import quoted
from yarnhub.control import json
from yarnhub.control.frames import EARLIER_PROTOCOL, PROTOCOLS, STREAM, Frame
from yarnhub.control.messages import (
    REQUESTS,
    Entries,
    Failure,
    Request,
    Tokens,
    WaitKey,
    WatchKeys,
    WatchTokens,
    without_outcomes,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Coroutine

    from yarnhub.appmaster.core.budgets import Budgets
    from yarnhub.appmaster.shell.server.admission import Admission
    from yarnhub.appmaster.shell.server.clients import Answer, ApplicationClients
    from yarnhub.appmaster.shell.server.listener import ClientConnection

_PREFIX = "/control/"
_MAX_WAIT = 60.0
"""Seconds that a request may wait; clients repeat it. Well below the time-outs of proxies."""
_WAITING = (WaitKey, WatchKeys, WatchTokens)
"""The requests that may wait for an event."""
_STATUS = {
    FailureCode.UNKNOWN_REQUEST: 404,
    FailureCode.ENDED: 410,
    FailureCode.NOT_ALLOWED: 403,
    FailureCode.FULL: 507,
}


@contextlib.asynccontextmanager
async def serve(admission: Admission, host: str, port: int = 0) -> AsyncIterator[int]:
    """Serve on a port of `host`, a free one for 0; yields the port.

    Leaving closes the port immediately; answers in progress get up to a second.
    """

    def accept(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> ClientConnection | None:
        client: ssl.SSLObject = writer.get_extra_info("ssl_object")
        clients = admission.clients(client)
        if clients is None:
            return None
        protocol = client.selected_alpn_protocol()
        if protocol == STREAM:
            return clients.streams and clients.streams(reader, writer)
        if clients.full:
            return None
        if protocol in PROTOCOLS:
            outcomes = protocol != EARLIER_PROTOCOL
            answer = functools.partial(_in_frames, clients, outcomes=outcomes)
            return FrameConnection(reader, writer, answer, clients)
        handle = functools.partial(_over_http, clients)
        return http.HttpConnection(reader, writer, handle, clients=clients)

    async with listen(accept, host, port, context=admission.context) as bound:
        yield bound


def _in_frames(
    clients: ApplicationClients, frame: Frame, *, outcomes: bool
) -> Frame | Coroutine[Any, Any, Frame]:
    """The answer to a frame, or what waits for it."""

    def answer(reply: object) -> Frame:
        shown = reply if outcomes else without_outcomes(reply)
        return Frame(frame.number, type(reply).__name__, json.dump(shown))

    async def later(reply: Coroutine[Any, Any, object]) -> Frame:
        return answer(await reply)

    reply = _reply(frame.name, frame.body, clients)
    return later(reply) if isinstance(reply, CoroutineType) else answer(reply)


async def _over_http(clients: ApplicationClients, request: http.Request) -> None:
    body = await request.body(clients.budgets.body)
    known = request.method == "POST" and request.target.startswith(_PREFIX)
    name = request.target.removeprefix(_PREFIX) if known else request.target
    reply = _reply(name, body, clients)
    if isinstance(reply, CoroutineType):
        reply = await reply
    status = _STATUS.get(reply.code, 400) if isinstance(reply, Failure) else 200
    status = 413 if body is None else status
    headers = [("Content-Type", "application/json")]
    content = json.dump(without_outcomes(reply))
    await request.respond(status, headers, content)
    await request.pay(REQUEST + len(content))


def _reply(name: str, body: bytes | None, clients: ApplicationClients) -> object:
    """The reply to a request, or a coroutine that waits for it."""
    try:
        request = _read(name, body, clients.budgets)
    except ControlError as error:
        return Failure(error.code, str(error))
    if isinstance(request, _WAITING):
        return _reply_later(answer_in_time(request, clients.answer))
    answer = clients.answer(request)
    if isinstance(answer, asyncio.Future) and answer.done():
        return answer.result()
    return _reply_later(answer)


async def _reply_later(answer: Awaitable[object]) -> object:
    try:
        return await answer
    except ControlError as error:
        return Failure(error.code, str(error))


def _read(name: str, body: bytes | None, budgets: Budgets) -> Request[Any]:
    """Decode a request.

    Raises:
        ControlError: It is refused.
    """
    if body is None:
        text = f"a request may have {budgets.body} bytes at most"
        raise ControlError(FailureCode.INVALID, text)
    kind = REQUESTS.get(name)
    if kind is None:
        raise ControlError(
            FailureCode.UNKNOWN_REQUEST, f"this application does not know {quoted(name)}"
        )
    if budgets.requests is not None and name not in budgets.requests:
        raise ControlError(
            FailureCode.NOT_ALLOWED,
            f"{name} is not answered here: the process that runs this application's "
            f"ApplicationMaster runs those of others, too, and answers "
            f"{', '.join(sorted(budgets.requests))} only",
        )
    try:
        return json.load(kind, body)
    except RemoteProtocolError as error:
        raise ControlError(FailureCode.INVALID, str(error)) from error


async def answer_in_time(request: Request[Any], answer: Answer) -> object:
    """Answer a request; one that waits, within its own `timeout`."""
    if not isinstance(request, _WAITING):
        return await answer(request)
    try:
        async with asyncio.timeout(min(request.timeout, _MAX_WAIT)):
            return await answer(request)
    except TimeoutError:
        if isinstance(request, WatchKeys):
            # Answered immediately, with the number of the latest event.
            return await answer(dataclasses.replace(request, timeout=0.0))
        if isinstance(request, WatchTokens):
            return Tokens(number=request.after)
        return Entries(entries=())
