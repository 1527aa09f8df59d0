"""The lifecycle of instances, from the allocation of a container to the end and replacement."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from yarnhub.appmaster.core.actions import Launch, Probe, Release, Resume, Signal, Stop
from yarnhub.control.messages import ContainerState
from yarnhub.control.outcomes import Cause, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from yarnhub.appmaster.core.actions import Action
    from yarnhub.appmaster.core.end import ApplicationEnd
    from yarnhub.appmaster.core.instances import Instance
    from yarnhub.appmaster.core.keys import KeyValueStore
    from yarnhub.appmaster.core.services import Services
    from yarnhub.yarn.records.containers import Container, ContainerStatus
    from yarnhub.yarn.records.ids import ContainerId

_MIN_PROBE_PAUSE, _MAX_PROBE_PAUSE = 0.25, 5.0
"""Seconds between two checks of a port."""
_KILLED = Outcome(cause=Cause.KILLED_BY_USER)


class Lifecycle:
    """The rules by which instances start, become ready, end and are replaced.

    Args:
        services: The application's services.
        keys: The application's keys; those that an instance owns are deleted at its end.
        end: The application's end; once it is decided, no instances are replaced.
        actions: The list to which actions are added.
        now: Seconds since 1970.
    """

    def __init__(
        self,
        services: Services,
        keys: KeyValueStore,
        end: ApplicationEnd,
        actions: list[Action],
        now: Callable[[], float],
    ) -> None:
        self._services = services
        self._keys = keys
        self._end = end
        self._actions = actions
        self._now = now

    # --- containers

    def resume_running(self) -> None:
        """Resume the running instances of an earlier process."""
        for instance in self._services.running:
            assert instance.container is not None
            if instance.stopping:
                # Possibly again: the signal is not recorded.
                self._actions.append(Signal(instance.container))
            elif self._end.finish is None:
                self._actions.append(Resume(_launch(instance, instance.container)))

    def give_back_unknown(self, containers: Iterable[Container]) -> None:
        """Release the containers in which no instance runs.

        The response with their allocation was lost, or their instance was replaced or removed.
        """
        for container in containers:
            if self._services.running_in(container.id) is None:
                self._actions += [Stop(container), Release(container.id)]

    def run(self, instance: Instance, container: Container) -> None:
        """Start an instance in the container that YARN allocated for it."""
        readiness = self._services[instance.service].service.ready
        now = self._now()
        running = replace(
            instance,
            state=ContainerState.RUNNING,
            container=container,
            start_time=now,
            ready=readiness is None,
            due=now if readiness and readiness.port else instance.due,
        )
        self._services.store(running)
        self._actions.append(_launch(running, container))

    def completed(self, status: ContainerStatus) -> None:
        """Handle the end of a container."""
        instance = self._services.running_in(status.container_id)
        if instance is None:
            return
        if instance.stopping:
            self._ended(instance, ContainerState.KILLED, _KILLED)
            return
        outcome = Outcome.of_container(status)
        succeeded = outcome.cause is Cause.FINISHED
        state = ContainerState.SUCCEEDED if succeeded else ContainerState.FAILED
        ended = self._ended(instance, state, outcome)
        if not succeeded:
            self._replace(ended, counted=not outcome.cause.blameless)

    def launch_failed(self, container_id: ContainerId, reason: str, *, counted: bool) -> None:
        """Handle a container that could not be started."""
        instance = self._services.running_in(container_id)
        if instance is None:
            return
        self._actions.append(Release(container_id))
        if instance.stopping:
            self._ended(instance, ContainerState.KILLED, _KILLED)
            return
        outcome = Outcome(cause=Cause.NOT_STARTED, raw=reason)
        ended = self._ended(instance, ContainerState.FAILED, outcome)
        self._replace(ended, counted=counted)

    def port_answered(self, container_id: ContainerId) -> None:
        """Mark the instance in a container as ready."""
        instance = self._services.running_in(container_id)
        if instance is not None and not instance.stopping:
            self._services.store(replace(instance, ready=True, due=None))

    # --- ends

    def kill(self, instance: Instance) -> Instance:
        """Kill an instance on a user's request: after its grace period, if it has one."""
        grace = self._services[instance.service].service.grace_period
        if instance.container is None or not grace:
            return self._kill_now(instance)
        if instance.stopping:
            return instance
        stopping = replace(
            instance,
            stopping=True,
            due=self._now() + grace,
            outcome=Outcome(cause=Cause.STOPPING, grace=grace),
        )
        self._services.store(stopping)
        self._actions.append(Signal(instance.container))
        return stopping

    def kill_all_in_time(self) -> None:
        """Terminate instances with a grace period, before YARN kills all with the application."""
        services = self._services
        if any(services[each.service].service.grace_period for each in services.running):
            # YARN kills the others with the application, which now ends later.
            for service in services.values():
                for instance in service.active:
                    self.kill(instance)

    def _kill_now(self, instance: Instance) -> Instance:
        if instance.container is not None:
            self._actions += [Stop(instance.container), Release(instance.container.id)]
        grace = self._services[instance.service].service.grace_period
        late = Outcome(cause=Cause.KILLED_BY_USER, grace=grace)
        outcome = late if instance.stopping else _KILLED
        return self._ended(instance, ContainerState.KILLED, outcome)

    def _ended(self, instance: Instance, state: ContainerState, outcome: Outcome) -> Instance:
        ended = replace(
            instance,
            state=state,
            finish_time=self._now(),
            outcome=outcome,
            ready=False,
            stopping=False,
            due=None,
        )
        self._services.store(ended)
        for key in self._keys.owned_by(ended.id):
            self._keys.delete(key)
        return ended

    def _replace(self, failed: Instance, *, counted: bool) -> None:
        if self._end.finish is not None:
            return
        service = self._services[failed.service]
        if counted:
            service.failures += 1
            service.last_failure = failed
            if not service.may_restart():
                return
            service.restarts += 1
        service.replace(failed, self._now(), delayed=counted)

    # --- what follows from the state and the time

    @property
    def due(self) -> float | None:
        """When `do_what_is_due` must be called next."""
        times = [each.due for service in self._services.values() for each in service.timed]
        return min((due for due in times if due is not None), default=None)

    @property
    def stopping(self) -> bool:
        """Whether an instance is being terminated."""
        return any(each.stopping for one in self._services.values() for each in one.timed)

    def do_what_is_due(self) -> None:
        """Start, kill or check the instances that are due."""
        now = self._now()
        for service in self._services.values():
            port = service.service.ready.port if service.service.ready else None
            for instance in service.timed:
                if instance.due is None or instance.due > now:
                    continue
                if instance.stopping:
                    self._kill_now(instance)
                elif instance.state is ContainerState.WAITING:
                    service.store(replace(instance, due=None))
                elif port is not None:
                    self._probe(instance, port)

    def _probe(self, instance: Instance, port: int) -> None:
        assert instance.container is not None
        assert instance.start_time is not None
        self._actions.append(Probe(instance.container, port))
        # The longer it has taken, the less often it is checked.
        pause = (self._now() - instance.start_time) / 2
        due = self._now() + min(max(pause, _MIN_PROBE_PAUSE), _MAX_PROBE_PAUSE)
        self._services.store(replace(instance, due=due))

    def see_what_is_ready(self) -> None:
        """Mark the instances whose key is set as ready."""
        for service in self._services.values():
            readiness = service.service.ready
            if readiness is None or readiness.key is None:
                continue
            for instance in service.unready:
                if self._keys.get(readiness.key_of(instance.id)) is not None:
                    service.store(replace(instance, ready=True))

    def release_dependents(self) -> None:
        """Request the instances whose dependencies are ready and whose delay has passed."""
        ready = {name for name, service in self._services.items() if service.ready}
        for service in self._services.values():
            service.waits_for -= ready
            if not service.waits_for:
                for instance in service.waiting:
                    if instance.due is None:
                        service.store(replace(instance, state=ContainerState.REQUESTED))


def _launch(instance: Instance, container: Container) -> Launch:
    return Launch(container, instance.service, instance.number, instance.env)
