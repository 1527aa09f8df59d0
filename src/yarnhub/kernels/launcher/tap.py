"""Reads what a kernel publishes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.kernels.launcher.zmtp import Subscriber

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnhub.kernels.launcher.output import Output


async def tap(
    address: str | tuple[str, int], output: Output, subscribed: Callable[[], None]
) -> None:
    """Read what a kernel publishes until its socket is closed.

    Args:
        address: Its IOPUB socket.
        output: Takes the messages.
        subscribed: Called when the subscription is sent, so that nothing is missed from now on.

    Raises:
        OSError: The socket cannot be reached.
    """
    loop = asyncio.get_running_loop()
    closed = loop.create_future()
    transport = await connect(address, lambda: _Tap(output, closed, subscribed))
    try:
        await closed
    finally:
        transport.abort()


async def connect(
    address: str | tuple[str, int], protocol: Callable[[], asyncio.Protocol]
) -> asyncio.Transport:
    """Connect to one of a kernel's sockets.

    Raises:
        OSError: It cannot be reached.
    """
    loop = asyncio.get_running_loop()
    if isinstance(address, str):
        return (await loop.create_unix_connection(protocol, address))[0]
    return (await loop.create_connection(protocol, *address))[0]


class _Tap(asyncio.Protocol):
    def __init__(
        self, output: Output, closed: asyncio.Future[None], subscribed: Callable[[], None]
    ) -> None:
        self._output = output
        self._closed = closed
        self._subscribed: Callable[[], None] | None = subscribed
        self._subscriber = Subscriber(output.limit)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._subscriber.data_to_send())

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._subscriber.limit = self._output.limit
        try:
            messages = self._subscriber.receive(data)
        except RemoteProtocolError:
            self._transport.abort()
            return
        if answer := self._subscriber.data_to_send():
            self._transport.write(answer)
        if self._subscribed is not None and self._subscriber.subscribed:
            self._subscribed()
            self._subscribed = None
        for parts in messages:
            self._output.take(parts)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002  # asyncio's
        if not self._closed.done():
            self._closed.set_result(None)
