"""One connection over asyncio: bytes between a socket and the state machine, calls as futures.

There are no tasks here: the event loop calls this when bytes arrive, and the connection is opened
by the call that needs it. So nothing can be left running.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, assert_never

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import (
    AuthenticationError,
    CallOutcome,
    ConnectError,
    ConnectionLostError,
    RemoteProtocolError,
)
from yarnhub.hadoop.address import refuse_self
from yarnhub.hadoop.ipc.translation import translate
from yarnhub.hadoop.wire.connection import (
    Answer,
    Broken,
    Failed,
    Fatal,
    MechanismStep,
    Ready,
    RpcStateMachine,
)
from yarnhub.hadoop.wire.headers import CALL_ID_CONTEXT, CALL_ID_REFUSED, CALL_ID_SASL

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnhub.base.errors import YarnhubError
    from yarnhub.hadoop.address import Address
    from yarnhub.hadoop.ipc.options import RpcOptions
    from yarnhub.hadoop.wire.connection import Event

_ANY_ADDRESS = "0.0.0.0"  # noqa: S104  # an address to connect to
_UNNAMED = (
    "; 0.0.0.0 is Hadoop's default where no file names the host: is HADOOP_CONF_DIR the folder "
    "with the cluster's own core-site.xml and yarn-site.xml?"
)
_CONNECTION_LIMIT_HINT = (
    ", before the server sent anything: it may have reached its limit of connections "
    "(ipc.server.max.connections), or be stopping"
)
_MAX_DRAIN_BYTES = 1 << 20
"""Bytes that are still read after a write failed: the server's last message."""


class _Call(NamedTuple):
    method: str
    future: asyncio.Future[bytes]


