"""A running application, as its owner's client reaches it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar, cast

from yarnhub.base.errors import (
    AccessDeniedError,
    ApplicationFailedError,
    ConnectError,
    ConnectionLostError,
    ControlError,
    DeadlineExceededError,
    YarnhubError,
)
from yarnhub.client.requests import WAIT, Requests
from yarnhub.control import json, messages
from yarnhub.control.bootstrap import server_name
from yarnhub.hadoop.address import Address
from yarnhub.hadoop.http import Connection

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from yarnhub.client.security import Credentials
    from yarnhub.control.messages import Request

A = TypeVar("A")
Locate = Callable[[], Awaitable[str | None]]
"""Finds `host:port` of an application's ApplicationMaster; None while there is none. Raises
`ApplicationFailedError` when the application has ended, and `YarnhubError` when it cannot tell."""

_TIMEOUT = 30.0
"""Seconds for one request: an AM answers out of memory."""
_REST = 0.25
"""Seconds between two looks for an ApplicationMaster that does not answer."""


class ApplicationClient(Requests):
    """Asks an application's ApplicationMaster; an async context manager.

    Every method but `wait` and `watch` ends within 30 s. They raise `ControlError` where the AM
    refuses, `ConnectError` or `ConnectionLostError` where it cannot be reached,
    `DeadlineExceededError` where it does not answer, and `AccessDeniedError` where these are not
    the application's credentials. Cancelling closes that one request; the AM may have carried it
    out.

    An AM that YARN has started anew has another address: with `locate` it is looked for within the
    request's time. What was not sent is then sent again; what may have been carried out, only if
    that does no harm (`Request.idempotent`).

    Args:
        application_id: Which application.
        address: `host:port` of its AM.
        credentials: Those that it was submitted with.
        locate: Finds its AM again; None does not look.
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
        self._locate = locate
        self._tls = credentials.client_context()
        self._idle: list[Connection] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._idle:
            self._idle.pop().abort()

    async def ask(self, request: Request[A]) -> A:
        """Send any request of `control.messages`; returns its class of answer."""
        waits = isinstance(request, messages.WaitKey | messages.WatchKeys | messages.WatchTokens)
        extra = WAIT if waits else 0.0
        lost: ConnectError | ConnectionLostError | None = None
        try:
            async with asyncio.timeout(_TIMEOUT + extra):
                while True:
                    try:
                        return await self._send(request)
                    except (ConnectError, ConnectionLostError) as error:
                        if not (error.retriable or request.idempotent):
                            raise
                        lost = error
                        await self._find_again(error)
        except TimeoutError as error:
            if lost is not None:
                raise lost from error
            raise DeadlineExceededError(
                f"{self.id}: no answer from its ApplicationMaster at {self.address}"
            ) from error

    async def _find_again(self, lost: ConnectError | ConnectionLostError) -> None:
        """Take the AM's present address, if there is one; raises `lost` where that is no use."""
        if self._locate is None:
            raise lost
        await asyncio.sleep(_REST)
        try:
            self.address = await self._locate() or self.address
        except ApplicationFailedError as ended:
            raise ConnectError(str(ended)) from ended
        except (ConnectError, ConnectionLostError, DeadlineExceededError):
            return  # the ResourceManager may be on its way back, too
        except YarnhubError as error:
            raise lost from error

    async def _send(self, request: Request[A]) -> A:
        try:
            status, content = await self._exchange(request.name(), json.dump(request))
        except (ConnectError, ConnectionLostError) as error:
            raise self._unreached(error) from error
        if status == HTTPStatus.OK:
            return cast("A", json.load(request.answer, content))
        failure = json.load(messages.Failure, content)
        raise ControlError(failure.code, failure.message)

    async def _exchange(self, name: str, content: bytes) -> tuple[int, bytes]:
        connection = await self._connection()
        whole = False
        try:
            await connection.send("POST", f"/control/{name}", (), content)
            response = await connection.response()
            answer = b"".join([chunk async for chunk in response.chunks])
            whole = True
        finally:
            if whole and connection.reusable:
                self._idle.append(connection)
            else:
                connection.abort()
        return response.status, answer

    async def _connection(self) -> Connection:
        """One that is idle, or a new one: as many come up as there are requests at a time."""
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and connection.peer == self.address:
                return connection
            connection.abort()
        at = Address.parse(self.address)
        return await Connection.open(
            at.host, at.port, self._tls, server_name=server_name(self.id), peer=self.address
        )

    def _unreached(
        self, error: ConnectError | ConnectionLostError
    ) -> AccessDeniedError | ConnectError | ConnectionLostError:
        cause = error.__cause__
        # Any other fault of TLS is no answer: the port may be another program's by now.
        if isinstance(cause, ssl.SSLCertVerificationError):
            return AccessDeniedError(
                "",
                f"{self.id} answers only to the holder of the certificate that it was submitted "
                "with, which is another one than that in your configuration folder "
                f"({cause.verify_message})",
            )
        where = f"{self.id}: its ApplicationMaster at {self.address}"
        if isinstance(error, ConnectError):
            return ConnectError(f"{where} cannot be reached: {error}; it may have ended")
        return ConnectionLostError(f"{where} ended the connection: {error}", error.outcome)
