"""The client of a running application."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from yarnhub.base.closing import Closing
from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import (
    AccessDeniedError,
    CallOutcome,
    ConnectError,
    ConnectionLostError,
    ControlError,
    DeadlineExceededError,
    YarnhubError,
)
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.base.single_flight import SingleFlight
from yarnhub.client.application.connection import ControlConnection
from yarnhub.client.application.requests import ApplicationRequests
from yarnhub.client.errors import ApplicationFailedError
from yarnhub.control import json, messages
from yarnhub.control.bootstrap import server_name
from yarnhub.control.frames import PROTOCOLS
from yarnhub.control.messages import Failure
from yarnhub.control.messages.request import WAIT_SECONDS

if TYPE_CHECKING:
    from yarnhub.client.access.credentials import Credentials
    from yarnhub.control.frames import Frame
    from yarnhub.control.messages import Request

A = TypeVar("A")
Locate = Callable[[], Awaitable[str | None]]
"""Returns `host:port` of an application's ApplicationMaster; None while it has none. Raises
`ApplicationFailedError` if the application has ended, and `YarnhubError` if the look-up fails."""

REQUEST_TIMEOUT = 30.0
"""Seconds for one request: an AM responds from memory."""
_RECONNECT_PAUSE = 0.25
"""Seconds between two look-ups of an ApplicationMaster that does not respond."""


class ApplicationClient(ApplicationRequests, Closing):
    """A client of an application's ApplicationMaster; an async context manager.

    Every method but `keys.wait` and `keys.watch` ends within 30 s. They raise `ControlError` if
    the AM refuses, `ConnectError` or `ConnectionLostError` if it cannot be reached,
    `DeadlineExceededError` if it does not respond, and `AccessDeniedError` if the credentials are
    not the application's. Cancelling withdraws the request; the AM may have executed it.

    If YARN has restarted the AM, it has a new address: with `locate`, it is looked up within the
    request's deadline. A request that was not sent is then sent again; one that may have been
    executed only if that is safe (`Request.idempotent`).

    Args:
        application_id: Which application.
        address: `host:port` of its AM.
        credentials: The application's own.
        locate: Looks up the address of a restarted AM; None disables this.

    Attributes:
        credentials: The same.
    """

    def __init__(
        self,
        application_id: str,
        address: str,
        credentials: Credentials,
        locate: Locate | None = None,
    ) -> None:
        self.id = application_id
        self.address = address
        self.locate = locate
        self.credentials = credentials
        self.context = credentials.client_context()
        self.context.set_alpn_protocols(PROTOCOLS)
        self._connection: ControlConnection | None = None
        self._connected_to = ""
        self._connecting = SingleFlight(self._connect)

    async def aclose(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()

    async def ask(self, request: Request[A]) -> A:
        """Send any request of `control.messages`; returns its answer."""
        waits = isinstance(request, messages.WaitKey | messages.WatchKeys | messages.WatchTokens)
        extra = WAIT_SECONDS if waits else 0.0
        lost: ConnectError | ConnectionLostError | None = None

        def timeout_error() -> ConnectError | ConnectionLostError | DeadlineExceededError:
            return lost or self.deadline_error()

        async with Deadline(REQUEST_TIMEOUT + extra, timeout_error):
            while True:
                try:
                    return await self._send(request)
                except (ConnectError, ConnectionLostError) as error:
                    if not (error.retriable or request.idempotent):
                        raise
                    lost = error
                    await self._find_again(error)

    def deadline_error(self) -> DeadlineExceededError:
        """The error if there is no answer in time."""
        where = f"its ApplicationMaster at {self.address}"
        return DeadlineExceededError(f"{self.id}: no response from {where}")

    def connection_lost_error(self, how: OSError) -> ConnectionLostError:
        """The error if the connection is lost before the answer."""
        where = f"its ApplicationMaster at {self.address}"
        return ConnectionLostError(
            f"{self.id}: {where} closed the connection: {how}", CallOutcome.UNKNOWN
        )

    async def _find_again(self, lost: ConnectError | ConnectionLostError) -> None:
        """Look up the AM's current address; raises `lost` if that does not help."""
        if self.locate is None:
            raise lost
        await asyncio.sleep(_RECONNECT_PAUSE)
        try:
            self.address = await self.locate() or self.address
        except ApplicationFailedError as ended:
            raise ConnectError(str(ended)) from ended
        except (ConnectError, ConnectionLostError, DeadlineExceededError):
            return  # the ResourceManager may be restarting, too
        except YarnhubError as error:
            raise lost from error

    async def _send(self, request: Request[A]) -> A:
        body = json.dump(request)
        connection = self._connection
        if connection is None or connection.lost or self._connected_to != self.address:
            connection = await self._connecting.get()
        try:
            return read_answer(request, await connection.ask(request.name(), body))
        except OSError as error:
            raise self.connection_lost_error(error) from error

    async def _connect(self) -> ControlConnection:
        """A connection to the current address, replacing the previous one."""
        if self._connection is not None:
            await self._connection.close()
        address = self.address
        try:
            opened = await ControlConnection.open(address, self.context, server_name(self.id))
        except ssl.SSLCertVerificationError as error:
            # Any other TLS error proves nothing: another program may use the port by now.
            raise AccessDeniedError(
                "",
                f"{self.id} accepts only the certificate that it was submitted with, and your"
                f" configuration folder has a different one "
                f"({error.verify_message})",
            ) from error
        except OSError as error:
            raise ConnectError(
                f"{self.id}: its ApplicationMaster at {address} cannot be reached: {error}; "
                "it may have ended"
            ) from error
        self._connection, self._connected_to = opened, address
        return opened


def read_answer(request: Request[A], answer: Frame) -> A:
    """The answer of an ApplicationMaster.

    Raises:
        ControlError: It refused.
    """
    if answer.name != Failure.__name__:
        found: A = json.load(request.answer, answer.body or b"")
        return found
    failure = json.load(Failure, answer.body or b"")
    raise ControlError(failure.code, clean_and_cut(failure.message))
