"""The control server: requests in frames, or as `POST /control/<name>`, over mutual TLS.

Clients are the holders of the application's key: its owner and its containers. For all others, the
TLS handshake fails before any of their bytes is read. One port serves one or many applications:
`Admission` assigns each connection to one.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
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
    from collections.abc import AsyncIterator

    from yarnhub.appmaster.shell.server.admission import Admission
    from yarnhub.appmaster.shell.server.clients import Answer, ApplicationClients
    from yarnhub.appmaster.shell.server.listener import ClientConnection

_PREFIX = "/control/"
_MAX_WAIT = 60.0
"""Seconds that a request may wait; clients repeat it. Well below the time-outs of proxies."""
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

        async def in_frames(frame: Frame) -> Frame:
            reply = await _reply(frame.name, frame.body, clients)
            if protocol == EARLIER_PROTOCOL:
                reply = without_outcomes(reply)
            return Frame(frame.number, type(reply).__name__, json.dump(reply))

        async def over_http(request: http.Request) -> None:
            body = await request.body(clients.budgets.body)
            known = request.method == "POST" and request.target.startswith(_PREFIX)
            name = request.target.removeprefix(_PREFIX) if known else request.target
            reply = await _reply(name, body, clients)
            status = _STATUS.get(reply.code, 400) if isinstance(reply, Failure) else 200
            status = 413 if body is None else status
            headers = [("Content-Type", "application/json")]
            content = json.dump(without_outcomes(reply))
            await request.respond(status, headers, content)
            await request.pay(REQUEST + len(content))

        if protocol in PROTOCOLS:
            return FrameConnection(reader, writer, in_frames, clients)
        return http.HttpConnection(reader, writer, over_http, clients=clients)

    async with listen(accept, host, port, context=admission.context) as bound:
        yield bound


async def _reply(name: str, body: bytes | None, clients: ApplicationClients) -> object:
    budgets = clients.budgets
    if body is None:
        return Failure(FailureCode.INVALID, f"a request may have {budgets.body} bytes at most")
    kind = REQUESTS.get(name)
    if kind is None:
        return Failure(
            FailureCode.UNKNOWN_REQUEST, f"this application does not know {quoted(name)}"
        )
    if budgets.requests is not None and name not in budgets.requests:
        return Failure(
            FailureCode.NOT_ALLOWED,
            f"{name} is not answered here: the process that runs this application's "
            f"ApplicationMaster runs those of others, too, and answers "
            f"{', '.join(sorted(budgets.requests))} only",
        )
    try:
        return await answer_in_time(json.load(kind, body), clients.answer)
    except RemoteProtocolError as error:
        return Failure(FailureCode.INVALID, str(error))
    except ControlError as error:
        return Failure(error.code, str(error))


async def answer_in_time(request: Request[Any], answer: Answer) -> object:
    """Answer a request; one that waits, within its own `timeout`."""
    if not isinstance(request, WaitKey | WatchKeys | WatchTokens):
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
