"""The REST API for users' own servers; `yarnhub.kernels.service_protocol` describes it.

Each id is looked up among the kernels of the request's user: unknown ids and those of other users
get the same answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import signal
from typing import TYPE_CHECKING, Any

from jupyter_server.base.handlers import APIHandler
from tornado import web

from yarnhub.base.errors import (
    DeadlineExceededError,
    LocalProtocolError,
    RemoteProtocolError,
    SpecError,
    YarnhubError,
)
from yarnhub.client.errors import ApplicationFailedError
from yarnhub.kernels import service_protocol
from yarnhub.kernels.protocol import pack_message
from yarnhub.kernels.service_protocol import (
    MAX_WAIT,
    KernelModel,
    KernelNotFoundError,
    dump_error,
)
from yarnhub.server.gateway.user_servers.handler import ServerHandler
from yarnhub.server.gateway.user_servers.kernels import NotReadyError
from yarnhub.server.gateway.user_servers.state_polls import TooManyRequestsError
from yarnhub.server.hub.api import HubUnavailableError
from yarnhub.sessions.limits import LimitReachedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from yarnhub.kernels.kernel import Kernel

MAX_BODY = 256 * 1024
_BYTES = "application/octet-stream"
_STOPPING = "The kernel service is being stopped"
_PREFER = re.compile(r"wait=([0-9]{1,4}(?:\.[0-9]{1,3})?)")


class ApiHandler(ServerHandler, APIHandler):
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

    async def run(self, work: Callable[..., Awaitable[bytes | None]], *arguments: object) -> None:
        """Answer with the result of some work, called with the arguments, or with its error.

        The work is cancelled when the client disconnects, or the service is stopped.
        """
        try:
            name = f"answer to {self.request.path}"
            self._work = self.service.tasks.start(_caught(work, *arguments), name=name)
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


class KernelsHandler(ApiHandler):
    """`kernels`: all kernels of the user."""

    @web.authenticated
    async def get(self) -> None:
        """Answer at once, or when something has changed."""
        await self.run(self._states)

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


class KernelHandler(ApiHandler):
    """`kernels/ID`."""

    @web.authenticated
    async def get(self, kernel_id: str) -> None:
        """Answer with one kernel."""
        await self.run(self._get, kernel_id)

    async def _get(self, kernel_id: str) -> bytes:
        return _model(await self.kernels.own(self.user, kernel_id, "read", self.origin))

    @web.authenticated
    async def put(self, kernel_id: str) -> None:
        """Start a kernel."""
        await self.run(self._start, kernel_id)

    async def _start(self, kernel_id: str) -> bytes:
        _ = self.body()
        start = service_protocol.load_start(self.request.body)
        return _model(await self.kernels.start(self.user, kernel_id, start, self.origin))

    @web.authenticated
    async def delete(self, kernel_id: str) -> None:
        """Cancel a start, or forget a dead kernel."""
        await self.run(self.kernels.forget, self.user, kernel_id, self.origin)


class ActionHandler(ApiHandler):
    """`kernels/ID/ACTION`."""

    @web.authenticated
    async def post(self, kernel_id: str, action: str) -> None:
        """Do something with a kernel."""
        work = {
            "signal": self._signal,
            "restart": self._restart,
            "stop": self._stop,
            "history": self._history,
            "note": self._note,
        }[action]
        await self.run(work, kernel_id)

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
        kernel = await self.kernels.own(self.user, kernel_id, "read", self.origin)
        messages = await kernel.history()
        self.content_type = _BYTES
        return b"".join(map(pack_message, messages))

    async def _note(self, kernel_id: str) -> None:
        kernel = await self.kernels.own(self.user, kernel_id, "read", self.origin)
        note = self.body().get("note")
        service_protocol.check_note(note)
        await kernel.write_note(str(note))


class KernelspecsHandler(ApiHandler):
    """`kernelspecs`."""

    @web.authenticated
    async def get(self) -> None:
        """List the user's kernelspecs."""
        await self.run(self._get)

    async def _get(self) -> bytes:
        found = await self.kernelspecs.of(self.user)
        body = json.dumps({"kernelspecs": found}, sort_keys=True).encode()
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        self.set_header("ETag", tag)
        if self.request.headers.get("If-None-Match") == tag:
            self.set_status(304)
            return b""
        return body


class KernelspecFileHandler(ApiHandler):
    """`kernelspecs/NAME/FILE`."""

    @web.authenticated
    async def get(self, name: str, file: str) -> None:
        """Answer with a file."""
        self.content_type = _BYTES
        await self.run(self.kernelspecs.file, self.user, name, file)


async def _caught(
    work: Callable[..., Awaitable[bytes | None]], *arguments: object
) -> bytes | YarnhubError | None:
    try:
        return await work(*arguments)
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
