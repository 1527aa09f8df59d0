"""The REST API for users' own servers; `yarnhub.kernels.service_protocol` describes it.

Each id is looked up among the kernels of the request's user: unknown ids and those of other users
get the same answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import re
import signal
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from tornado import web
from tornado.ioloop import PeriodicCallback
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from yarnhub.base.errors import (
    DeadlineExceededError,
    LocalProtocolError,
    RemoteProtocolError,
    SpecError,
    YarnhubError,
)
from yarnhub.client.errors import ApplicationFailedError
from yarnhub.kernels import service_protocol
from yarnhub.kernels.protocol import SOCKETS, Channel, pack_message
from yarnhub.kernels.service_protocol import (
    MAX_FRAME,
    MAX_WAIT,
    OPENED,
    ROOT,
    KernelModel,
    KernelNotFoundError,
    dump_error,
)
from yarnhub.server.gateway.handlers import _UserHandler
from yarnhub.server.gateway.hub_login import HubUnavailableError
from yarnhub.server.gateway.identity import is_cross_site
from yarnhub.server.gateway.limits import LimitReachedError
from yarnhub.server.gateway.remote_kernels import (
    NotReadyError,
    RemoteKernels,
    TooManyRequestsError,
)
from yarnhub.server.gateway.remote_kernelspecs import RemoteKernelspecs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine

    from yarnhub.kernels.kernel import Kernel
    from yarnhub.server.gateway.identity import Identity

_log = logging.getLogger(__name__)

MAX_BODY = 256 * 1024
_OPEN = 60.0
"""Seconds that a client may wait for a channel."""
_PING = 25.0
"""Seconds between pings: proxies close silent connections."""
_CHUNK = 64 * 1024
_ENDED = 4000
_INVALID = 1008
"""RFC 6455, 7.4.1: the message violates a policy."""
_BYTES = "application/octet-stream"
_STOPPING = "The kernel service is being stopped"
_CHANNELS = {channel.name.lower(): channel for channel in SOCKETS}
_KERNEL = r"(?P<kernel_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_PREFER = re.compile(r"wait=([0-9]{1,4}(?:\.[0-9]{1,3})?)")


class _Handler(_UserHandler):
    """What all handlers have in common."""

    @property
    def kernels(self) -> RemoteKernels:
        """All kernels."""
        kernels: RemoteKernels = self.settings["remote_kernels"]
        return kernels

    @property
    def kernelspecs(self) -> RemoteKernelspecs:
        """All kernelspecs."""
        kernelspecs: RemoteKernelspecs = self.settings["remote_kernelspecs"]
        return kernelspecs

    @property
    def user(self) -> Identity:
        """The user of the request."""
        if self.identity is None:
            raise web.HTTPError(403)
        return self.identity

    @property
    def origin(self) -> dict[str, object]:
        """Where the request is from, for the audit log."""
        headers = self.request.headers
        return {
            "address": self.request.remote_ip,
            "forwarded_for": headers.get("X-Forwarded-For"),
        }


class _ApiHandler(_Handler, APIHandler):
    """A request with an answer."""

    content_type = "application/json"
    _work: asyncio.Task[Any] | None = None
    _is_connected = True

    def compute_etag(self) -> None:
        """None: the answers that need one have one."""

    def on_connection_close(self) -> None:
        """Cancel what the client waited for."""
        self._is_connected = False
        if self._work is not None:
            self._work.cancel()

    async def run(self, work: Coroutine[Any, Any, bytes | None]) -> None:
        """Answer with the result of some work, or with its error.

        The work is cancelled when the client disconnects, or the service is stopped.
        """
        try:
            name = f"answer to {self.request.path}"
            self._work = self.service.tasks.start(_caught(work), name=name)
            await asyncio.wait([self._work])
        except LocalProtocolError as error:  # the tasks are closed
            raise web.HTTPError(503, _STOPPING) from error
        if not self._is_connected:
            self.set_status(204)  # for the log
            return
        if self._work.cancelled():
            self._stopped()
            return
        result = self._work.result()
        if isinstance(result, YarnhubError):
            self._fail(result)
        elif result is None:
            self.set_status(204)
            self.finish()
        elif self.get_status() == 304:
            self.finish()
        else:
            self.finish(result, set_content_type=self.content_type)

    def _stopped(self) -> None:
        """Answer when the service is stopped."""
        raise web.HTTPError(503, _STOPPING)

    def body(self) -> dict[str, Any]:
        """The body.

        Raises:
            RemoteProtocolError: It is not a JSON object.
        """
        if len(self.request.body) > MAX_BODY:
            raise RemoteProtocolError(f"the body has more than {MAX_BODY} bytes")
        try:
            plain = json.loads(self.request.body or b"{}")
        except (ValueError, RecursionError) as error:
            raise RemoteProtocolError("the body is not JSON") from error
        if not isinstance(plain, dict):
            raise RemoteProtocolError("the body is not a JSON object")
        return plain

    def _fail(self, error: YarnhubError) -> None:
        status = _status(error)
        if status in {429, 503}:  # without `error`: the client asks again
            raise web.HTTPError(status, str(error))
        self.set_status(status)
        self.finish(json.dumps({"message": str(error), "error": dump_error(error)}))


class KernelsHandler(_ApiHandler):
    """`kernels`: all kernels of the user."""

    @web.authenticated
    async def get(self) -> None:
        """Answer at once, or when something has changed."""
        await self.run(self._states())

    def _stopped(self) -> None:
        """Nothing has changed so far."""
        self.set_status(304)
        self.finish()

    async def _states(self) -> bytes | None:
        tag = self.request.headers.get("If-None-Match", "")
        prefer = _PREFER.fullmatch(self.request.headers.get("Prefer", ""))
        wait = min(float(prefer[1]), MAX_WAIT) if prefer is not None and tag else 0.0
        body, found = await self.kernels.states(self.user, tag, wait)
        self.set_header("ETag", found)
        self.set_header("Cache-Control", "no-store")
        if found == tag:
            self.set_status(304)
            return b""
        return body


class KernelHandler(_ApiHandler):
    """`kernels/ID`."""

    @web.authenticated
    async def get(self, kernel_id: str) -> None:
        """Answer with one kernel."""
        await self.run(self._get(kernel_id))

    async def _get(self, kernel_id: str) -> bytes:
        return _model(await self.kernels.own(self.user, kernel_id))

    @web.authenticated
    async def put(self, kernel_id: str) -> None:
        """Start a kernel."""
        await self.run(self._start(kernel_id))

    async def _start(self, kernel_id: str) -> bytes:
        _ = self.body()
        start = service_protocol.load_start(self.request.body)
        return _model(await self.kernels.start(self.user, kernel_id, start, self.origin))

    @web.authenticated
    async def delete(self, kernel_id: str) -> None:
        """Cancel a start, or forget a dead kernel."""
        await self.run(self.kernels.forget(self.user, kernel_id))


class ActionHandler(_ApiHandler):
    """`kernels/ID/ACTION`."""

    @web.authenticated
    async def post(self, kernel_id: str, action: str) -> None:
        """Do something with a kernel."""
        work = {
            "signal": self._signal,
            "restart": self._restart,
            "stop": self._stop,
            "history": self._history,
        }[action]
        await self.run(work(kernel_id))

    async def _signal(self, kernel_id: str) -> None:
        number = self.body().get("signal")
        if type(number) is not int or number not in signal.valid_signals():
            raise RemoteProtocolError("signal must be the number of a signal")
        await self.kernels.signal(self.user, kernel_id, number, self.origin)

    async def _restart(self, kernel_id: str) -> bytes:
        generation = await self.kernels.restart(self.user, kernel_id, self.origin)
        return json.dumps({"generation": generation}).encode()

    async def _stop(self, kernel_id: str) -> bytes:
        now = self.body().get("now") is True
        kernel = await self.kernels.stop(self.user, kernel_id, now=now, origin=self.origin)
        return _model(kernel)

    async def _history(self, kernel_id: str) -> bytes:
        kernel = await self.kernels.own(self.user, kernel_id)
        messages = await kernel.history()
        self.content_type = _BYTES
        return b"".join(map(pack_message, messages))


class KernelspecsHandler(_ApiHandler):
    """`kernelspecs`."""

    @web.authenticated
    async def get(self) -> None:
        """List the user's kernelspecs."""
        await self.run(self._get())

    async def _get(self) -> bytes:
        found = await self.kernelspecs.of(self.user)
        body = json.dumps({"kernelspecs": found}, sort_keys=True).encode()
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        self.set_header("ETag", tag)
        if self.request.headers.get("If-None-Match") == tag:
            self.set_status(304)
            return b""
        return body


