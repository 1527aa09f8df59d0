"""The websockets that carry the bytes of kernels' channels to users' own servers."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from typing import TYPE_CHECKING

from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from tornado import web
from tornado.ioloop import PeriodicCallback
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from yarnhub.base.errors import YarnhubError
from yarnhub.kernels.protocol import SOCKETS, Channel
from yarnhub.kernels.service_protocol import MAX_FRAME, OPENED, KernelNotFoundError, dump_error
from yarnhub.server.gateway.identity import is_cross_site
from yarnhub.server.gateway.user_servers.handler import ServerHandler

if TYPE_CHECKING:
    import asyncio

    from yarnhub.kernels.kernel import Kernel

CHANNELS = {channel.name.lower(): channel for channel in SOCKETS}
"""The channels, by their names in paths."""
_OPEN = 60.0
"""Seconds that a client may wait for a channel."""
_PING = 25.0
"""Seconds between pings: proxies close silent connections."""
_CHUNK = 64 * 1024
_ENDED = 4000
_INVALID = 1008
"""RFC 6455, 7.4.1: the message violates a policy."""


class ChannelHandler(ServerHandler, WebSocketHandler, JupyterHandler):
    """`kernels/ID/channels/NAME`: the bytes of one connection to a socket of a kernel."""

    _serving: asyncio.Task[None] | None = None
    _writer: asyncio.StreamWriter | None = None

    def set_default_headers(self) -> None:
        """None: there is no page."""

    def get_compression_options(self) -> None:
        """None: a proxy between would wait for more to compress."""

    @property
    def max_message_size(self) -> int:
        """Bytes of a message from the client."""
        return MAX_FRAME

    def check_origin(self, origin: str) -> bool:  # noqa: ARG002  # tornado's
        """Whether the request is not from a page of another site."""
        return self.token_authenticated or not is_cross_site(self)

    @ws_authenticated
    async def get(self, kernel_id: str, channel: str) -> None:
        """Serve a websocket; returns when it is closed."""
        websockets = self.service.websockets
        try:
            self._kernel = await self.kernels.own(self.user, kernel_id, "connect", self.origin)
            websockets.add(self, self.user)
        except KernelNotFoundError as error:
            raise web.HTTPError(404, str(error)) from error
        except YarnhubError as error:
            raise web.HTTPError(503, str(error)) from error
        notebook = Counter({kernel_id: 1} if channel == "shell" else ())
        self.kernels.clients += notebook
        try:
            await super().get(kernel_id, channel)
        finally:
            websockets.remove(self)
            self.kernels.clients -= notebook

    def open(self, kernel_id: str, channel: str) -> None:
        """Begin; tornado reads no message before this returns."""
        self.set_nodelay(True)
        if channel == "shell":  # a client opens all of them
            self.kernels.connected(self.user, kernel_id, self.origin)
        work = self._serve(self._kernel, CHANNELS[channel], self._deadline())
        self._serving = self.service.tasks.start(work, name=f"{channel} of kernel {kernel_id}")

    async def on_message(self, message: str | bytes) -> None:
        """Pass a message on; tornado reads the next one when this has returned."""
        writer = self._writer
        if writer is None or isinstance(message, str):
            self.close(_INVALID, "only bytes are allowed, after the channel has been opened")
            return
        writer.write(message)
        with contextlib.suppress(OSError):
            await writer.drain()

    def on_close(self) -> None:
        """End what was begun."""
        if self._serving is not None:
            self._serving.cancel()

    async def _serve(self, kernel: Kernel, channel: Channel, deadline: float) -> None:
        try:
            reader, writer = await kernel.open(channel, deadline=deadline)
        except YarnhubError as error:
            with contextlib.suppress(WebSocketClosedError):
                await self.write_message(json.dumps(dump_error(error)))
            self.close(_ENDED)
            return
        pings = PeriodicCallback(self._send_ping, _PING * 1000)
        pings.start()
        try:
            with contextlib.closing(writer), contextlib.suppress(OSError, WebSocketClosedError):
                self._writer = writer
                await self.write_message(OPENED)
                while data := await reader.read(_CHUNK):
                    await self.write_message(data, binary=True)
        finally:
            pings.stop()
            self.close(_ENDED)

    def _send_ping(self) -> None:
        # Whether a pong arrives is not checked: a client that does not read at the moment, because
        # its own reader does not, answers none.
        with contextlib.suppress(WebSocketClosedError):
            self.ping(b"")

    def _deadline(self) -> float:
        try:
            return min(max(float(self.get_argument("deadline", "30")), 0.0), _OPEN)
        except ValueError:
            return 30.0
