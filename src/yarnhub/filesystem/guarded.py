"""Loopback ports for hdfs-native that lead to NameNodes, with a guard on each connection.

See `yarnhub.hadoop.wire.guard` for the rules. Other users of this machine are refused: they could
use up all connections, and their errors would be reported instead of ours.
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
from yarnhub.hadoop.address import Address, refuse_self
from yarnhub.hadoop.security.authentication import server_principal
from yarnhub.hadoop.wire.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnhub.filesystem.name_node import NameService
    from yarnhub.hadoop.ipc.options import RpcOptions

_CHUNK = 1 << 16
_LOOPBACK = "127.0.0.1"
MAX_CONNECTIONS = 64
"""Concurrent connections; hdfs-native needs one to each NameNode."""


class GuardedNameNodes:
    """The NameNodes of one HDFS behind ports of this process.

    The ports are bound at once, so that no other process can use them, and served from `start` on.

    Args:
        service: The NameNodes.
        principal: The principal of each; may contain `_HOST` or be a pattern.
        options: The requirements of connections.
    """

    def __init__(self, service: NameService, principal: str, options: RpcOptions) -> None:
        self._principal = principal
        self._options = options
        self._sockets = [socket.create_server((_LOOPBACK, 0)) for _ in service.rpc]
        self._unserved = list(zip(self._sockets, service.rpc, strict=True))
        self._servers: list[asyncio.Server] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self.trouble: YarnhubError | None = None
        """The error of the last connection; None if it succeeded."""

    def of(self, service: NameService) -> NameService:
        """The same HDFS, through the guards."""
        rpc = tuple(Address(*each.getsockname()[:2]) for each in self._sockets)
        uri = service.uri if service.nameservice is not None else f"hdfs://{rpc[0]}"
        return replace(service, rpc=rpc, uri=uri)

    async def start(self) -> None:
        """Serve the ports, unless already started. If cancelled, the next call starts them."""
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
            pass  # one of the two has closed: hdfs-native notices it
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _relay(
        self, target: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        guard, there, away = await self._connect(target)
        self._writers.add(away)

        def answered(data: bytes) -> bytes:
            passed = guard.from_server(data)
            self.trouble = None if guard.agreed else self.trouble
            return passed

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
                reader, writer = await asyncio.open_connection(target.host, target.port)
                refuse_self(writer.transport)
                return guard, reader, writer
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
    """Copy until the end, and then close the other direction as well."""
    while data := await reader.read(_CHUNK):
        writer.write(check(data))
        await writer.drain()
    raise ConnectionResetError