class KernelspecFileHandler(_ApiHandler):
    """`kernelspecs/NAME/FILE`."""

    @web.authenticated
    async def get(self, name: str, file: str) -> None:
        """Answer with a file."""
        self.content_type = _BYTES
        await self.run(self.kernelspecs.file(self.user, name, file))


class ChannelHandler(_Handler, WebSocketHandler, JupyterHandler):
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
            self._kernel = await self.kernels.own(self.user, kernel_id)
            websockets.add(self, self.user)
        except KernelNotFoundError as error:
            raise web.HTTPError(404, str(error)) from error
        except YarnhubError as error:
            raise web.HTTPError(503, str(error)) from error
        try:
            await super().get(kernel_id, channel)
        finally:
            websockets.remove(self)

    def open(self, kernel_id: str, channel: str) -> None:
        """Begin; tornado reads no message before this returns."""
        self.set_nodelay(True)
        if channel == "shell":  # a client opens all of them
            self.kernels.connected(self.user, kernel_id, self.origin)
        work = self._serve(self._kernel, _CHANNELS[channel], self._deadline())
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


async def _caught(work: Awaitable[bytes | None]) -> bytes | YarnhubError | None:
    try:
        return await work
    except YarnhubError as error:
        return error


def _model(kernel: Kernel) -> bytes:
    return service_protocol.dump_kernel(KernelModel.of(kernel))


