"""Calls to one protocol of a daemon, or of a pair of which one is active."""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from yarnhub.base.closing import Closing
from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import (
    CallOutcome,
    ConnectError,
    ConnectionLostError,
    DeadlineExceededError,
    LocalProtocolError,
    RemoteProtocolError,
    StandbyError,
    YarnhubError,
)
from yarnhub.hadoop.address import Address
from yarnhub.hadoop.codec import decode, encode
from yarnhub.hadoop.ipc.connection import RpcConnection
from yarnhub.hadoop.ipc.login import make_login
from yarnhub.hadoop.ipc.options import RpcOptions
from yarnhub.hadoop.wire.connection import RpcStateMachine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.hadoop.security.users import User
    from yarnhub.hadoop.wire.method import Method, Protocol
    from yarnhub.hadoop.wire.sasl import Login

__all__ = ["Address", "RpcClient", "RpcOptions"]

_log = logging.getLogger(__name__)

Q = TypeVar("Q")
R = TypeVar("R")

_CALL_IDS = 1 << 31


@dataclass(slots=True)
class _Request:
    """One call with all its retries: its id never changes."""

    call_id: int
    name: str
    idempotent: bool
    body: bytes
    retry_count: int = 0
    sent_on: RpcConnection | None = None
    sent_at: float = 0.0
    last_error: YarnhubError | None = None


