"""The hub's side of a proof: whether the user's server listens on the port that was reported."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from typing import TYPE_CHECKING

import h11

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import ConnectError
from yarnhub.sessions.ports import proof
from yarnhub.sessions.ports.proof import ImpostorError

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

_PATIENCE = 5.0
"""Seconds for a response."""
_LONGEST = 2**14
"""Bytes of a response with its headers: the program that listens there may send anything."""

_STRANGE = "it does not respond like a server of this hub"


async def check_server(
    host: str, port: int, *, prefix: str, token: str, tls: ssl.SSLContext | None
) -> None:
    """Make sure that the program that listens on a port is a user's server.

    Nothing secret is sent. Cancelling closes the connection.

    Args:
        host: The node.
        port: The port that the server has reported.
        prefix: The path of the server's URL.
        token: Its API token.
        tls: The certificates, with the hub's `internal_ssl`; None without.

    Raises:
        ConnectError: No program responds there at present.
        ImpostorError: A different program responds.
    """
    nonce = secrets.token_hex(32)
    target = f"{prefix.rstrip('/')}/{proof.PATH}?nonce={nonce}"
    try:
        async with Deadline(_PATIENCE, f"no response within {_PATIENCE:g} s"):
            reader, writer = await asyncio.open_connection(host, port, ssl=tls)
            try:
                peer = writer.get_extra_info("peername")
                if peer is None:
                    raise EOFError("the connection was closed")
                answer = await _ask(reader, writer, host, target)
            finally:
                writer.transport.abort()  # nothing is left to send
    except ssl.SSLCertVerificationError as error:
        raise ImpostorError(
            f"it has no certificate of this hub for {host}: {error.verify_message}"
        ) from error
    except (OSError, EOFError) as error:
        said = str(error) or "no response"
        raise ConnectError(f"cannot connect to {host}:{port}: {said}") from error
    proof.check(answer, token, nonce, (peer[0].partition("%")[0], peer[1]))


async def _ask(reader: StreamReader, writer: StreamWriter, host: str, target: str) -> bytes:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST)
    headers = [("Host", host), ("Connection", "close"), ("Accept", "application/json")]
    request = h11.Request(method="GET", target=target, headers=headers)
    writer.write(connection.send(request) or b"")
    writer.write(connection.send(h11.EndOfMessage()) or b"")
    await writer.drain()
    body, received = b"", 0
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                data = await reader.read(_LONGEST)
                received += len(data)
                if received > _LONGEST:
                    raise ImpostorError(_STRANGE)
                connection.receive_data(data)
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return body
            elif isinstance(event, h11.ConnectionClosed):
                raise EOFError("the connection was closed")
    except h11.RemoteProtocolError as error:
        if reader.at_eof():
            raise EOFError("the connection was closed") from error
        raise ImpostorError(_STRANGE) from error
