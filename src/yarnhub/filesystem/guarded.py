"""Loopback ports that lead to NameNodes, each connection under a guard: for hdfs-native.

See `yarnhub.hadoop.wire.guard` for what passes. Other users of this machine are turned away: they
could take all connections, and have their faults told in place of ours.
"""

from __future__ import annotations

import asyncio
import functools
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import AuthenticationError, ConnectError, RemoteProtocolError, YarnhubError
from yarnhub.base.tasks import task_group
from yarnhub.filesystem.loopback import is_own
from yarnhub.hadoop.address import Address
from yarnhub.hadoop.security.authentication import server_principal
from yarnhub.hadoop.wire.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnhub.filesystem.name_node import NameService
    from yarnhub.hadoop.ipc.options import RpcOptions

_CHUNK = 1 << 16
_LOOPBACK = "127.0.0.1"
MAX_CONNECTIONS = 64
"""At a time; hdfs-native needs one to each NameNode."""


class GuardedNameNodes:
    """The NameNodes of one HDFS behind ports of this process.

    The ports are bound at once, so that nobody else can have them, and served from `start` on.

    Args:
        service: Where the NameNodes are.
        principal: Whom each must prove to be; may have `_HOST` in it or be a pattern.
        options: What the connections must fulfil.
    """

    def __init__(self, service: NameService, principal: str, options: RpcOptions) -> None:
        self._principal = principal
        self._options = options
        self._sockets = [socket.create_server((_LOOPBACK, 0)) for _ in service.rpc]
        self._unserved = list(zip(self._sockets, service.rpc, strict=True))
        self._servers: list[asyncio.Server] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self.trouble: YarnhubError | None = None
        """Why the last connection failed; None when it passed."""

    def of(self, service: NameService) -> NameService:
        """The same HDFS, reached through the guards."""
        rpc = tuple(Address(*each.getsockname()[:2]) for each in self._sockets)
        uri = service.uri if service.nameservice is not None else f"hdfs://{rpc[0]}"
        return replace(service, rpc=rpc, uri=uri)

    async def start(self) -> None:
        """Serve the ports, unless they are. Cancelling leaves them for the next call."""
        while self._unserved:
            bound, target = self._unserved.pop()
            serve = functools.partial(self._serve, target)
            server = await asyncio.start_server(serve, sock=bound, start_serving=False)
            self._servers.append(server)
            await server.start_serving()

    def close(self) -> None:
        """Close ports and connections."""
        self._unserved.clear()
        for server in self._servers:
            server.close()
        for each in self._sockets:
            each.close()
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(
        self, target: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            if await _is_ours(writer) and len(self._writers) < MAX_CONNECTIONS:
                self._writers.add(writer)
                await self._relay(target, reader, writer)
        except YarnhubError as error:
            self.trouble = error
        except OSError:
            pass  # one of the two has gone: hdfs-native notices it by itself
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _relay(
        self, target: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        guard, there, away = await self._connect(target)
        self._writers.add(away)

        def answered(data: bytes) -> bytes:
            said = guard.from_server(data)
            self.trouble = None if guard.agreed else self.trouble
            return said

        try:
            async with task_group() as group:
                group.create_task(_copy(reader, away, guard.from_client))
                group.create_task(_copy(there, writer, answered))
        except (AuthenticationError, RemoteProtocolError) as error:
            raise type(error)(f"{target}: {error}") from error
        finally:
            self._writers.discard(away)
            away.transport.abort()

    async def _connect(
        self, target: Address
    ) -> tuple[Guard, asyncio.StreamReader, asyncio.StreamWriter]:
        seconds = self._options.connect_timeout
        late = ConnectError(f"could not connect to {target} within {seconds:g} s")
        try:
            async with Deadline(seconds, late):
                guard = Guard(
                    await server_principal(self._principal, target.host),
                    self._options.minimum_protection,
                    allow_simple=self._options.fallback_to_simple,
                )
                return guard, *await asyncio.open_connection(target.host, target.port)
        except OSError as error:
            if isinstance(error, YarnhubError):
                raise
            raise ConnectError(f"cannot connect to {target}: {error}") from error


async def _is_ours(writer: asyncio.StreamWriter) -> bool:
    ends = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
    return all(ends) and await asyncio.to_thread(is_own, *ends)


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, check: Callable[[bytes], bytes]
) -> None:
    """Pass on until the end, and then end the other direction as well."""
    while data := await reader.read(_CHUNK):
        writer.write(check(data))
        await writer.drain()
    raise ConnectionResetError
