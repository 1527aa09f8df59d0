"""The instances of an application's services; no number is used twice."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from yarnhub.appmaster.core.instances import MAX_DIGITS, Instance
from yarnhub.appmaster.core.records import ServiceRecord
from yarnhub.appmaster.core.requests import RefusedError
from yarnhub.base.errors import FailureCode
from yarnhub.control.messages import ACTIVE_STATES, ENDED_STATES, ContainerState
from yarnhub.spec.service import LONG_RUN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from yarnhub.appmaster.core.records import Ledger
    from yarnhub.spec import Service
    from yarnhub.yarn.records.ids import ContainerId

_STOP_ORDER = (ContainerState.WAITING, ContainerState.REQUESTED, ContainerState.RUNNING)
"""The order in which instances are stopped when a service is scaled down."""


class ServiceInstances:
    """A service's instances and its count of failures.

    The cost of an event does not depend on the number of past instances: those that have not ended
    are indexed, and only the latest of those that have ended are kept, while all are counted. A
    changed instance replaces the previous one with `file`.

    Args:
        name: The service's.
        service: Its specification.
        priority: YARN's priority, a different one for each service, which identifies allocations.
        kept: The number of ended instances that are kept.
        ledger: Collects the changes.
    """

    def __init__(
        self, name: str, service: Service, priority: int, kept: int, ledger: Ledger
    ) -> None:
        self.name = name
        self.service = service
        self.priority = priority
        self.next_number = 0
        self.counts = dict.fromkeys(ENDED_STATES, 0)
        """The number of ended instances by state, including those that are not kept."""
        self.begun = False
        """Whether an instance has ever been started."""
        self.waits_for = set(service.depends)
        """Services that are not ready yet."""
        self.failures = 0
        self.restarts = 0
        self.last_failure: Instance | None = None
        self._kept = kept
        self._ledger = ledger
        self._alive: dict[int, Instance] = {}
        self._ended: dict[int, Instance] = {}
        self._states: dict[ContainerState, dict[int, Instance]] = {
            state: {} for state in ACTIVE_STATES
        }
        self._waiting = self._states[ContainerState.WAITING]
        self._requested = self._states[ContainerState.REQUESTED]
        self._timed: dict[int, Instance] = {}
        self._ready: dict[int, Instance] = {}
        self._unready: dict[int, Instance] = {}
        self._first: dict[int, Instance] = {}
        """The initial instances, or their replacements, for which dependents wait."""
        self._by_container: dict[ContainerId, int] = {}

    # --- the record

    def record(self) -> ServiceRecord:
        """Its record, in addition to its instances."""
        return ServiceRecord(
            name=self.name,
            failures=self.failures,
            restarts=self.restarts,
            waits_for=tuple(sorted(self.waits_for)),
            next_number=self.next_number,
            begun=self.begun,
            ended={state.value: count for state, count in self.counts.items()},
        )

    def restore(self, record: ServiceRecord) -> None:
        """Restore the recorded state."""
        self.failures, self.restarts = record.failures, record.restarts
        self.waits_for = set(record.waits_for)
        self.next_number = max(self.next_number, record.next_number)
        self.begun = self.begun or record.begun
        if record.ended is not None:
            self.counts = {ContainerState(each): count for each, count in record.ended.items()}

    # --- changes

    def store(self, instance: Instance) -> None:
        """Store a new or changed instance."""
        number, state = instance.number, instance.state
        before = self._ended.pop(number, None)  # a record that was written twice
        if before is not None:
            self.counts[before.state] -= 1
        self.next_number = max(self.next_number, number + 1)
        self.begun = self.begun or instance.start_time is not None
        waited_for = not (state.ended or instance.ready)
        for index, belongs in (
            (self._alive, not state.ended),
            *((index, each is state) for each, index in self._states.items()),
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
        if instance.container is not None:
            if state is ContainerState.RUNNING:
                self._by_container[instance.container.id] = number
            else:
                self._by_container.pop(instance.container.id, None)
        self._ledger.note(instance)

    def add(self, env: Mapping[str, str], *, initial: bool = False) -> Instance:
        """Add an instance."""
        instance = Instance(
            self.name, self.next_number, self._first_state, dict(env), initial=initial
        )
        self.store(instance)
        return instance

    def replace(self, failed: Instance, now: float, *, delayed: bool) -> None:
        """Add an instance that replaces a failed one."""
        state, delay, due = self._first_state, failed.delay, None
        if delayed:
            ran = now - failed.start_time if failed.start_time is not None else 0.0
            longer = failed.delay * 2 if ran < LONG_RUN else 0.0
            delay = min(max(longer, self.service.restart_delay), self.service.max_restart_delay)
            if delay:
                state, due = ContainerState.WAITING, now + delay
        self.store(
            Instance(
                self.name,
                self.next_number,
                state,
                dict(failed.env),
                initial=failed.initial,
                delay=delay,
                due=due,
            )
        )

    @property
    def _first_state(self) -> ContainerState:
        return ContainerState.WAITING if self.waits_for else ContainerState.REQUESTED

    # --- queries

    def get(self, number: int) -> Instance | None:
        """The instance with a number, if it is kept."""
        return self._alive.get(number) or self._ended.get(number)

    def forgotten(self, number: int) -> bool:
        """Whether an instance has ended and is no longer kept."""
        return number < self.next_number and self.get(number) is None

    def running_in(self, container_id: ContainerId) -> Instance | None:
        """The instance in a container."""
        number = self._by_container.get(container_id)
        return None if number is None else self._alive[number]

    def find(self, state: ContainerState) -> list[Instance]:
        """The instances in a state, oldest first; ended ones only if they are kept."""
        if state.ended:
            return _in_order(each for each in self._ended.values() if each.state is state)
        return _in_order(self._states[state].values())

    @property
    def next_requested(self) -> Instance | None:
        """The instance for the next container."""
        return next(iter(self._requested.values()), None)

    @property
    def instances(self) -> list[Instance]:
        """All active instances and the kept ended ones, oldest first."""
        return _in_order((*self._ended.values(), *self._alive.values()))

    @property
    def ended(self) -> tuple[Instance, ...]:
        """The kept ended instances, in the order of their ends."""
        return tuple(self._ended.values())

    @property
    def alive(self) -> list[Instance]:
        """The instances that have not ended, oldest first."""
        return _in_order(self._alive.values())

    @property
    def requested(self) -> int:
        """The number of containers that YARN has not allocated yet."""
        return len(self._requested)

    @property
    def waiting(self) -> list[Instance]:
        """The instances that are not requested yet, oldest first."""
        return _in_order(self._waiting.values())

    @property
    def active(self) -> list[Instance]:
        """The instances that have not ended and are not being terminated."""
        return [instance for instance in self.alive if not instance.stopping]

    @property
    def over(self) -> bool:
        """Whether all instances have ended."""
        return not self._alive

    @property
    def timed(self) -> list[Instance]:
        """The instances with an action that is due at some time."""
        return list(self._timed.values())

    @property
    def unready(self) -> list[Instance]:
        """The running instances that have not fulfilled the service's `ready`."""
        return list(self._unready.values())

    def surplus(self, count: int) -> list[Instance]:
        """The instances to stop so that `count` are left."""
        active = self.active
        ordered = [each for state in _STOP_ORDER for each in active if each.state is state]
        return ordered[: max(0, len(ordered) - count)]

    @property
    def ready(self) -> bool:
        """Whether dependents of this service can start.

        An instance that ended before it was ready, and is not replaced, does not count: dependents
        would wait forever.
        """
        if not self.service.instances:  # it starts without instances, and is scaled up
            return bool(self._ready)
        return self.begun and not self._first

    def may_restart(self) -> bool:
        """Whether another failed instance is replaced."""
        limit = self.service.max_restarts
        return limit == -1 or self.restarts < limit

    @property
    def failed(self) -> bool:
        """Whether more instances have failed than the specification allows."""
        return not self.service.allow_failures and self.failures > self.restarts


