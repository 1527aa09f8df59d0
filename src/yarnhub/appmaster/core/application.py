"""One application: what it wants, what it has, and how it ends.

`Application.handle` takes an event and the time and returns the actions that follow. It does no
I/O and knows no clock, so every rule here is tested without either. One task of the shell feeds
it; between two calls the state is consistent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from yarnhub.appmaster.core import placement
from yarnhub.appmaster.core.actions import (
    Action,
    Ask,
    Launch,
    Probe,
    Release,
    Resume,
    Signal,
    Stop,
)
from yarnhub.appmaster.core.commands import answer
from yarnhub.appmaster.core.events import (
    Asked,
    Ended,
    Event,
    Heartbeat,
    LaunchFailed,
    MasterScriptEnded,
    PortAnswered,
    Refused,
    Resynced,
    Started,
    Tick,
    Withdrawn,
)
from yarnhub.appmaster.core.key_commands import check
from yarnhub.appmaster.core.state import RefusedError, State
from yarnhub.control.messages import (
    ContainerState,
    Entries,
    Failure,
    FinalStatus,
    KillContainer,
    Nothing,
    Shutdown,
    WaitKey,
    WatchKeys,
    WatchTokens,
)
from yarnhub.control.outcomes import Outcome
from yarnhub.control.words import describe
from yarnhub.yarn.records.containers import Container, ContainerExitStatus, ContainerStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.appmaster.core.instances import Instance
    from yarnhub.appmaster.core.limits import Limits
    from yarnhub.appmaster.core.placement import Topology
    from yarnhub.control.messages import Request
    from yarnhub.spec import ApplicationSpec
    from yarnhub.yarn.records.containers import NMToken
    from yarnhub.yarn.records.scheduler import AllocateResponse

_SIGTERM_EXIT = 143
_OFTEN, _SELDOM = 0.25, 5.0
"""Seconds between two looks at a port, at least and at most."""


class Application(State):
    """The rules by which an application's state changes."""

    def __init__(
        self,
        spec: ApplicationSpec,
        document: str,
        topology: Topology,
        limits: Limits | None = None,
    ) -> None:
        super().__init__(spec, document, limits)
        self._topology = topology
        self._asked: dict[str, int | None] = {}
        """What the scheduler owes by service; None if that has to be said again."""

    def handle(self, event: Event, now: float) -> list[Action]:
        """Apply one event; returns what has to be done, in order.

        Args:
            event: What happened.
            now: Seconds since 1970.
        """
        self._now = now
        if not self.over:
            self._apply(event)
            self._settle()
        elif isinstance(event, Asked):
            self._reply(event.request_id, self._last_answer(event.request))
        actions, self._actions = self._actions, []
        return actions

    @property
    def due(self) -> float | None:
        """When a `Tick` is wanted next."""
        services = () if self.over else self.services.values()
        times = [each.due for service in services for each in service.timed]
        return min((due for due in times if due is not None), default=None)

    def _apply(self, event: Event) -> None:
        match event:
            case Started():
                self._known(event.previous, event.tokens)
                self._start()
            case Resynced():
                self._known(event.previous, event.tokens)
                self._asked = dict.fromkeys(self._asked)
            case Ended():
                self._actions.append(Release(event.status.container_id))
                self._completed(event.status)
            case Heartbeat():
                self._heartbeat(event.response)
            case Refused():
                self.end(FinalStatus.FAILED, f"YARN refused what was asked for: {event.reason}")
            case LaunchFailed() | PortAnswered():
                self._heard_of_container(event)
            case Tick():
                pass  # the time is looked at after every event
            case Asked() | Withdrawn():
                self._heard_of_client(event)
            case MasterScriptEnded():
                self._master_script_ended(event.exit_code)
            case _:
                assert_never(event)

    def _start(self) -> None:
        if self.started:
            self._go_on()
            return
        self.started = True
        for service in self.services.values():
            service.begin()

    def _go_on(self) -> None:
        """Take over what another process began."""
        # The scheduler may still owe it containers, or may have forgotten that it does.
        self._asked = dict.fromkeys(self.services)
        for instance in self._by_container.values():
            if instance.stopping and instance.container:
                # Perhaps once more: whether it was asked nobody knows.
                self._actions.append(Signal(instance.container))
            elif self.finish is None:
                self._actions.append(Resume(_launch(instance)))

    def _known(self, previous: Iterable[Container], tokens: Iterable[NMToken]) -> None:
        """Give back what the scheduler keeps for us and nobody here knows of.

        It was given with an answer that was lost, or its instance was replaced or scaled away.
        """
        self.keep_node_tokens(tokens)
        for container in previous:
            if container.id not in self._by_container:
                self._actions += [Stop(container), Release(container.id)]

    # --- containers

    def _heartbeat(self, response: AllocateResponse) -> None:
        self._known(response.containers_from_previous_attempts, response.nm_tokens)
        if response.am_rm_token is not None:
            self.am_rm_token = response.am_rm_token
        for container in response.allocated_containers:
            self._allocated(container)
        for status in response.completed_container_statuses:
            self._completed(status)

    def _allocated(self, container: Container) -> None:
        priority = container.priority.priority if container.priority else None
        for service in self.services.values():
            owed = service.next_requested
            if service.priority == priority and owed is not None:
                self._run(owed, container)
                # YARN has counted it off by itself.
                self._asked[service.name] = (self._asked.get(service.name) or 1) - 1
                return
        # Scaled down while the scheduler was about to give it.
        self._actions.append(Release(container.id))

    def _run(self, instance: Instance, container: Container) -> None:
        instance.state = ContainerState.RUNNING
        instance.container = container
        instance.start_time = self._now
        readiness = self.services[instance.service].service.ready
        instance.ready = readiness is None
        if readiness and readiness.port:
            instance.due = self._now
        self.file(instance)
        self._by_container[container.id] = instance
        self._actions.append(_launch(instance))

    def _completed(self, status: ContainerStatus) -> None:
        instance = self._by_container.pop(status.container_id, None)
        if instance is None or instance.state.ended:
            return
        if instance.stopping:
            self._end(instance, ContainerState.KILLED, "Killed by user request.")
            return
        succeeded = status.exit_status == ContainerExitStatus.SUCCESS
        state = ContainerState.SUCCEEDED if succeeded else ContainerState.FAILED
        outcome = Outcome.of_container(status)
        self._end(instance, state, describe(outcome))
        if not succeeded:
            self._replace(instance, counted=not outcome.cause.blameless)

    def _heard_of_container(self, event: LaunchFailed | PortAnswered) -> None:
        if isinstance(event, LaunchFailed):
            self._launch_failed(event)
            return
        instance = self._by_container.get(event.container_id)
        if instance is not None and not instance.stopping:
            instance.ready, instance.due = True, None
            self.file(instance)

    def _launch_failed(self, event: LaunchFailed) -> None:
        instance = self._by_container.pop(event.container_id, None)
        if instance is None or instance.state.ended:
            return
        self._actions.append(Release(event.container_id))
        if instance.stopping:
            self._end(instance, ContainerState.KILLED, "Killed by user request.")
            return
        self._end(instance, ContainerState.FAILED, f"Could not be started: {event.reason}")
        self._replace(instance, counted=event.counted)

    def _replace(self, instance: Instance, *, counted: bool) -> None:
        if self.finish is not None:
            return
        service = self.services[instance.service]
        if counted:
            service.failures += 1
            service.last_failure = instance
            if not service.may_restart():
                return
            service.restarts += 1
        service.replace(instance, self._now, delayed=counted)

    # --- clients

    def _heard_of_client(self, event: Asked | Withdrawn) -> None:
        if isinstance(event, Withdrawn):
            self._waiting.pop(event.request_id, None)
        else:
            self._ask(event)

    def _ask(self, event: Asked) -> None:
        try:
            if isinstance(event.request, WaitKey | WatchKeys | WatchTokens):
                check(self, event.request)
                self._wait(event.request_id, event.request)
                return
            self._reply(event.request_id, answer(self, event.request))
        except RefusedError as refused:
            self._reply(event.request_id, refused.failure)

    # --- ends

    def _last_answer(self, request: Request[Any]) -> object:
        """What a client is told that asks once the end is decided and YARN is being told.

        What is only read is answered still, and to end what ends is done.
        """
        match request:
            case WatchKeys():
                found = self.history.since(request)
                if found.events or found.missed:
                    return found
            case WaitKey() if (entry := self.keys.get(request.key)) is not None:
                return Entries(entries=(entry,))
            case Shutdown() | KillContainer():
                return Nothing()
            case _ if request.reads:
                try:
                    return answer(self, request)
                except RefusedError as refused:
                    return refused.failure
            case _:
                pass
        return Failure("ended", "the application is ending")

    def _master_script_ended(self, exit_code: int) -> None:
        if exit_code == 0:
            self.end(FinalStatus.SUCCEEDED, "The master's script completed successfully.")
        elif exit_code == _SIGTERM_EXIT:
            self.end(
                FinalStatus.FAILED,
                "The master's script was asked to end (signal 15): it was killed from outside, "
                "or the container went over its memory limit (master.resources.memory).",
                retriable=True,
            )
        else:
            self.end(
                FinalStatus.FAILED,
                f"The master's script failed with exit code {exit_code}, see its log "
                "application.driver.log.",
                retriable=True,
            )

    def _settle(self) -> None:
        """What follows from the state and the time, whatever event led to it."""
        self._do_what_is_due()
        self._see_what_is_ready()
        self._end_if_over()
        self._wind_up()
        self._release_dependents()
        self._ask_yarn()
        self._tell()
        self._finish()

    def _do_what_is_due(self) -> None:
        for service in self.services.values():
            port = service.service.ready.port if service.service.ready else None
            for instance in service.timed:
                if instance.due is None or instance.due > self._now:
                    continue
                if instance.stopping:
                    self._kill(instance)
                elif instance.state is ContainerState.WAITING:
                    instance.due = None
                    self.file(instance)
                elif port is not None:
                    self._probe(instance, port)

    def _probe(self, instance: Instance, port: int) -> None:
        assert instance.container is not None
        assert instance.start_time is not None
        self._actions.append(Probe(instance.container, port))
        # The longer it has taken, the less it matters.
        pause = (self._now - instance.start_time) / 2
        instance.due = self._now + min(max(pause, _OFTEN), _SELDOM)
        self.file(instance)

    def _see_what_is_ready(self) -> None:
        for service in self.services.values():
            readiness = service.service.ready
            if readiness is None or readiness.key is None:
                continue
            for instance in service.unready:
                if self.keys.get(readiness.key_of(instance.id)) is not None:
                    instance.ready = True
                    self.file(instance)

    def _release_dependents(self) -> None:
        ready = {name for name, service in self.services.items() if service.ready}
        for service in self.services.values():
            service.waits_for -= ready
            if not service.waits_for:
                for instance in service.find(ContainerState.WAITING):
                    if instance.due is None:
                        instance.state = ContainerState.REQUESTED
                        self.file(instance)

    def _ask_yarn(self) -> None:
        for name, service in self.services.items():
            owed = service.requested
            if owed != self._asked.get(name, 0):
                self._asked[name] = owed
                label = service.service.node_label or self.spec.node_label
                asks = placement.requests(
                    service.service, label, service.priority, owed, self._topology
                )
                self._actions.append(Ask(asks))

    def _end_if_over(self) -> None:
        for service in self.services.values():
            last = service.last_failure
            if service.failed and last is not None:
                self.end(
                    FinalStatus.FAILED,
                    f"Failure in service {service.name}: {last.id} ended. {last.exit_message}",
                    retriable=True,
                )
        services = self.services.values()
        # Services that begin with no instance wait to be scaled up.
        begun = self.started and any(service.next_number for service in services)
        over = all(service.over for service in services)
        if begun and over and not self.spec.master.script:
            self.end(FinalStatus.SUCCEEDED, "All services have completed successfully.")

    def _wind_up(self) -> None:
        """Once it is decided that the application ends, ask what has a grace period to end."""
        services = self.services.values()
        if self.finish is not None and any(
            each.service.grace_period and each.find(ContainerState.RUNNING) for each in services
        ):
            # YARN would end all the others with the application, but that is later now.
            for service in services:
                for instance in service.active:
                    self.kill(instance)

    def _finish(self) -> None:
        stopping = any(one.stopping for each in self.services.values() for one in each.timed)
        if self.finish is None or stopping:
            return
        for request_id in self._waiting:
            self._reply(request_id, Failure("ended", "the application is ending"))
        self._waiting.clear()
        self._actions.append(self.finish)
        self.over = True


def _launch(instance: Instance) -> Launch:
    assert instance.container is not None
    return Launch(instance.container, instance.service, instance.number, instance.env)
