"""The instances of one service: counted, restarted, never numbered twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING

from yarnhub.control import messages
from yarnhub.control.messages import ACTIVE_STATES, ENDED_STATES, ContainerState
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
    """A service's instances and its count of failures.

    What one event costs does not depend on how many instances there have been: those that have
    not ended are filed by what is asked about them, of those that have ended only the latest are
    kept, and all are counted. Whoever changes an instance files it anew, with `file`.

    Args:
        name: The service's.
        service: What was specified.
        priority: YARN's, one for each service: what comes back is told apart by it.
        kept: How many instances that have ended are kept.
    """

    def __init__(self, name: str, service: Service, priority: int, kept: int) -> None:
        self.name = name
        self.service = service
        self.priority = priority
        self.next_number = 0
        self.counts = dict.fromkeys(ENDED_STATES, 0)
        """How many instances have ended in each way, those that are not kept included."""
        self.begun = False
        """Whether an instance has ever been started."""
        self.waits_for = set(service.depends)
        """Services that are not ready yet."""
        self.failures = 0
        self.restarts = 0
        self.last_failure: Instance | None = None
        self.changed: dict[int, Instance] | None = None
        """Those that were filed since somebody last looked; None if nobody does."""
        self._kept = kept
        self._alive: dict[int, Instance] = {}
        self._ended: dict[int, Instance] = {}
        self._states: dict[ContainerState, dict[int, Instance]] = {
            state: {} for state in ACTIVE_STATES
        }
        self._timed: dict[int, Instance] = {}
        self._ready: dict[int, Instance] = {}
        self._unready: dict[int, Instance] = {}
        self._first: dict[int, Instance] = {}
        """Of those that it began with, or their replacements, the ones that others wait for."""

    def file(self, instance: Instance) -> None:
        """File an instance that is new or was changed."""
        number, state = instance.number, instance.state
        before = self._ended.pop(number, None)  # a record that was written twice
        if before is not None:
            self.counts[before.state] -= 1
        self.next_number = max(self.next_number, number + 1)
        self.begun = self.begun or instance.start_time is not None
        waited_for = not (state.ended or instance.ready)
        for index, belongs in (
            (self._alive, not state.ended),
            *((self._states[each], each is state) for each in ACTIVE_STATES),
            (self._timed, instance.due is not None),
            (self._ready, instance.ready),
            (self._unready, state is ContainerState.RUNNING and not instance.ready),
            (self._first, instance.initial and waited_for),
        ):
            if belongs:
                index[number] = instance
            else:
                index.pop(number, None)
        if state.ended:
            self.counts[state] += 1
            self._ended[number] = instance
            if len(self._ended) > self._kept:
                del self._ended[next(iter(self._ended))]
        if self.changed is not None:
            self.changed.pop(number, None)  # in the order of their last change
            self.changed[number] = instance

    def get(self, number: int) -> Instance | None:
        """The instance of a number, if it is kept."""
        return self._alive.get(number) or self._ended.get(number)

    def forgotten(self, number: int) -> bool:
        """Whether an instance has ended and is kept no longer."""
        return number < self.next_number and self.get(number) is None

    def add(self, env: Mapping[str, str]) -> Instance:
        """Want one more instance."""
        state = ContainerState.WAITING if self.waits_for else ContainerState.REQUESTED
        instance = Instance(self.name, self.next_number, state, dict(env))
        self.file(instance)
        return instance

    def begin(self) -> None:
        """Want the instances that the application begins with."""
        for _ in range(self.service.instances):
            instance = self.add({})
            instance.initial = True
            self.file(instance)

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
        self.file(instance)

    def find(self, state: ContainerState) -> list[Instance]:
        """The instances in a state, oldest first; of those that have ended, the ones kept."""
        if state.ended:
            return _in_order(each for each in self._ended.values() if each.state is state)
        return _in_order(self._states[state].values())

    @property
    def next_requested(self) -> Instance | None:
        """What the next container is for."""
        return next(iter(self._states[ContainerState.REQUESTED].values()), None)

    @property
    def instances(self) -> list[Instance]:
        """All that have not ended, and of those that have the latest, oldest first."""
        return _in_order((*self._ended.values(), *self._alive.values()))

    @property
    def ended(self) -> tuple[Instance, ...]:
        """The latest that have ended, in that order."""
        return tuple(self._ended.values())

    @property
    def alive(self) -> list[Instance]:
        """Those that have not ended, oldest first."""
        return _in_order(self._alive.values())

    @property
    def requested(self) -> int:
        """How many containers YARN still owes."""
        return len(self._states[ContainerState.REQUESTED])

    @property
    def active(self) -> list[Instance]:
        """The instances that have not ended, nor were asked to."""
        return [instance for instance in self.alive if not instance.stopping]

    @property
    def over(self) -> bool:
        """Whether all instances have ended."""
        return not self._alive

    @property
    def timed(self) -> list[Instance]:
        """The instances about which something is to be done at some time."""
        return list(self._timed.values())

    @property
    def unready(self) -> list[Instance]:
        """The instances that run and are not what the service's `ready` says."""
        return list(self._unready.values())

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
        if not self.service.instances:  # it begins with none, and is scaled up
            return bool(self._ready)
        return self.begun and not self._first

    def may_restart(self) -> bool:
        """Whether one more failed instance is replaced."""
        limit = self.service.max_restarts
        return limit == -1 or self.restarts < limit

    @property
    def failed(self) -> bool:
        """Whether more instances failed than the specification forgives."""
        return not self.service.allow_failures and self.failures > self.restarts


def _in_order(instances: Iterable[Instance]) -> list[Instance]:
    return sorted(instances, key=attrgetter("number"))


def reports(
    instances: Iterable[Instance], states: tuple[ContainerState, ...] | None
) -> tuple[messages.Container, ...]:
    """Instances as clients see them, in the order given."""
    return tuple(
        instance.report() for instance in instances if states is None or instance.state in states
    )
