"""What an idle connection becomes when the holder needs it: a channel to the kernel."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from yarnhub.base.tasks import task_group
from yarnhub.kernels.launcher.splice import End
from yarnhub.kernels.launcher.tap import connect
from yarnhub.kernels.protocol import END, RECEIVED, Channel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from yarnhub.kernels.launcher.output import Output

    Address = str | tuple[str, int]

_BIND_PAUSE = 0.05
"""Seconds until a socket that does not accept connections yet is tried again."""
_CHUNK = 256 * 1024


async def serve_channel(
    end: End,
    channel: Channel,
    address: Callable[[Channel], Awaitable[Address]],
    output: Output,
) -> None:
    """Serve one channel until either side closes it.

    Args:
        end: The holder's connection.
        channel: What it asked for.
        address: Waits until the kernel's socket is bound, and returns where it is.
        output: What the kernel has published.
    """
    if channel is Channel.HISTORY:
        await _send_history(end, output)
        await end.close()
        return
    other = await _open(end, channel, address)
    if other is None:
        return
    listens = channel is Channel.IOPUB
    if listens:
        output.joined(end.has_left)
    try:
        end.join(other)
        await asyncio.wait((end.closed, other.closed), return_when=asyncio.FIRST_COMPLETED)
        if listens:
            output.left(end.has_left)
            listens = False
        await other.close()
        await end.close()
    finally:
        other.abort()
        if listens:
            output.left(end.has_left)


async def _send_history(end: End, output: Output) -> None:
    number, dropped, messages = output.history()
    try:
        for chunk in _chunks(messages):
            await end.write(chunk)
        await end.write(END)
    except OSError:
        return
    if await end.read_byte() == RECEIVED[0]:
        output.received(number, dropped)


def _chunks(messages: Sequence[bytes]) -> Iterator[bytes]:
    """The messages in pieces that are worth a system call."""
    chunk: list[bytes] = []
    size = 0
    for each in messages:
        chunk.append(each)
        size += len(each)
        if size >= _CHUNK:
            yield b"".join(chunk)
            chunk, size = [], 0
    yield b"".join(chunk)


async def _open(
    end: End, channel: Channel, address: Callable[[Channel], Awaitable[Address]]
) -> End | None:
    """Connect to the kernel's socket, however long it takes to be bound; None if `end` closes."""
    async with task_group() as group:
        connecting = group.create_task(_connect(channel, address))
        await asyncio.wait((end.closed, connecting), return_when=asyncio.FIRST_COMPLETED)
        connecting.cancel()  # nothing happens if it is connected
    return None if connecting.cancelled() else connecting.result()


async def _connect(channel: Channel, address: Callable[[Channel], Awaitable[Address]]) -> End:
    while True:
        where = await address(channel)
        end = End()
        try:
            await connect(where, lambda: end)  # noqa: B023  # called within
        except OSError:  # it ended just now, or is bound but does not listen yet
            await asyncio.sleep(_BIND_PAUSE)
        else:
            return end