class RpcConnection(asyncio.Protocol):
    """An open connection. Created by `open`; closed by the server, by `abort` or by being idle."""

    def __init__(self, machine: RpcStateMachine, address: Address, options: RpcOptions) -> None:
        self.address = address
        self.on_end: Callable[[RpcConnection], None] = lambda _: None
        self._machine = machine
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._calls: dict[int, _Call] = {}
        self._progress: asyncio.Future[MechanismStep | None] = self._loop.create_future()
        self._writable: asyncio.Future[None] | None = None
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._reason: Callable[[int, str], YarnhubError] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._flushing = self._retired = self._answered = False
        self._silent = True
        self._used = self._loop.time()
        self._pinged = self._used
        self.heard = self._used

    @classmethod
    async def open(
        cls, machine: RpcStateMachine, address: Address, options: RpcOptions
    ) -> RpcConnection:
        """Connect and authenticate. If cancelled, no connection is left behind.

        Raises:
            ConnectError: The address cannot be reached, or not in time.
            AuthenticationError: One side did not accept the other.
            RemoteError: The server refused the connection.
            RemoteProtocolError: It is not a Hadoop RPC server.
        """
        loop = asyncio.get_running_loop()
        connection: RpcConnection | None = None

        def timeout_error() -> ConnectError:
            stage = "connect to" if connection is None else "authenticate at"
            return ConnectError(f"could not {stage} {address} within {options.connect_timeout:g} s")

        try:
            async with Deadline(options.connect_timeout, timeout_error):
                transport, connection = await loop.create_connection(
                    lambda: cls(machine, address, options), address.host, address.port
                )
                refuse_self(transport)
                await connection.authenticate()
        except BaseException as error:
            if connection is not None:
                connection.abort()
            if not isinstance(error, OSError) or isinstance(
                error, ConnectError | ConnectionLostError
            ):
                raise
            advice = _UNNAMED if address.host == _ANY_ADDRESS else ""
            raise ConnectError(f"cannot connect to {address}: {_plain(error)}{advice}") from error
        return connection

    async def authenticate(self) -> None:
        """Run the handshake; called by `open`."""
        while not self._machine.ready:
            step = await self._progress
            if step is None:
                return
            self._progress = self._loop.create_future()
            try:
                token = await asyncio.to_thread(step.mechanism.step, step.challenge)
            except (AuthenticationError, RemoteProtocolError) as error:
                raise self._broken(error)(-1, "") from error
            if self._reason is not None:
                raise self._reason(-1, "")
            self._machine.respond(token)
            self._flush()

    @property
    def usable(self) -> bool:
        """Whether calls may be sent."""
        return self._reason is None and self._machine.ready and not self._retired

    @property
    def pending(self) -> int:
        """The number of pending calls."""
        return len(self._calls)

    async def call(self, call_id: int, method: str, body: bytes, *, retry_count: int) -> bytes:
        """Send a call and wait for its response.

        If cancelled, the connection remains usable; the late response is dropped.
        """
        while self._writable is not None:
            await asyncio.shield(self._writable)
        if self._reason is not None:
            raise self._unsent(method, self._reason(call_id, method))
        try:
            self._machine.call(call_id, method, body, retry_count=retry_count)
        except AuthenticationError as error:  # an expired security context
            self.abort()
            raise self._unsent(method, error) from error
        future: asyncio.Future[bytes] = self._loop.create_future()
        self._calls[call_id] = _Call(method, future)
        if len(self._calls) == 1:
            self._flush()
        elif not self._flushing:
            # Calls of one turn of the loop are sent in one write.
            self._flushing = True
            self._loop.call_soon(self._flush)
        try:
            return await future
        finally:
            self._calls.pop(call_id, None)
            self._used = self._loop.time()
            if self._retired and not self._calls:
                self.abort()

    def retire(self) -> None:
        """Close the connection when no more calls are pending."""
        self._retired = True
        if not self._calls:
            self.abort()

    def abort(self) -> None:
        """Close the connection now; pending calls raise a `ConnectionLostError`."""
        self._end(self._lost("the client closed it"))

    async def aclose(self) -> None:
        """Close the connection and wait until its socket is gone."""
        self.abort()
        if self._transport is not None:
            await asyncio.shield(self._ended)

    # -- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the start of every connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            milliseconds = round(self._options.acknowledge_timeout * 1000)
            transport.get_extra_info("socket").setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds
            )
        self._flush()
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Pass received bytes to the state machine."""
        self.heard, self._silent = self._loop.time(), False
        for event in self._machine.receive(data):
            self._handle(event)
        self._flush()

    def pause_writing(self) -> None:
        """Delay new calls: the server reads more slowly than we write."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """Send delayed calls."""
        if self._writable is not None:
            self._writable.set_result(None)
            self._writable = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the pending calls."""
        if exc is not None and self._reason is None:
            self._drain()
        why = _plain(exc) if exc is not None else "the server closed it"
        self._end(self._lost(f"{why}{_CONNECTION_LIMIT_HINT if self._silent else ''}"))
        self.resume_writing()
        if self._timer is not None:
            self._timer.cancel()
        if not self._ended.done():
            self._ended.set_result(None)
        self.on_end(self)

    # -- inside

    def _handle(self, event: Event) -> None:
        match event:
            case Answer(call_id, body):
                self._answered = True
                call = self._calls.get(call_id)
                if call is not None and not call.future.done():
                    call.future.set_result(body)
            case Failed(call_id, java_class, message):
                self._answered = True
                call = self._calls.get(call_id)
                if call is not None and not call.future.done():
                    error = translate(
                        java_class, message, method=call.method, address=str(self.address)
                    )
                    call.future.set_exception(error)
            case MechanismStep() | Ready():
                if not self._progress.done():
                    self._progress.set_result(event if isinstance(event, MechanismStep) else None)
            case Fatal():
                self._end(self._refused(event))
            case Broken(error):
                self._end(self._broken(error))
            case _:
                assert_never(event)

    def _flush(self) -> None:
        self._flushing = False
        data = self._machine.take()
        if data and self._transport is not None:
            self._transport.write(data)

    def _end(self, reason: Callable[[int, str], YarnhubError]) -> None:
        """Raise an error in every waiter; the first reason is kept."""
        if self._reason is not None:
            return
        self._reason = reason
        self._machine.close()
        if not self._progress.done():
            self._progress.set_exception(reason(-1, ""))
            self._progress.exception()  # retrieved: there may be no waiter
        for call_id, call in self._calls.items():
            if not call.future.done():
                call.future.set_exception(reason(call_id, call.method))
        if self._transport is not None:
            self._transport.abort()  # unsent data is useless now

    def _unsent(self, method: str, reason: YarnhubError) -> YarnhubError:
        if isinstance(reason, ConnectionLostError | AuthenticationError):
            text = f"{method} at {self.address}: the connection had just closed: {reason}"
            reason = ConnectionLostError(text, CallOutcome.NOT_SENT)
        return reason

    def _lost(self, why: str) -> Callable[[int, str], YarnhubError]:
        def make(_: int, method: str) -> YarnhubError:
            outcome = CallOutcome.UNKNOWN if method else CallOutcome.NOT_SENT
            what = f"{method} at {self.address}" if method else f"connecting to {self.address}"
            return ConnectionLostError(f"{what}: the connection was lost: {why}", outcome)

        return make

    def _refused(self, fatal: Fatal) -> Callable[[int, str], YarnhubError]:
        # If the connection itself was refused, none of its calls was executed.
        refusals = (CALL_ID_REFUSED, CALL_ID_CONTEXT, CALL_ID_SASL)
        all_refused = fatal.call_id in refusals and not self._answered

        def make(call_id: int, method: str) -> YarnhubError:
            address = str(self.address)
            error = translate(fatal.java_class, fatal.message, method=method, address=address)
            if all_refused or fatal.call_id == call_id or not method:
                return error
            lost = self._lost(f"the server closed it: {error}")(call_id, method)
            lost.__cause__ = error
            return lost

        return make

    def _broken(self, cause: YarnhubError) -> Callable[[int, str], YarnhubError]:
        kind = (
            AuthenticationError if isinstance(cause, AuthenticationError) else RemoteProtocolError
        )

        def make(_: int, method: str) -> YarnhubError:
            what = f"{method} at {self.address}" if method else str(self.address)
            error = kind(f"{what}: {cause}")
            error.__cause__ = cause
            return error

        return make

    def _drain(self) -> None:
        """Read what the peer sent before a write failed: it has the reason, unlike EPIPE."""
        assert self._transport is not None
        handle = self._transport.get_extra_info("socket")
        # The transport closes its socket after this call; a duplicate can still be read.
        with suppress(OSError), socket.fromfd(handle.fileno(), handle.family, handle.type) as copy:
            copy.settimeout(0)
            left = _MAX_DRAIN_BYTES
            while left > 0 and (data := copy.recv(65536)):
                left -= len(data)
                for event in self._machine.receive(data):
                    self._handle(event)

    def _watch(self) -> None:
        """Ping while calls are pending, close after a long time without calls."""
        now = self._loop.time()
        if self._calls:
            if now - max(self._used, self._pinged) >= self._options.ping_interval and self.usable:
                self._pinged = now
                self._machine.ping()
                self._flush()
        elif self.usable and now - self._used >= self._options.idle_timeout:
            self.abort()
            return
        pause = min(self._options.ping_interval, self._options.idle_timeout) / 2
        self._timer = self._loop.call_later(pause, self._watch)


def _plain(error: Exception) -> str:
    """The system's error; asyncio hides it if several addresses of a host were tried."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or repr(error)
    numbers = re.findall(r"\[Errno (\d+)\]", str(error))
    return " and ".join(dict.fromkeys(os.strerror(int(number)) for number in numbers)) or text
