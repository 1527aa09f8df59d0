"""The end that a launcher connects to: a holder's without a cluster, which tests look into."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING

from appmaster.shell.server.serving import ID, PAIR
from yarnhub.base.tls_pair import load_pair
from yarnhub.cluster.ports import choose_ports
from yarnhub.control.bootstrap import server_name
from yarnhub.control.frames import STREAM
from yarnhub.kernels.protocol import (
    END,
    RECEIVED,
    Activity,
    Channel,
    Order,
    ProcessState,
    Purpose,
    Report,
    line,
    read_report,
    unpack_messages,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

PATIENCE = 60.0


class End:
    """Takes a launcher's connections.

    Attributes:
        reports: All that were received.
        port: Where it listens.
        names: Which application each connection asked for.
        requests: Of the kernel's process.
        answer: To each of those.
    """

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.names: list[str | None] = []
        self.requests: list[bytes] = []
        self.answer = b""
        self.port = 0
        self.controls = 0
        self.control: asyncio.StreamWriter | None = None
        self._number = 0
        self._server: asyncio.Server | None = None
        self._idle: asyncio.Queue[Streams] = asyncio.Queue()
        self._writers: set[asyncio.StreamWriter] = set()
        self._changed = asyncio.Condition()

    async def stop(self) -> None:
        """Be gone: nothing listens at the port."""
        assert self._server is not None
        self._server.close()
        self.break_connections()

    async def serve(self, port: int = 0, protocols: tuple[str, ...] = (STREAM,)) -> asyncio.Server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=PAIR.certificate.decode())
        context.set_alpn_protocols(list(protocols))
        load_pair(context, PAIR.certificate, PAIR.key)
        context.sni_callback = lambda _, name, __: self.names.append(name)
        server = await asyncio.start_server(self._accept, "127.0.0.1", port, ssl=context)
        self._server = server
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        first = await reader.read(1)
        if first == Purpose.IDLE.value:
            self._idle.put_nowait((reader, writer))
        elif first == Purpose.CONTROL.value:
            self.controls += 1
            self.control = writer
            with contextlib.suppress(OSError):
                while received := await reader.readline():
                    async with self._changed:
                        self.reports.append(read_report(received))
                        self._changed.notify_all()
        elif first == Purpose.REQUEST.value:
            self.requests.append(await reader.readline())
            writer.write(self.answer)
            writer.close()
        else:
            writer.transport.abort()

    async def until(self, condition: Callable[[Report], object]) -> Report:
        """The first report from now on that fulfills a condition; the last one counts, too."""
        seen = max(0, len(self.reports) - 1)
        async with asyncio.timeout(PATIENCE), self._changed:
            while True:
                for report in self.reports[seen:]:
                    if condition(report):
                        return report
                seen = len(self.reports)
                await self._changed.wait()

    async def running(self, generation: int = 1) -> Report:
        return await self.until(
            lambda report: report.generation == generation and report.state is ProcessState.RUNNING
        )

    async def doing(self, activity: Activity) -> Report:
        return await self.until(lambda report: report.activity is activity)

    async def ended(self) -> Report:
        return await self.until(lambda report: report.state is ProcessState.ENDED)

    async def order(self, *, signal: int = 0, start: int = 0, wait: bool = True) -> None:
        self._number += 1
        number = self._number
        await self.send(line(Order(number=number, signal=signal, start=start)))
        if wait:
            await self.until(lambda report: report.order == number)

    async def send(self, data: bytes) -> None:
        assert self.control is not None
        self.control.write(data)
        await self.control.drain()

    async def open(self, channel: Channel | int) -> Streams:
        async with asyncio.timeout(PATIENCE):
            while True:
                reader, writer = await self._idle.get()
                if not writer.is_closing() and not reader.at_eof():
                    break
        writer.write(bytes((channel if isinstance(channel, int) else channel.value,)))
        await writer.drain()
        return reader, writer

    async def until_idle(self, count: int) -> None:
        """Wait until so many connections wait for a channel."""
        async with asyncio.timeout(PATIENCE):
            while self._idle.qsize() != count:
                await asyncio.sleep(0.02)

    async def until_controls(self, count: int) -> None:
        """Wait until as many control connections have been made, and reported."""
        async with asyncio.timeout(PATIENCE):
            while self.controls < count:
                await asyncio.sleep(0.02)

    async def history(self, *, confirm: bool = True) -> list[list[bytes]]:
        reader, writer = await self.open(Channel.HISTORY)
        data = b""
        async with asyncio.timeout(PATIENCE):
            while not data.endswith(END):
                received = await reader.read(2**20)
                assert received, "closed before the end"
                data += received
        if confirm:
            writer.write(RECEIVED)
            await writer.drain()
            async with asyncio.timeout(PATIENCE):
                assert await reader.read() == b""
        writer.close()
        return [parts for parts in unpack_messages(data) if parts]

    def break_connections(self) -> None:
        """Have the holder be gone, as after a kill."""
        for writer in self._writers:
            with contextlib.suppress(AttributeError):  # asyncio's, if it was closed twice
                writer.transport.abort()
        self._writers.clear()
        self._idle = asyncio.Queue()


@contextlib.asynccontextmanager
async def end() -> AsyncIterator[End]:
    made = End()
    # Not one of those that the system gives out while a test has it closed.
    await made.serve(choose_ports(["end"], {})["end"])
    try:
        yield made
    finally:
        await made.stop()


SERVER_NAME = server_name(ID)
