"""The holder of a server's kernels, from the start to the end of the server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from yarnhub.base.background import BackgroundTasks
from yarnhub.base.errors import LocalProtocolError, YarnhubError
from yarnhub.base.held_open import HeldOpen
from yarnhub.integrations.kernels.channel_sockets import ChannelSockets
from yarnhub.integrations.kernels.server_records import ServerKernelRecords

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from yarnhub.integrations.kernels.server_records import ServerKernelRecord
    from yarnhub.kernels.kernel import Kernel, KernelHolder

_FIRST_RETRY = 1.0
_LAST_RETRY = 30.0
"""Seconds: YARN is asked again and again, as nothing is known of the kernels until it responds."""
_log = logging.getLogger(__name__)


class Holding:
    """Enters a holder when it is first needed, and leaves it when the server stops.

    Args:
        root: The folder of the user's servers, see `ServerKernelRecords`.
        make: Constructs the holder for a folder of this server.
        owns: Whether a kernel with the id of one of this server's is that one.

    Attributes:
        records: The records of the server's kernels.
        sockets: Their channels.
        tasks: Work that outlives a request.

    Raises:
        OSError: The folder cannot be written.
    """

    def __init__(
        self,
        root: Path,
        make: Callable[[Path], KernelHolder],
        owns: Callable[[Kernel], bool] = lambda _: True,
    ) -> None:
        self._make = make
        self._owns = owns
        self.records = ServerKernelRecords(root, self._stored)
        self.sockets = ChannelSockets(self.records.folder / "channels")
        self.tasks = BackgroundTasks()
        self._holder = HeldOpen(self._new_holder, "holder of kernels")
        self._ends: dict[str, asyncio.Task[None]] = {}
        self._notes: dict[str, asyncio.Task[None]] = {}

    def _new_holder(self) -> KernelHolder:
        return self._make(self.records.folder)

    async def holder(self) -> KernelHolder:
        """The holder, after it has found its kernels.

        Cancelling a call leaves the others waiting. After an error, the next call tries again.

        Raises:
            YarnhubError: It could not be entered.
        """
        return await self._holder.value()

    async def find(self, kernel_id: str, tell: Callable[[str], None]) -> Kernel | None:
        """A kernel that the server before this one started; None if there is none.

        Waits until YARN responds.

        Args:
            kernel_id: Its id.
            tell: Called with the reason after each failure.
        """
        kernel = (await self.found(tell)).find(kernel_id)
        return kernel if kernel is not None and self._owns(kernel) else None

    async def found(self, tell: Callable[[str], None] = lambda _: None) -> KernelHolder:
        """The holder, after it has found its kernels; waits until YARN responds.

        Args:
            tell: Called with the reason after each failure.
        """
        pause = _FIRST_RETRY
        while True:
            try:
                return await self.holder()
            except YarnhubError as error:
                _log.warning("the kernels cannot be found again, retrying: %s", error)
                tell(str(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST_RETRY)

    def keep_note(self, kernel_id: str) -> None:
        """Have a kernel's record kept with the kernel, in the background."""
        latest = self._notes.get(kernel_id)
        if latest is None or latest.done():
            with contextlib.suppress(LocalProtocolError):  # the server is being stopped
                self._notes[kernel_id] = self.tasks.start(
                    self._keep_note(kernel_id), name=f"note of kernel {kernel_id}"
                )

    def _stored(self, record: ServerKernelRecord) -> None:
        if record.server:
            self.keep_note(record.id)

    async def _keep_note(self, kernel_id: str) -> None:
        kernel = (await self.found()).find(kernel_id)
        while kernel is not None:
            record = self.records.get(kernel_id)
            if record is None or kernel.request.note == (note := record.dump()):
                return
            try:
                await kernel.write_note(note)
            except YarnhubError as error:
                _log.warning("kernel %s may not be found again: %s", kernel_id, error)
                return

    def begin_end(self, kernel_id: str, *, now: bool = False) -> None:
        """End a kernel's container and remove all records of the kernel, in the background.

        The next server continues what this one does not finish.

        Args:
            kernel_id: The kernel's id.
            now: Without a grace period.
        """
        if kernel_id in self._ends:
            return
        self.sockets.close(kernel_id)
        try:
            self.records.change(kernel_id, ending=True)
        except OSError as error:  # a full disk keeps no container
            _log.warning("kernel %s may be found again: %s", kernel_id, error)
        work = self._end(kernel_id, now=now)
        task = self._ends[kernel_id] = self.tasks.start(work, name=f"end of kernel {kernel_id}")
        task.add_done_callback(lambda _: self._ends.pop(kernel_id, None))

    def is_ending(self, kernel_id: str) -> bool:
        """Whether a kernel's container ends in the background."""
        return kernel_id in self._ends

    async def end(self, kernel_id: str, *, now: bool = False) -> None:
        """As `begin_end`; returns when the container is gone.

        Cancelling leaves the work running in the background.
        """
        self.begin_end(kernel_id, now=now)
        await asyncio.shield(self._ends[kernel_id])

    async def ended(self) -> None:
        """Wait until all that has begun to end is gone."""
        if self._ends:
            await asyncio.wait(self._ends.values())

    async def aclose(self) -> None:
        """Leave the holder; no kernel ends."""
        await self.tasks.aclose()
        await self.sockets.aclose()
        await self._holder.aclose()
        self.records.release()

    async def _end(self, kernel_id: str, *, now: bool) -> None:
        kernel = await self.find(kernel_id, lambda _: None)
        if kernel is not None:
            await _stop(kernel, now=now)
            with contextlib.suppress(YarnhubError):
                (await self.holder()).forget(kernel_id)
        self.records.remove(kernel_id)


async def _stop(kernel: Kernel, *, now: bool) -> None:
    """Stop a kernel, however long YARN does not respond."""
    pause = _FIRST_RETRY
    while True:
        try:
            return await kernel.stop(now=now)
        except YarnhubError as error:
            _log.warning("kernel %s cannot be stopped, retrying: %s", kernel.id, error)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LAST_RETRY)