def _status(error: YarnhubError) -> int:
    match error:
        case NotReadyError() | HubUnavailableError():
            return 503
        case TooManyRequestsError():
            return 429
        case KernelNotFoundError():
            return 404
        case SpecError() | RemoteProtocolError():
            return 400
        case LimitReachedError():
            return 403
        case ApplicationFailedError():
            return 422
        case DeadlineExceededError():
            return 504
        case _:
            return 409


def add_kernel_api(app: web.Application, kernels: RemoteKernels, base_url: str) -> None:
    """Add the handlers to a web application.

    Args:
        app: The web application of the service.
        kernels: All kernels.
        base_url: What all paths begin with; begins and ends with a slash.
    """
    root = re.escape(f"{base_url}{ROOT}")
    channels = "|".join(_CHANNELS)
    app.settings["remote_kernels"] = kernels
    app.settings["remote_kernelspecs"] = RemoteKernelspecs(kernels.service)
    app.add_handlers(
        r".*$",
        [
            (rf"{root}/kernels", KernelsHandler),
            (rf"{root}/kernels/{_KERNEL}", KernelHandler),
            (rf"{root}/kernels/{_KERNEL}/(?P<action>signal|restart|stop|history)", ActionHandler),
            (rf"{root}/kernelspecs", KernelspecsHandler),
            (rf"{root}/kernelspecs/(?P<name>[\w.-]+)/(?P<file>[\w.-]+)", KernelspecFileHandler),
            (rf"{root}/kernels/{_KERNEL}/channels/(?P<channel>{channels})", ChannelHandler),
        ],
    )
