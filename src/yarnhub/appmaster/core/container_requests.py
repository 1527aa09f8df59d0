"""The requests about containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.appmaster.core.instances import reports
from yarnhub.appmaster.core.requests import ENDING, RefusedError
from yarnhub.base.errors import FailureCode, SpecError
from yarnhub.control.messages import (
    ENDED_STATES,
    AddContainer,
    Containers,
    GetContainers,
    KillContainer,
    Nothing,
    Scale,
    ServiceContainer,
)
from yarnhub.spec import Service

if TYPE_CHECKING:
    from yarnhub.appmaster.core.budgets import Budgets
    from yarnhub.appmaster.core.end import ApplicationEnd
    from yarnhub.appmaster.core.instance_lifecycle import Lifecycle
    from yarnhub.appmaster.core.services import Services


class ContainerRequests:
    """Carries out requests about containers.

    Args:
        services: The application's services.
        lifecycle: Ends instances.
        end: The application's end; once it is decided, no more instances are started.
        budgets: The limits of the application.
    """

    def __init__(
        self,
        services: Services,
        lifecycle: Lifecycle,
        end: ApplicationEnd,
        budgets: Budgets,
    ) -> None:
        self._services = services
        self._lifecycle = lifecycle
        self._end = end
        self._budgets = budgets

    def get(self, request: GetContainers) -> Containers:
        """The containers of some services, in some states."""
        wanted = self._services if request.services is None else request.services
        all_ended = request.states is not None and set(request.states).isdisjoint(ENDED_STATES)
        found = [
            instance
            for service in (self._services.named(name) for name in sorted(set(wanted)))
            for instance in (service.alive if all_ended else service.instances)
        ]
        return Containers(containers=reports(found, request.states))

    def add(self, request: AddContainer) -> ServiceContainer:
        """Start one more instance."""
        self._check_running()
        try:
            Service.checks["env"](request.env)
        except SpecError as error:
            raise RefusedError(FailureCode.INVALID, f"env.{error}") from error
        size = sum(len(key) + len(value) for key, value in request.env.items())
        if size > self._budgets.env:
            raise RefusedError(
                FailureCode.INVALID,
                f"env has {size} bytes, an instance's may have {self._budgets.env} at most",
            )
        service = self._services.named(request.service)
        self._check_count(len(service.active) + 1)
        return service.add(request.env).report()

    def scale(self, request: Scale) -> Containers:
        """Set or change the number of active instances."""
        self._check_running()
        service = self._services.named(request.service)
        active = len(service.active)
        if (request.count is None) == (request.delta is None):
            raise RefusedError(FailureCode.INVALID, "give either a count or a delta")
        if request.count is not None and request.count < 0:
            raise RefusedError(
                FailureCode.INVALID, f"a count cannot be negative, got {request.count}"
            )
        wanted = request.count if request.count is not None else active + (request.delta or 0)
        if wanted > active:
            self._check_count(wanted)
        touched = [self._lifecycle.kill(each) for each in service.surplus(max(0, wanted))]
        touched += [service.add({}) for _ in range(wanted - active)]
        return Containers(containers=reports(touched, None))

    def kill(self, request: KillContainer) -> Nothing:
        """Kill one container."""
        instance = self._services.instance(request.id)
        if instance is not None and not instance.state.ended:
            self._lifecycle.kill(instance)
        return Nothing()

    def _check_running(self) -> None:
        if self._end.finish is not None:
            raise RefusedError(ENDING.code, ENDING.message)

    def _check_count(self, wanted: int) -> None:
        most = self._budgets.instances
        if wanted > most:
            raise RefusedError(
                FailureCode.INVALID, f"a service has {most} active instances at most"
            )
