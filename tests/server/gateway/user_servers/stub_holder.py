"""A holder whose kernels are sockets of this process that return what they get."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from yarnhub.base.background import BackgroundTasks
from yarnhub.base.errors import DeadlineExceededError, YarnhubError
from yarnhub.control.outcomes import Cause, Outcome, Subject
from yarnhub.kernels.kernel import Kernel, KernelHolder, KernelState, KernelStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.kernels.connect import ConnectServer
    from yarnhub.kernels.protocol import Channel
    from yarnhub.kernels.request import KernelRequest

STOPPED = Outcome(cause=Cause.KILLED_BY_MASTER, subject=Subject.APPLICATION)


class StubKernel(Kernel):
    """Tests set what it does.

    Attributes:
        signals: That it got.
        kept: Messages for `history`.
        opening: Channels that wait for the launcher.
        far: The launcher's ends of the channels.
        connects: Whether the launcher is there.
        echoes: Whether what is sent to a channel comes back.
        server: Its Spark Connect server.
    """

    connects = True
    echoes = True
    server: ConnectServer | None = None

    def __init__(self, request: KernelRequest, number: int) -> None:
        self.request = request
        self.application_id = f"application_1700000000000_{number:04}"
        self.key = f"key-of-{request.id}"
        self.signals: list[int] = []
        self.kept: list[list[bytes]] = []
        self.opening = 0
        self.far: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._tasks = BackgroundTasks()
        self._news = asyncio.Event()
        self._status = KernelStatus(state=KernelState.RUNNING, connected=True, node="n1")

    @property
    def connect(self) -> ConnectServer | None:
        return self.server

    @property
    def status(self) -> KernelStatus:
        return self._status

    async def changed(self, seen: KernelStatus) -> KernelStatus:
        while self._status == seen:
            await self._news.wait()
        return self._status

    def change(self, **changes: Any) -> None:
        self._status = replace(self._status, **changes)
        self._news.set()
        self._news = asyncio.Event()

    async def signal(self, number: int) -> None:
        self.signals.append(number)

    async def restart(self) -> int:
        self._check()
        self.change(generation=self._status.generation + 1)
        return self._status.generation

    async def stop(self, *, now: bool = False) -> None:
        self.change(state=KernelState.DEAD, outcome=STOPPED, connected=False)

    async def open(
        self, channel: Channel, *, deadline: float = 30.0
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._check()
        self.opening += 1
        try:
            async with asyncio.timeout(deadline):
                while not self.connects:
                    await self._news.wait()
        except TimeoutError as error:
            raise DeadlineExceededError("the launcher is not connected") from error
        finally:
            self.opening -= 1
        near, far = socket.socketpair()
        self.far.append(await asyncio.open_connection(sock=far))
        if self.echoes:
            _ = self._tasks.start(self._echo(*self.far[-1]), "echo")
        return await asyncio.open_connection(sock=near)

    async def history(self) -> list[list[bytes]]:
        kept, self.kept = self.kept, []
        return kept

    async def write_note(self, note: str) -> None:
        self.request = replace(self.request, note=note)

    async def leave(self) -> None:
        await self._tasks.aclose()
        for _, writer in self.far:
            writer.close()
        self.far.clear()

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()

    def _check(self) -> None:
        if self._status.state is KernelState.DEAD:
            raise YarnhubError(f"kernel {self.id} is dead")


class StubHolder(KernelHolder):
    """Its kernels outlive it: pass them to the next one.

    Attributes:
        accepts: Whether YARN accepts kernels.
        refusal: The error of a start.
        starts: Starts that wait for YARN.
    """

    refusal: YarnhubError | None = None

    def __init__(self, kernels: dict[str, StubKernel] | None = None) -> None:
        self.held = {} if kernels is None else kernels
        self.accepts = asyncio.Event()
        self.accepts.set()
        self.starts = 0

    async def __aenter__(self) -> Self:
        return self

    async def aclose(self) -> None:
        for kernel in self.held.values():
            await kernel.leave()
            kernel._tasks = BackgroundTasks()

    async def start(self, request: KernelRequest) -> StubKernel:
        assert request.id not in self.held
        self.starts += 1
        try:
            await self.accepts.wait()
        finally:
            self.starts -= 1
        if self.refusal is not None:
            raise self.refusal
        kernel = self.held[request.id] = StubKernel(request, len(self.held) + 1)
        return kernel

    def find(self, kernel_id: str) -> StubKernel | None:
        return self.held.get(kernel_id)

    def kernels(self) -> Sequence[StubKernel]:
        return list(self.held.values())

    def forget(self, kernel_id: str) -> None:
        del self.held[kernel_id]
