"""A running application, as its owner's client reaches it."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, TypeVar, cast

import httpx

from yarnhub.base.errors import (
    AccessDeniedError,
    ConnectError,
    ConnectionLostError,
    ControlError,
    DeadlineExceededError,
    Outcome,
)
from yarnhub.control import json, messages
from yarnhub.control.bootstrap import SERVER_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Self

    from yarnhub.client.security import Credentials
    from yarnhub.control.messages import (
        Condition,
        Container,
        ContainerState,
        Entry,
        FinalStatus,
        KeyEvents,
        KeyRange,
        Operation,
        Request,
        Transacted,
    )

A = TypeVar("A")

_TIMEOUT = 30.0
"""Seconds for one request: an AM answers out of memory."""
_WAIT = 25.0
"""Seconds that one request waits for a key before it is asked again."""


class ApplicationClient:
    """Asks an application's ApplicationMaster; an async context manager.

    Every method but `wait` and `watch` ends within 30 s. They raise `ControlError` where the AM
    refuses, `ConnectError` or `ConnectionLostError` where it cannot be reached,
    `DeadlineExceededError` where it does not answer, and `AccessDeniedError` where these are not
    the application's credentials. Cancelling closes that one request; the AM may have carried it
    out.

    Args:
        application_id: Which application.
        address: `host:port` of its AM.
        credentials: Those that it was submitted with.
    """

    def __init__(self, application_id: str, address: str, credentials: Credentials) -> None:
        self.id = application_id
        self.address = address
        self._http = httpx.AsyncClient(
            base_url=f"https://{address}",
            verify=credentials.client_context(),
            timeout=_TIMEOUT + _WAIT,  # of each step; `ask` limits all of them together
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
        waits = isinstance(request, messages.WaitKey | messages.WatchKeys)
        extra = _WAIT if waits else 0.0
        try:
            async with asyncio.timeout(_TIMEOUT + extra):
                response = await self._http.post(
                    f"/control/{request.name()}",
                    content=json.dump(request),
                    extensions={"sni_hostname": SERVER_NAME},
                )
        except (TimeoutError, httpx.TimeoutException) as error:
            raise DeadlineExceededError(
                f"{self.id}: no answer from its ApplicationMaster at {self.address}"
            ) from error
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

    # --- the application

    async def get_specification(self) -> str:
        """The effective specification as a JSON document."""
        return (await self.ask(messages.GetSpecification())).document

    async def shutdown(
        self,
        status: FinalStatus = messages.FinalStatus.SUCCEEDED,
        diagnostics: str = "",
    ) -> None:
        """Have the application end with this status."""
        await self.ask(messages.Shutdown(status=status, diagnostics=diagnostics))

    async def set_progress(self, progress: float) -> None:
        """Show progress, 0 to 1, in YARN's reports."""
        await self.ask(messages.SetProgress(progress=progress))

    # --- containers

    async def get_containers(
        self,
        services: Iterable[str] | None = None,
        states: Iterable[ContainerState] | None = messages.ACTIVE_STATES,
    ) -> tuple[Container, ...]:
        """Containers, sorted by service and instance; None filters nothing."""
        request = messages.GetContainers(
            services=None if services is None else tuple(services),
            states=None if states is None else tuple(states),
        )
        return (await self.ask(request)).containers

    async def scale(
        self, service: str, *, count: int | None = None, delta: int | None = None
    ) -> tuple[Container, ...]:
        """Have `count` active instances, or `delta` more; returns the containers touched."""
        request = messages.Scale(service=service, count=count, delta=delta)
        return (await self.ask(request)).containers

    async def add_container(self, service: str, env: dict[str, str] | None = None) -> Container:
        """Start one more instance, with `env` over the service's own variables."""
        return await self.ask(messages.AddContainer(service=service, env=env or {}))

    async def kill_container(self, container_id: str) -> None:
        """End a container, such as `worker_3`; one that has ended is no error."""
        await self.ask(messages.KillContainer(id=container_id))

    # --- keys

    async def get(self, key: str) -> Entry | None:
        """A key's value and owner; None if it is not set."""
        entries = (await self.ask(messages.GetKey(key=key))).entries
        return entries[0] if entries else None

    async def wait(self, key: str) -> Entry:
        """A key's value and owner, as soon as it is set.

        Waits as long as the application runs. Cancelling leaves nothing behind.
        """
        while True:
            entries = (await self.ask(messages.WaitKey(key=key, timeout=_WAIT))).entries
            if entries:
                return entries[0]

    async def put(self, key: str, value: bytes, owner: str | None = None) -> None:
        """Set a key; with an owner, such as `worker_3`, it is deleted when that one ends."""
        await self.ask(messages.PutKey(key=key, value=value, owner=owner))

    async def list_keys(
        self, start: str | None = None, end: str | None = None, prefix: str | None = None
    ) -> tuple[str, ...]:
        """The keys in a range, in order."""
        wanted = messages.KeyRange(start=start, end=end, prefix=prefix)
        return (await self.ask(messages.ListKeys(range=wanted))).keys

    async def get_range(
        self, start: str | None = None, end: str | None = None, prefix: str | None = None
    ) -> tuple[Entry, ...]:
        """The entries in a range, in order."""
        wanted = messages.KeyRange(start=start, end=end, prefix=prefix)
        return (await self.ask(messages.GetKeys(range=wanted))).entries

    async def delete(self, key: str) -> bool:
        """Delete a key; says whether it was set."""
        return bool((await self.ask(messages.DeleteKey(key=key))).keys)

    async def delete_range(
        self, start: str | None = None, end: str | None = None, prefix: str | None = None
    ) -> tuple[str, ...]:
        """Delete the keys in a range; returns those that were set."""
        wanted = messages.KeyRange(start=start, end=end, prefix=prefix)
        return (await self.ask(messages.DeleteKeys(range=wanted))).keys

    async def transact(
        self,
        on_success: Iterable[Operation],
        conditions: Iterable[Condition] = (),
        on_failure: Iterable[Operation] = (),
    ) -> Transacted:
        """Carry out the first operations if all conditions hold, else the last: all or nothing."""
        request = messages.Transaction(
            conditions=tuple(conditions),
            on_success=tuple(on_success),
            on_failure=tuple(on_failure),
        )
        return await self.ask(request)

    async def watch(
        self, ranges: Iterable[KeyRange], after: int | None = None, patience: float = _WAIT
    ) -> KeyEvents:
        """What happened to the keys in some ranges after the event of a number.

        Waits for the first if there is none yet. Cancelling loses none: ask for the same again.

        Args:
            ranges: Which keys.
            after: The number `last` of the answer before; None asks for that alone.
            patience: Seconds to wait, 25 at most; after them the answer is empty.
        """
        request = messages.WatchKeys(
            ranges=tuple(ranges), after=after, timeout=min(patience, _WAIT)
        )
        return await self.ask(request)
