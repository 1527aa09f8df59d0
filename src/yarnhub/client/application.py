"""A running application, as its owner's client reaches it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar, cast

import httpx

from yarnhub.base.errors import (
    AccessDeniedError,
    ApplicationFailedError,
    ConnectError,
    ConnectionLostError,
    ControlError,
    DeadlineExceededError,
    Outcome,
    YarnhubError,
)
from yarnhub.client.requests import WAIT, Requests
from yarnhub.control import json, messages
from yarnhub.control.bootstrap import server_name

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
        self._http = httpx.AsyncClient(
            verify=credentials.client_context(),
            timeout=_TIMEOUT + WAIT,  # of each step; `ask` limits all of them together
            trust_env=False,  # a proxy for the web has no way into the cluster
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

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
        except (TimeoutError, httpx.TimeoutException) as error:
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
            response = await self._http.post(
                f"https://{self.address}/control/{request.name()}",
                content=json.dump(request),
                extensions={"sni_hostname": server_name(self.id)},
            )
        except httpx.TimeoutException:
            raise
        except httpx.TransportError as error:
            raise self._unreached(error) from error
        if response.status_code == httpx.codes.OK:
            return cast("A", json.load(request.answer, response.content))
        failure = json.load(messages.Failure, response.content)
        raise ControlError(failure.code, failure.message)

    def _unreached(
        self, error: httpx.TransportError
    ) -> AccessDeniedError | ConnectError | ConnectionLostError:
        cause: BaseException | None = error
        while cause is not None:
            # Any other fault of TLS is no answer: the port may be another program's by now.
            if isinstance(cause, ssl.SSLCertVerificationError):
                return AccessDeniedError(
                    "",
                    f"{self.id} answers only to the holder of the certificate that it was "
                    "submitted with, which is another one than that in your configuration folder "
                    f"({cause.verify_message})",
                )
            cause = cause.__cause__ or cause.__context__
        where = f"{self.id}: its ApplicationMaster at {self.address}"
        if isinstance(error, httpx.ConnectError):
            return ConnectError(f"{where} cannot be reached: {error}; it may have ended")
        return ConnectionLostError(
            f"{where} ended the connection: {str(error) or type(error).__name__}", Outcome.UNKNOWN
        )
