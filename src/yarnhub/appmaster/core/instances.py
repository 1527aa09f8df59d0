"""The instances of one service: counted, restarted, never numbered twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.control import messages
from yarnhub.control.messages import ContainerState
from yarnhub.spec.service import LONG_RUN
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
    initial: bool = False
    """Whether the application began with it, or it replaces one with which it did."""
    ready: bool = False
    """Whether it is what its service's `ready` says; it stays so until it ends."""
    stopping: bool = False
    """Whether it was asked to end and has not yet."""
    delay: float = 0.0
    """Seconds that it was started later than the end of the one it replaces."""
    due: float | None = None
    """When something is to be done: the start of one that waits, the kill of one that was asked
    to end, a look at the port of one that runs."""

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
            ready=self.ready,
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
        """Services that are not ready yet."""
        self.failures = 0
        self.restarts = 0
        self.last_failure: Instance | None = None

    def add(self, env: Mapping[str, str]) -> Instance:
        """Want one more instance."""
        state = ContainerState.WAITING if self.waits_for else ContainerState.REQUESTED
        instance = Instance(self.name, len(self.instances), state, dict(env))
        self.instances.append(instance)
        return instance

    def begin(self) -> None:
        """Want the instances that the application begins with."""
        for _ in range(self.service.instances):
            self.add({}).initial = True

    def replace(self, failed: Instance, now: float, *, delayed: bool) -> None:
        """Want one more instance in the place of a failed one."""
        instance = self.add(failed.env)
        instance.initial = failed.initial
        instance.delay = failed.delay
        if delayed:
            ran = now - failed.start_time if failed.start_time is not None else 0.0
            longer = failed.delay * 2 if ran < LONG_RUN else 0.0
            instance.delay = min(
                max(longer, self.service.restart_delay), self.service.max_restart_delay
            )
            if instance.delay:
                instance.state, instance.due = ContainerState.WAITING, now + instance.delay

    def find(self, state: ContainerState) -> list[Instance]:
        """The instances in a state, oldest first."""
        return [instance for instance in self.instances if instance.state is state]

    @property
    def requested(self) -> int:
        """How many containers YARN still owes."""
        return len(self.find(ContainerState.REQUESTED))

    @property
    def active(self) -> list[Instance]:
        """The instances that have not ended, nor were asked to."""
        return [
            instance
            for instance in self.instances
            if not instance.state.ended and not instance.stopping
        ]

    @property
    def alive(self) -> bool:
        """Whether an instance has not ended."""
        return any(not instance.state.ended for instance in self.instances)

    @property
    def timed(self) -> list[Instance]:
        """The instances about which something is to be done at some time."""
        wanted = self.service
        if not (wanted.restart_delay or wanted.grace_period or wanted.ready):
            return []  # the usual case costs nothing
        return [instance for instance in self.instances if instance.due is not None]

    def surplus(self, count: int) -> list[Instance]:
        """The instances to stop for `count` to be left."""
        active = self.active
        ordered = [each for state in _STOP_ORDER for each in active if each.state is state]
        return ordered[: max(0, len(ordered) - count)]

    @property
    def ready(self) -> bool:
        """Whether those that depend on this service may start.

        One that ended before it was ready, and is not replaced, is not waited for: its dependents
        would wait for ever.
        """
        first = [instance for instance in self.instances if instance.initial]
        if not first:  # it began with none, and was scaled up
            return any(instance.ready for instance in self.instances)
        begun = any(instance.start_time is not None for instance in self.instances)
        return begun and all(instance.ready or instance.state.ended for instance in first)

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
