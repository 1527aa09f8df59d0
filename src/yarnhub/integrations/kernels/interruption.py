"""What a kernel publishes while its channels are interrupted, as by a restart of its service.

The launcher keeps what nobody listens to. Clients that stayed connected to this server receive it
when the channels are open again: what arrives in the meantime waits, so that the order remains.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyter_client.session import Session
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

from yarnhub.base.errors import YarnhubError
from yarnhub.integrations.kernels import words
from yarnhub.integrations.kernels.replay import Message, Missed, all_subscribed, last_count
from yarnhub.kernels.kernel import KernelState
from yarnhub.kernels.protocol import Activity

if TYPE_CHECKING:
    from yarnhub.integrations.kernels.channel_sockets import ChannelSockets
    from yarnhub.kernels.kernel import Kernel, KernelStatus

SUBSCRIBED = 2.0
"""Seconds for subscriptions to reach the kernel after their connections are open."""
CLOSED = 0.5
"""Seconds in which all channels have closed after the first: they end together."""
_ALL = 5.0
"""Seconds for all subscriptions to return; the launcher keeps messages for 10 after the first."""
_LOOK = 0.1
"""Seconds between looks whether a client that had left has returned."""
_ATTEMPTS = 3
"""Failed requests for what was kept until it is given up, while the channels are open."""
BEFORE = "yarnhub.before"
"""The item of a buffer of jupyter_server with the number of its messages before an interruption."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SentCell:
    """A request to run a cell.

    Attributes:
        header: Its header.
        generation: Of the kernel's process to which it was sent.
        sent: When it was sent, by the event loop's clock.
    """

    header: dict[str, Any]
    generation: int
    sent: float


@dataclass(frozen=True, slots=True)
class Interruption:
    """The end of a kernel's channels.

    Attributes:
        generation: Of the process whose channels they were.
        noticed: When it was noticed, by the event loop's clock.
    """

    generation: int
    noticed: float

    def why_lost(self, status: KernelStatus, cell: SentCell) -> str:
        """Why there will be no reply to a cell; empty if there may be one.

        Args:
            status: The kernel's, which may not know of cells that were sent a moment ago.
            cell: A cell without a reply.
        """
        if cell.generation < status.generation:
            return words.restarted()
        before = cell.generation == self.generation and cell.sent < self.noticed
        return words.lost_end() if before and status.activity is Activity.IDLE else ""


async def bridge(
    manager: Any, kernel_manager: Any, kernel: Kernel, interruption: Interruption
) -> None:
    """Hand on what a kernel publishes until its channels are open again, once and in its order.

    Cancelling hands on what has arrived.

    Args:
        manager: The `YarnhubKernelManager`.
        kernel_manager: The kernel's `ContainerKernel`.
        kernel: The kernel.
        interruption: The end of the channels that were there before.
    """
    signer = Session(key=kernel.key.encode())
    for each in _connections(manager, kernel.id):
        each.hold(signer)
    left = _Left(manager, kernel.id)
    count = None
    try:
        kept = await _kept(manager, kernel_manager, kernel, signer, left)
        kernel_manager.confirmed = True
        complete = [_complete(each, kept) for each in _held(manager, kernel.id)]
        complete.append(_complete(left.held(signer), kept))
        if any(missed.lacks_count for missed in complete):
            count = await last_count(kernel_manager, signer)
        # Clients may have come and gone meanwhile.
        for each in _held(manager, kernel.id):
            _complete(each, kept)
        left.hand_on(_complete(left.held(signer), kept), count)
    finally:
        why_lost = partial(interruption.why_lost, kernel.status)
        for each in _connections(manager, kernel.id):
            try:
                each.hand_on(count, why_lost)
            except Exception:  # noqa: BLE001  # what one client gets ends no other's wait
                _log.exception("kernel %s: output has been lost", kernel.id)


def _connections(manager: Any, kernel_id: str) -> list[Any]:
    """The connections of clients to a kernel, each a `PatientConnection`."""
    return [
        each
        for each in ZMQChannelsWebsocketConnection._open_sockets  # noqa: SLF001
        if each.multi_kernel_manager is manager and each.kernel_id == kernel_id
    ]


def _held(manager: Any, kernel_id: str) -> list[Missed]:
    connections = _connections(manager, kernel_id)
    return [each.held for each in connections if each.held is not None]


def _complete(missed: Missed, kept: list[list[bytes]]) -> Missed:
    """Add what the launcher has kept, unless it has been."""
    for parts in kept:
        missed.add("iopub", parts, kept=True)
    return missed


async def _kept(
    manager: Any, kernel_manager: Any, kernel: Kernel, signer: Session, left: _Left
) -> list[list[bytes]]:
    """What the launcher has kept, when the channels are open again."""
    sockets: ChannelSockets = manager.holding.sockets
    failed = 0
    await asyncio.sleep(CLOSED)

    def expected() -> int:  # clients come and go
        return len(_held(manager, kernel.id)) + left.subscriptions + 1  # our activity

    while await sockets.listening(kernel.id, lambda: 1):
        if kernel.status.state is KernelState.DEAD:  # they are of the kernel after it
            break
        for each in _held(manager, kernel.id):
            each.subscribed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ALL):
                await sockets.listening(kernel.id, expected)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SUBSCRIBED):
                while left.subscriptions:
                    await asyncio.sleep(_LOOK)
        await all_subscribed(kernel_manager, signer, _held(manager, kernel.id))
        try:
            kept = await kernel.history()
        except YarnhubError as error:
            failed += 1 if sockets.listeners(kernel.id) else 0
            if failed == _ATTEMPTS:
                _log.warning("kernel %s: output has been lost: %s", kernel.id, error)
                break
        else:
            return kept
    return []


class _Left:
    """The client that has left, and for which jupyter_server keeps messages."""

    def __init__(self, manager: Any, kernel_id: str) -> None:
        self._buffers = manager._kernel_buffers  # noqa: SLF001
        self._kernel_id = kernel_id
        self._buffer = self._find()
        self._before = len(self._buffer["buffer"]) if self._buffer else 0
        if self._buffer:
            self._buffer[BEFORE] = self._before

    @property
    def subscriptions(self) -> int:
        """Of this client; none once it has returned, or another one has come."""
        return 1 if self._find() else 0

    def _find(self) -> Any:  # its keys are `session_key`, `buffer` and `channels`
        return self._buffers.get(self._kernel_id)

    def held(self, signer: Session) -> Missed:
        """What has arrived for it since the interruption."""
        buffer = self._find()
        if buffer is not self._buffer:  # it has left since then
            self._buffer, self._before = buffer, 0
        session = buffer["session_key"].partition(":")[2] if buffer else ""
        before = buffer["buffer"][: self._before] if buffer else ()
        read = [Message.read(parts) for _, parts in before]
        missed = Missed(session, signer, [each.id for each in read if each is not None])
        for channel, parts in buffer["buffer"][self._before :] if buffer else ():
            missed.add(channel, parts)
        return missed

    def hand_on(self, missed: Missed, count: int | None) -> None:
        """Put all in its place."""
        buffer = self._find()
        if buffer is not None and buffer is self._buffer:
            buffer["buffer"][self._before :] = missed.buffered(count)