class RpcClient(Closing):
    """Calls the methods of one protocol as one user; an async context manager.

    Any number of calls may run concurrently; they share one connection, which is opened by the
    first call and opened again after it was lost or closed for being idle. Of several addresses the
    one that last responded is tried first.

    Args:
        addresses: The address of the daemon, or of each of a pair.
        protocol: Its protocol.
        user: The user.
        options: Limits and requirements.
    """

    def __init__(
        self,
        addresses: Sequence[Address],
        protocol: Protocol,
        user: User,
        *,
        options: RpcOptions | None = None,
    ) -> None:
        if not addresses:
            raise LocalProtocolError(f"no address is configured for {protocol.name}")
        self._addresses = tuple(addresses)
        self._protocol = protocol
        self._user = user
        self._options = options or RpcOptions()
        self._client_id = uuid.uuid4().bytes
        self._next_id = 0
        self._active = 0
        self._connection: RpcConnection | None = None
        self._connections: set[RpcConnection] = set()  # the current one, and retired ones
        self._opening: asyncio.Future[None] | None = None
        self._closed = False

    @property
    def address(self) -> Address:
        """The address of the next call: the active one, as far as known."""
        return self._addresses[self._active]

    async def aclose(self) -> None:
        """Close the connection. Pending calls raise a `ConnectionLostError`.

        If cancelled, it is closed all the same.
        """
        self._closed = True
        connections = tuple(self._connections)
        for connection in connections:
            connection.abort()
        for connection in connections:
            await connection.aclose()

    async def call(self, method: Method[Q, R], request: Q, *, deadline: float | None = None) -> R:
        """Call a method.

        A call that was certainly not executed is retried, and any call of an idempotent method,
        with the same id: a server that has executed it repeats its response. A pair is retried
        until the deadline, since one of them will take over. Cancelling does not affect the
        connection and other calls; the server may still execute the call.

        Args:
            method: The method.
            request: Its parameter.
            deadline: Seconds in total; None for `options.call_timeout`.

        Raises:
            DeadlineExceededError: No response in time.
            ConnectError: No address can be reached. Nothing was sent.
            ConnectionLostError: The connection was lost; `outcome` is what is known.
            AuthenticationError: One side did not accept the other.
            RemoteError: The server responded with an exception.
            RemoteProtocolError: The response could not be read.
        """
        self._next_id = (self._next_id + 1) % _CALL_IDS
        state = _Request(self._next_id, method.name, method.idempotent, encode(request))
        seconds = self._options.call_timeout if deadline is None else deadline
        async with Deadline(seconds, lambda: self._expired(state, seconds)):
            body = await self._call(state)
        try:
            return decode(method.response, body)
        except RemoteProtocolError as error:
            raise RemoteProtocolError(
                f"{method.name} at {self.address}: the response cannot be read: {error}"
            ) from error

    async def _call(self, request: _Request) -> bytes:
        while True:
            try:
                return await self._call_once(request)
            except YarnhubError as error:
                if not self._may_repeat(request, error):
                    raise
                request.last_error = error
            await asyncio.sleep(self._pause(request.retry_count))
            request.retry_count += 1

    async def _call_once(self, request: _Request) -> bytes:
        connection = await self._connected()
        try:
            request.sent_on, request.sent_at = connection, asyncio.get_running_loop().time()
            return await connection.call(
                request.call_id, request.name, request.body, retry_count=request.retry_count
            )
        except (StandbyError, ConnectionLostError):
            # If an address closes the connection, try the other one: a proxy in front of a dead
            # daemon accepts every connection and closes it.
            self._fail_over_from(connection)
            raise

    def _may_repeat(self, request: _Request, error: YarnhubError) -> bool:
        # During a failover neither address responds, and it may take longer than any number of
        # attempts: the dead daemon's session must expire first.
        alone = len(self._addresses) == 1
        if self._closed or (alone and request.retry_count + 1 >= self._options.retry.attempts):
            return False
        unknown = isinstance(error, ConnectionLostError) and error.outcome is CallOutcome.UNKNOWN
        return error.retriable or (unknown and request.idempotent)

    def _pause(self, repetition: int) -> float:
        # The other one of a pair is tried at once; only a full round is followed by a pause.
        rounds, position = divmod(repetition + 1, len(self._addresses))
        if position:
            return 0.0
        return self._options.retry.delay(rounds - 1, random.random())  # noqa: S311  # jitter

    async def _connected(self) -> RpcConnection:
        """The open connection, or a new one; concurrent callers share one attempt."""
        while True:
            if self._closed:
                raise LocalProtocolError(f"the client of {self._protocol.name} is closed")
            if self._connection is not None and self._connection.usable:
                return self._connection
            if self._opening is None:
                return await self._open()
            await asyncio.shield(self._opening)

    async def _open(self) -> RpcConnection:
        opening = self._opening = asyncio.get_running_loop().create_future()
        address = self.address
        try:
            machine = RpcStateMachine(
                self._protocol,
                await self._login(address),
                client_id=self._client_id,
                max_response=self._options.max_response,
            )
            connection = await RpcConnection.open(machine, address, self._options)
        except YarnhubError as error:
            if isinstance(error, ConnectError | ConnectionLostError):
                self._fail_over()
            opening.set_exception(error)
            opening.exception()  # retrieved: there may be no other waiter
            raise
        finally:
            self._opening = None
            if not opening.done():
                opening.set_result(None)  # cancelled or done: waiters check again
        if self._closed:
            await connection.aclose()
            raise ConnectionLostError(f"{address}: the client was closed", CallOutcome.NOT_SENT)
        _log.debug("connected to %s for %s", address, self._protocol.name)
        self._connection = connection
        self._connections.add(connection)
        connection.on_end = self._connections.discard
        return connection

    async def _login(self, address: Address) -> Login:
        seconds = self._options.connect_timeout
        late = f"the canonical name of {address.host} was not found within {seconds:g} s"
        async with Deadline(seconds, ConnectError(late)):
            return await make_login(self._user, address, self._options)

    def _fail_over_from(self, connection: RpcConnection) -> None:
        """Use the next address from now on, unless another call has already switched."""
        if self._connection is connection:
            self._connection = None
            self._fail_over()
            connection.retire()

    def _fail_over(self) -> None:
        last, self._active = self.address, (self._active + 1) % len(self._addresses)
        if self.address != last:
            _log.info("%s is not active or not reachable: trying %s", last, self.address)

    def _expired(self, request: _Request, seconds: float) -> DeadlineExceededError:
        connection = request.sent_on
        what = f"{request.name} at {self.address}: no"
        last = f"; last: {request.last_error}" if request.last_error else ""
        if connection is None:
            return DeadlineExceededError(
                f"{what} connection within {seconds:g} s{last}", CallOutcome.NOT_SENT
            )
        if not connection.pending and connection.heard < request.sent_at:
            # Nothing received since the call: the server hangs or is gone, and the next call would
            # hang on the same connection.
            self._fail_over_from(connection)
        return DeadlineExceededError(f"{what} response within {seconds:g} s{last}")