class Services(dict[str, ServiceInstances]):
    """An application's services by name.

    Args:
        services: Their specifications.
        kept: The number of ended instances of each that are kept.
        ledger: Collects the changes.
    """

    def __init__(self, services: Mapping[str, Service], kept: int, ledger: Ledger) -> None:
        super().__init__()
        self.started = False
        """Whether their first instances have been created."""
        for priority, (name, service) in enumerate(services.items(), start=1):
            self[name] = ServiceInstances(name, service, priority, kept, ledger)

    def start(self) -> None:
        """Add the instances with which the application starts."""
        self.started = True
        for service in self.values():
            for _ in range(service.service.instances):
                service.add({}, initial=True)

    def store(self, instance: Instance) -> None:
        """Store a changed instance."""
        self[instance.service].store(instance)

    def named(self, name: str) -> ServiceInstances:
        """The service with a name from a request.

        Raises:
            RefusedError: It does not exist.
        """
        try:
            return self[name]
        except KeyError:
            raise RefusedError(FailureCode.INVALID, f"Unknown service '{name}'") from None

    def instance(self, container_id: str) -> Instance | None:
        """The instance with an id like `worker_3`; None if it has ended and is no longer kept.

        Raises:
            RefusedError: It never existed.
        """
        name, _, number = container_id.rpartition("_")
        if not name or not number.isdecimal():
            raise RefusedError(
                FailureCode.INVALID, f"'{container_id}' is not a container's id, like 'worker_0'"
            )
        # The id itself is looked up: int() also reads 01 and ٣, which are not ids.
        service = self.named(name)
        if len(number) <= MAX_DIGITS and str(int(number)) == number:
            instance = service.get(int(number))
            if instance is not None or service.forgotten(int(number)):
                return instance
        raise RefusedError(
            FailureCode.INVALID, f"Service '{name}' has no container instance {number}"
        )

    def running_in(self, container_id: ContainerId) -> Instance | None:
        """The instance in a container."""
        found = (service.running_in(container_id) for service in self.values())
        return next((instance for instance in found if instance is not None), None)

    @property
    def running(self) -> list[Instance]:
        """The running instances."""
        return [each for service in self.values() for each in service.find(ContainerState.RUNNING)]


def _in_order(instances: Iterable[Instance]) -> list[Instance]:
    return sorted(instances, key=attrgetter("number"))
