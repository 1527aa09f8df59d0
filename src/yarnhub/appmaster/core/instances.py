"""The instances of one service: counted, restarted, never numbered twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.control import messages
from yarnhub.control.messages import ContainerState
from yarnhub.yarn.records.containers import Container  # noqa: TC001  # read when it is recorded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from yarnhub.spec import Service

_STOP_ORDER = (ContainerState.WAITING, ContainerState.REQUESTED, ContainerState.RUNNING)
"""What is stopped first when a service is scaled down: what costs its user least."""


@dataclass(slots=True)
class Instance:
    """One container of a service, from the wish for it to its end.

    It is recorded as it is: see `records`.
    """

    service: str
    number: int
    state: ContainerState
    env: dict[str, str] = field(default_factory=dict)
    container: Container | None = None
    start_time: float | None = None
    finish_time: float | None = None
    exit_message: str = ""

    @property
    def id(self) -> str:
        """`<service>_<instance>`, the name that users know it by."""
        return f"{self.service}_{self.number}"

    def report(self) -> messages.Container:
        """As clients see it."""
        return messages.Container(
            service_name=self.service,
            instance=self.number,
            state=self.state,
            yarn_container_id=str(self.container.id) if self.container else "",
            yarn_node_http_address=self.container.node_http_address if self.container else "",
            start_time=self.start_time,
            finish_time=self.finish_time,
            exit_message=self.exit_message,
        )


class ServiceInstances:
    """A service's instances and its count of failures."""

    def __init__(self, name: str, service: Service, priority: int) -> None:
        self.name = name
        self.service = service
        self.priority = priority
        """YARN's, one for each service: what comes back is told apart by it."""
        self.instances: list[Instance] = []
        self.waits_for = set(service.depends)
        """Services that have not started yet."""
        self.initial = service.instances
        """How many the application begins with; the service has started when they have."""
        self.failures = 0
        self.restarts = 0
        self.last_failure: Instance | None = None

    def add(self, env: Mapping[str, str]) -> Instance:
        """Want one more instance."""
        state = ContainerState.WAITING if self.waits_for else ContainerState.REQUESTED
        instance = Instance(self.name, len(self.instances), state, dict(env))
        self.instances.append(instance)
        return instance

    def find(self, state: ContainerState) -> list[Instance]:
        """The instances in a state, oldest first."""
        return [instance for instance in self.instances if instance.state is state]

    @property
    def requested(self) -> int:
        """How many containers YARN still owes."""
        return len(self.find(ContainerState.REQUESTED))

    @property
    def active(self) -> list[Instance]:
        """The instances that have not ended."""
        return [instance for instance in self.instances if not instance.state.ended]

    def surplus(self, count: int) -> list[Instance]:
        """The instances to stop for `count` to be left."""
        ordered = [instance for state in _STOP_ORDER for instance in self.find(state)]
        return ordered[: max(0, len(ordered) - count)]

    @property
    def started(self) -> bool:
        """Whether those that depend on this service may start.

        One that was killed before it ran is not waited for: its dependents would wait for ever.
        """
        begun = any(instance.start_time is not None for instance in self.instances)
        return begun and all(
            instance.start_time is not None or instance.state.ended
            for instance in self.instances[: self.initial]
        )

    def may_restart(self) -> bool:
        """Whether one more failed instance is replaced."""
        limit = self.service.max_restarts
        return limit == -1 or self.restarts < limit

    @property
    def failed(self) -> bool:
        """Whether more instances failed than the specification forgives."""
        return not self.service.allow_failures and self.failures > self.restarts


def reports(
    instances: Iterable[Instance], states: tuple[ContainerState, ...] | None
) -> tuple[messages.Container, ...]:
    """Instances as clients see them, in the order given."""
    return tuple(
        instance.report() for instance in instances if states is None or instance.state in states
    )
