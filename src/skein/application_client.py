"""A running application, for programs that block."""

from __future__ import annotations

import contextlib
import functools
import warnings
from typing import TYPE_CHECKING, TypeVar

from skein import environment, exceptions, model
from skein.blocking import Blocking, skeins_errors
from skein.container_properties import properties
from skein.kv import KeyValueStore
from skein.security import Security, credentials_of
from skein.specification import ApplicationSpec
from skein.ui import WebUI
from yarnhub.base import errors
from yarnhub.client.blocking.loop import KeptOpen
from yarnhub.control import json
from yarnhub.control.messages import ACTIVE_STATES, ContainerState, FinalStatus, Shutdown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from yarnhub.client.application.client import ApplicationClient as Engine
    from yarnhub.client.application.client import Locate
    from yarnhub.control.messages import Request

T = TypeVar("T")

# Looks its types up, once, while their module is there: `__del__` of a program that ends may send
# it when modules are gone.
json.dump(Shutdown())


class ApplicationClient(Blocking):
    """A running application. Threads may share a client.

    Every method raises `skein.ConnectionError` if the application cannot be reached.

    Args:
        address: `host:port` of its ApplicationMaster.
        app_id: Its id.
        security: The credentials that it was submitted with, or its own; None uses those of the
            container that this process runs in, or the user's own.
    """

    _otherwise = exceptions.ApplicationError

    id: str
    security: Security
    engine: Engine

    def __init__(self, address: str, app_id: str, security: Security | None = None) -> None:
        self.id = app_id
        self.security = security or Security._default_for(app_id)  # noqa: SLF001  # ours
        self._open(address, None)

    @classmethod
    def _located(cls, address: str, app_id: str, security: Security, locate: Locate | None) -> Self:
        """A client that finds the ApplicationMaster again if it is restarted on another node."""
        found = cls.__new__(cls)
        found.id = app_id
        found.security = security
        found._open(address, locate)  # noqa: SLF001  # ours
        return found

    def _open(self, address: str, locate: Locate | None) -> None:
        from yarnhub.client.application.client import ApplicationClient as Engine
        from yarnhub.client.blocking.thread_requests import ThreadRequests

        pair = credentials_of(self.security).for_application(self.id)
        self.engine = engine = Engine(self.id, address, pair, locate)
        with skeins_errors(self._otherwise):
            self._held = KeptOpen(self, lambda: engine)
        self._requests = ThreadRequests(self.engine)

    @property
    def address(self) -> str:
        """`host:port` of its ApplicationMaster, as last known."""
        return self.engine.address

    def _translated(self, error: errors.YarnhubError) -> Exception:
        if isinstance(error, errors.AccessDeniedError):  # other credentials cannot connect at all
            return exceptions.ConnectionError(str(error))
        return super()._translated(error)

    def ask(self, request: Request[T]) -> T:
        """Send a request that does not wait, from this thread if that is possible."""
        try:
            return self._requests.ask(request)
        except errors.YarnhubError as error:
            raise self._translated(error) from error
        except ConnectionAbortedError:
            pass
        return self.call(self.engine.ask, request)

    def close(self) -> None:
        """Close all connections; a second time does nothing."""
        self._requests.close()
        super().close()

    def __repr__(self) -> str:
        return f"ApplicationClient<{self.id}, {self.address}>"

    def __reduce__(self) -> tuple[object, ...]:
        return ApplicationClient, (self.address, self.id, self.security)

    @classmethod
    def from_current(cls) -> Self:
        """The application whose container this process runs in.

        Raises:
            ValueError: This process does not run in a container.
            FileNotFoundError: The container has no credentials.
        """
        app_id, address = properties.application_id, properties.appmaster_address
        if app_id is None or address is None:
            raise ValueError("Not running inside a container")
        security, locate = Security.from_default(), None
        with contextlib.suppress(errors.ConfigurationError):  # the pair is in its folder
            container = environment.current_container()
            locate = container.locate if container else None
        return cls._located(address, app_id, security, locate)

    @functools.cached_property
    def kv(self) -> KeyValueStore:
        """The application's key-value store."""
        return KeyValueStore(self)

    @functools.cached_property
    def ui(self) -> WebUI:
        """The application's web pages."""
        return WebUI(self)

    def shutdown(
        self, status: str | model.FinalStatus = "SUCCEEDED", diagnostics: str | None = None
    ) -> None:
        """Shut the application down; returns when its ApplicationMaster has accepted.

        Args:
            status: The final status.
            diagnostics: The application's diagnostics.
        """
        final = FinalStatus(model.FinalStatus(status).value)
        # Not by the loop: it is the last call of many programs, and may come after the loop's end.
        self.ask(Shutdown(status=final, diagnostics=diagnostics or ""))

    def get_specification(self) -> ApplicationSpec:
        """The specification in effect: files have the sources that the nodes read."""
        return ApplicationSpec.from_json(self.call(self.engine.get_specification))

    def get_containers(
        self,
        services: Iterable[str] | None = None,
        states: Iterable[str | model.ContainerState] | None = None,
    ) -> list[model.Container]:
        """Containers, sorted by service and instance; the active ones by default."""
        wanted: tuple[ContainerState, ...] = ACTIVE_STATES
        if states is not None:
            wanted = tuple(ContainerState(model.ContainerState(one).value) for one in states)
        found = self.call(self.engine.get_containers, services, wanted)
        return [model.Container.of(message) for message in found]

    def scale(
        self,
        service: str,
        count: int | None = None,
        delta: int | None = None,
        *,
        instances: int | None = None,
    ) -> list[model.Container]:
        """Set the number of a service's instances, or change it; returns those affected.

        Args:
            service: Its name.
            count: The new number.
            delta: The change; negative for fewer, down to none.
            instances: The old name of `count`.

        Raises:
            ValueError: There is no such service, or not exactly one of the numbers is given.
        """
        if instances is not None:
            warnings.warn("instances is deprecated, use count instead", stacklevel=2)
            count = instances
        found = self.call(self.engine.scale, service, count=count, delta=delta)
        return [model.Container.of(message) for message in found]

    def add_container(self, service: str, env: Mapping[str, str] | None = None) -> model.Container:
        """Start one more instance, with `env` in addition to the service's variables."""
        variables = dict(env or {})
        return model.Container.of(self.call(self.engine.add_container, service, variables))

    def kill_container(self, id: str) -> None:  # noqa: A002  # skein's name
        """Kill a container, such as `worker_3`; no error if it has already ended.

        Raises:
            ValueError: There is no container with this id.
        """
        self.call(self.engine.kill_container, id)

    def set_progress(self, progress: float) -> None:
        """Show progress, 0 to 1, in YARN's reports."""
        self.call(self.engine.set_progress, float(progress))
