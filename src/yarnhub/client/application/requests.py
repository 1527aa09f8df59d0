"""The requests to a running application."""

from __future__ import annotations

import abc
import functools
from typing import TYPE_CHECKING, TypeVar

from yarnhub.control import messages
from yarnhub.control.messages.request import WAIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.client.application.pages import WebPages
    from yarnhub.client.keys import Keys
    from yarnhub.control.messages import ContainerState, FinalStatus, Request, ServiceContainer

A = TypeVar("A")


class ApplicationRequests(abc.ABC):
    """The requests of `control.messages` as methods, based on `ask`.

    Attributes:
        id: The application's id.
    """

    id: str

    @abc.abstractmethod
    async def ask(self, request: Request[A]) -> A:
        """Send any request of `control.messages`; returns its answer.

        Raises:
            ControlError: The request was refused; nothing was changed.
        """

    @functools.cached_property
    def keys(self) -> Keys:
        """The application's key-value store."""
        from yarnhub.client.keys import Keys  # many programs need none

        return Keys(self.ask)

    @functools.cached_property
    def pages(self) -> WebPages:
        """The application's web pages."""
        from yarnhub.client.application.pages import WebPages  # many programs need none

        return WebPages(self)

    # --- the application

    async def get_specification(self) -> str:
        """The effective specification as a JSON document."""
        return (await self.ask(messages.GetSpecification())).document

    async def shutdown(
        self,
        status: FinalStatus = messages.FinalStatus.SUCCEEDED,
        diagnostics: str = "",
    ) -> None:
        """Shut the application down with this status."""
        await self.ask(messages.Shutdown(status=status, diagnostics=diagnostics))

    async def set_progress(self, progress: float) -> None:
        """Show progress, 0 to 1, in YARN's reports."""
        await self.ask(messages.SetProgress(progress=progress))

    # --- tokens

    async def update_tokens(self, tokens: bytes) -> None:
        """Replace the application's delegation tokens, from a token file (HDTS)."""
        await self.ask(messages.UpdateTokens(tokens=tokens))

    async def get_tokens(self, after: int = -1, patience: float = 0.0) -> messages.Tokens:
        """The delegation tokens that the application has received since it started.

        Args:
            after: Only tokens that are newer than those with this number.
            patience: Seconds to wait for them, at most 25; then the result has none.
        """
        return await self.ask(
            messages.WatchTokens(after=after, timeout=min(patience, WAIT_SECONDS))
        )

    # --- containers

    async def get_containers(
        self,
        services: Iterable[str] | None = None,
        states: Iterable[ContainerState] | None = messages.ACTIVE_STATES,
    ) -> tuple[ServiceContainer, ...]:
        """Containers, sorted by service and instance; None filters nothing."""
        request = messages.GetContainers(
            services=None if services is None else tuple(services),
            states=None if states is None else tuple(states),
        )
        return (await self.ask(request)).containers

    async def scale(
        self, service: str, *, count: int | None = None, delta: int | None = None
    ) -> tuple[ServiceContainer, ...]:
        """Set or change the number of active instances; returns the affected containers."""
        request = messages.Scale(service=service, count=count, delta=delta)
        return (await self.ask(request)).containers

    async def add_container(
        self, service: str, env: dict[str, str] | None = None
    ) -> ServiceContainer:
        """Start one more instance, with `env` in addition to the service's variables."""
        return await self.ask(messages.AddContainer(service=service, env=env or {}))

    async def kill_container(self, container_id: str) -> None:
        """Kill a container, such as `worker_3`; no error if it has already ended."""
        await self.ask(messages.KillContainer(id=container_id))
