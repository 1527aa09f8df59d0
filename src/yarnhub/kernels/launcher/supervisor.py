"""Looks after the kernel's process: reaps it, carries out orders, and knows its state."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING

from yarnhub.kernels.launcher.tap import tap
from yarnhub.kernels.protocol import Channel, ProcessState, Report

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnhub.base.background import BackgroundTasks
    from yarnhub.kernels.launcher.output import Output
    from yarnhub.kernels.launcher.process import KernelProcess
    from yarnhub.kernels.protocol import Order

GRACE_PERIOD = 5.0
"""Seconds between SIGTERM and SIGKILL when the container ends."""
_KILL_TIMEOUT = 10.0
"""Seconds for killed processes to be gone; one that waits for a disk may take longer."""
_FIRST_LOOK, _LAST_LOOK = 0.02, 0.5
"""Seconds between two looks for a kernel's sockets: they grow."""
_TAP_PAUSE = 0.2
_SUBSCRIBE = 0.2
"""Seconds for a kernel whose sockets are bound to take a subscription; it needs milliseconds."""
_START_ATTEMPTS = 3
"""Starts of a kernel whose ports were taken by other programs."""
_MAX_ORDERS = 100
_MAX_SIGNAL = 64


class Supervisor:
    """Looks after the processes of one kernel.

    Args:
        process: The kernel's; its first one has been started.
        output: What it publishes.
        changed: Set when the report is another one.
        tasks: Of the program.
        say: Writes a line for the container's log.
        ended: Called when a process has ended, or could not be started, and none replaces it.
    """

    def __init__(
        self,
        process: KernelProcess,
        output: Output,
        changed: asyncio.Event,
        tasks: BackgroundTasks,
        say: Callable[[str], None],
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self.changed = changed
        self._process = process
        self._output = output
        self._tasks = tasks
        self._say = say
        self._on_end = ended
        self._order = 0
        self._orders: asyncio.Queue[Order] = asyncio.Queue(_MAX_ORDERS)
        self._running = asyncio.Event()
        self._reaped = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._attempts = 1
        self._ending = False

    @property
    def report(self) -> Report:
        """The state, the whole of it."""
        process, output = self._process, self._output
        return Report(
            generation=process.generation,
            state=process.state,
            pid=process.pid,
            code=process.code,
            error=process.error,
            activity=output.activity,
            active=output.active,
            order=self._order,
            dropped=output.dropped,
        )

    async def run(self) -> None:
        """Carry out orders until cancelled."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._reap)
        self._watch()
        self._reap()  # it may have ended before
        while True:
            await self._carry_out(await self._orders.get())

    async def order(self, order: Order) -> None:
        """Have an order carried out after those before; an old one is ignored.

        Cancelling it while too many wait leaves it out.
        """
        await self._orders.put(order)

    async def address(self, channel: Channel) -> str | tuple[str, int]:
        """Where one of the kernel's sockets is, as soon as it is bound."""
        await self._running.wait()
        return self._process.sockets.address(channel)

    async def end(self) -> None:
        """End the kernel and all that it has started: SIGTERM, and SIGKILL after a time."""
        self._ending = True
        self._process.send(signal.SIGTERM)
        if not await self._gone(GRACE_PERIOD):
            await self._kill()

    # --- orders

    async def _carry_out(self, order: Order) -> None:
        if order.number <= self._order:
            return
        if 0 < order.signal <= _MAX_SIGNAL:
            self._process.send(order.signal)
        if order.start > self._process.generation:
            await self._restart(order.start)
        self._order = order.number
        self.changed.set()

    async def _restart(self, generation: int) -> None:
        self._ending = True
        await self._kill()
        self._ending = False
        self._attempts = 1
        self._process.start(generation)
        self._output.reset()
        self._watch()

    async def _kill(self) -> None:
        """Kill the kernel and all that it has started."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _KILL_TIMEOUT
        # Again and again: what a process has started just now has not got the signal.
        while loop.time() < until:
            self._process.send(signal.SIGKILL)
            if await self._gone(_FIRST_LOOK):
                return
        self._say("processes of the kernel have been killed and do not end")

    async def _gone(self, patience: float) -> bool:
        """Wait until the kernel and all that it has started have ended; whether they have."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self._process.members(everything=True):
                    self._reaped.clear()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_LAST_LOOK):
                            await self._reaped.wait()
        self._reap()
        return not self._process.members(everything=True)

    # --- the process

    def _watch(self) -> None:
        """Wait for the sockets of a process that has been started."""
        if self._watching is not None:
            self._watching.cancel()
        self._running.clear()
        self.changed.set()
        process = self._process
        if process.error:
            self._say(f"the kernel cannot be started: {process.error}")
            self._on_end()
            return
        self._say(f"started the kernel as process {process.pid}")
        self._watching = self._tasks.start(self._listen(), "sockets of the kernel")

    async def _listen(self) -> None:
        """Wait until the sockets are bound, and take what the kernel publishes."""
        process, pause = self._process, _FIRST_LOOK
        while not process.sockets.bound(lambda: process.members(everything=True)):
            if process.state is ProcessState.ENDED:
                return
            await asyncio.sleep(pause)
            pause = min(_LAST_LOOK, pause * 1.05)
        # Only then a cell can be sent to it, whose output would be missed before.
        fallback = asyncio.get_running_loop().call_later(_SUBSCRIBE, self._run_process)
        try:
            while process.state is not ProcessState.ENDED:
                with contextlib.suppress(OSError):
                    address = process.sockets.address(Channel.IOPUB)
                    await tap(address, self._output, self._run_process)
                await asyncio.sleep(_TAP_PAUSE)
        finally:
            fallback.cancel()

    def _run_process(self) -> None:
        """The process has started: its channels can be opened."""
        if self._process.state is ProcessState.STARTING:
            self._process.state = ProcessState.RUNNING
            self._running.set()
            self.changed.set()

    def _reap(self) -> None:
        """Take the exit codes of all children that have ended, adopted ones too."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if not pid:
                break
            if pid == self._process.pid and self._process.state is not ProcessState.ENDED:
                self._ended(os.waitstatus_to_exitcode(status))
        self._reaped.set()

    def _ended(self, code: int) -> None:
        process = self._process
        starting = process.state is ProcessState.STARTING
        process.ended(code)
        self._running.clear()
        self._output.reset()
        self.changed.set()
        self._say(f"the kernel's process {process.pid} ended with exit code {code}")
        retry = starting and not self._ending and self._attempts < _START_ATTEMPTS
        if retry and process.sockets.taken():
            self._attempts += 1
            self._say("its ports were taken by another program: it is started again")
            process.start(process.generation)
            self._watch()
        elif not self._ending:
            self._on_end()
