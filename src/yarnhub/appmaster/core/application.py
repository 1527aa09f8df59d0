"""One application: its desired and its actual state, and its end.

`Application.handle` takes an event and the time and returns the resulting actions. It does no I/O
and uses no clock, so every rule here is tested without either. One task of the shell calls it;
between two calls the state is consistent.

Each part has its own module: the services' instances (`services`) and their lifecycle
(`instance_lifecycle`), the requests to the scheduler (`placement`), keys (`keys`), pages, tokens,
the end (`end`), and clients' requests (`requests`), whose functions are in a table here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, assert_never

from yarnhub.appmaster.core.actions import Finish, Release
from yarnhub.appmaster.core.budgets import Budgets
from yarnhub.appmaster.core.container_requests import ContainerRequests
from yarnhub.appmaster.core.end import ApplicationEnd
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
from yarnhub.appmaster.core.instance_lifecycle import Lifecycle
from yarnhub.appmaster.core.instances import Instance
from yarnhub.appmaster.core.key_history import KeyHistory
from yarnhub.appmaster.core.key_requests import KeyRequests
from yarnhub.appmaster.core.keys import KeyValueStore
from yarnhub.appmaster.core.pages import WebPages
from yarnhub.appmaster.core.placement import OutstandingRequests
from yarnhub.appmaster.core.records import (
    ApplicationRecord,
    Change,
    KeyRecord,
    Ledger,
    Record,
    ServiceRecord,
)
from yarnhub.appmaster.core.requests import ENDING, RefusedError, Requests
from yarnhub.appmaster.core.services import Services
from yarnhub.appmaster.core.tokens import DelegationTokens, YarnTokens
from yarnhub.appmaster.core.transactions import Transactions
from yarnhub.base.errors import FailureCode
from yarnhub.control.messages import (
    AddContainer,
    AddPage,
    DeleteKey,
    DeleteKeys,
    Entries,
    FinalStatus,
    GetContainers,
    GetKey,
    GetKeys,
    GetPages,
    GetSpecification,
    GetUi,
    Keys,
    KillContainer,
    ListKeys,
    Nothing,
    PutKey,
    RemovePage,
    Request,
    Scale,
    SetProgress,
    Shutdown,
    Specification,
    Transaction,
    UpdateTokens,
    WaitKey,
    WatchKeys,
    WatchTokens,
)
from yarnhub.control.outcomes import Cause, Outcome, Subject
from yarnhub.yarn.records.containers import NMToken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from yarnhub.appmaster.core.actions import Action
    from yarnhub.appmaster.core.placement import Topology
    from yarnhub.spec import ApplicationSpec
    from yarnhub.yarn.records.containers import Container
    from yarnhub.yarn.records.scheduler import AllocateResponse


class Application:
    """The parts of one application, and the effects of events on them.

    Args:
        spec: The submitted specification.
        document: The same, as the submitted document.
        topology: The cluster's hosts.
        budgets: The limits of the application.

    Attributes:
        services: The instances of each service.
        keys: The key-value store.
        history: Its latest events.
        pages: The web pages of services.
        tokens: The delegation tokens from clients.
        yarn_tokens: The tokens from YARN.
        progress: 0 to 1, as set by the application; None before that.
    """

    def __init__(
        self,
        spec: ApplicationSpec,
        document: str,
        topology: Topology,
        budgets: Budgets | None = None,
    ) -> None:
        self.spec = spec
        self.document = document
        self.budgets = budgets = budgets or Budgets()
        self._now = 0.0
        self._actions: list[Action] = []
        self._ledger = Ledger()
        self._end = ApplicationEnd()
        self.progress: float | None = None
        self.services = Services(spec.services, budgets.ended, self._ledger)
        self.keys = KeyValueStore()
        self.history = KeyHistory(budgets.events, budgets.event_bytes)
        self.pages = WebPages(budgets.pages)
        self.tokens = DelegationTokens(budgets.token_bytes, self._actions, self._time)
        self.yarn_tokens = YarnTokens(self._ledger)
        self._lifecycle = Lifecycle(self.services, self.keys, self._end, self._actions, self._time)
        self._outstanding = OutstandingRequests(spec, topology)
        self.requests = Requests(self._answers(), budgets.waiting, self._actions)

    @property
    def finish(self) -> Finish | None:
        """How it ends; None before that is decided."""
        return self._end.finish

    @property
    def over(self) -> bool:
        """Whether it has ended; then no more actions follow."""
        return self._end.over

    @property
    def due(self) -> float | None:
        """When the next `Tick` is due."""
        return None if self.over else self._lifecycle.due

    def handle(self, event: Event, now: float) -> list[Action]:
        """Apply one event; returns the resulting actions, in order.

        Args:
            event: The event.
            now: Seconds since 1970.
        """
        self._now = now
        if not self.over:
            self._apply(event)
            self._settle()
        elif isinstance(event, Asked):
            self.requests.reply(event.request_id, self._last_answer(event.request))
        actions = self._actions.copy()
        self._actions.clear()
        return actions

    def _time(self) -> float:
        return self._now

    def _apply(self, event: Event) -> None:
        match event:
            case Asked():
                self.requests.ask(event.request_id, event.request)
            case Started():
                self._known(event.previous, event.tokens)
                self._start()
            case Resynced():
                self._known(event.previous, event.tokens)
                self._outstanding.repeat(())
            case Heartbeat():
                self._heartbeat(event.response)
            case Ended():
                self._actions.append(Release(event.status.container_id))
                self._lifecycle.completed(event.status)
            case LaunchFailed():
                self._lifecycle.launch_failed(
                    event.container_id, event.reason, counted=event.counted
                )
            case PortAnswered():
                self._lifecycle.port_answered(event.container_id)
            case Withdrawn():
                self.requests.withdraw(event.request_id)
            case _:
                self._apply_to_end(event)

    def _apply_to_end(self, event: Refused | MasterScriptEnded | Tick) -> None:
        match event:
            case Refused():
                cause, why = Cause.REFUSED, event.reason
                outcome = Outcome(cause=cause, subject=Subject.APPLICATION, raw=why)
                self._end.decide(FinalStatus.FAILED, outcome)
            case MasterScriptEnded():
                self._end.follow_script(event.exit_code)
            case Tick():
                pass  # the time is checked after every event
            case _:
                assert_never(event)

    # --- the scheduler

    def _start(self) -> None:
        if self.services.started:
            # The scheduler may have pending requests for it, or may have lost them.
            self._outstanding.repeat(self.services)
            self._lifecycle.resume_running()
        else:
            self.services.start()

    def _known(self, previous: Iterable[Container], tokens: Iterable[NMToken]) -> None:
        self.yarn_tokens.keep(tokens)
        self._lifecycle.give_back_unknown(previous)

    def _heartbeat(self, response: AllocateResponse) -> None:
        self._known(response.containers_from_previous_attempts, response.nm_tokens)
        if response.am_rm_token is not None:
            self.yarn_tokens.am_rm = response.am_rm_token
        for container in response.allocated_containers:
            self._allocated(container)
        for status in response.completed_container_statuses:
            self._lifecycle.completed(status)

    def _allocated(self, container: Container) -> None:
        priority = container.priority.priority if container.priority else None
        for service in self.services.values():
            owed = service.next_requested
            if service.priority == priority and owed is not None:
                self._lifecycle.run(owed, container)
                self._outstanding.given(service.name)
                return
        # Scaled down while the scheduler was allocating it.
        self._actions.append(Release(container.id))

    def _settle(self) -> None:
        """Apply what follows from the state and the time, whatever the event was."""
        end, lifecycle = self._end, self._lifecycle
        lifecycle.do_what_is_due()
        lifecycle.see_what_is_ready()
        end.follow_services(self.services, script=bool(self.spec.master.script))
        if end.finish is not None:
            lifecycle.kill_all_in_time()
        lifecycle.release_dependents()
        self._actions += self._outstanding.update(self.services)
        self._commit_keys()
        if end.finish is not None and not lifecycle.stopping:
            self.requests.end()
            self._actions.append(end.finish)
            end.over = True

    def _commit_keys(self) -> None:
        events = [self.history.add(*change) for change in self.keys.commit()]
        for event in events:
            self._ledger.note(KeyRecord(key=event.key, entry=self.keys.get(event.key)))
        self.requests.tell_of_keys(events, self.keys, self.history)

    # --- clients

    def _answers(self) -> dict[type[Request[Any]], Callable[[Any], object]]:
        """The function that carries out each request."""
        containers = ContainerRequests(self.services, self._lifecycle, self._end, self.budgets)
        keys = KeyRequests(self.keys, self.history, self.services, self.budgets)
        operations: dict[type[Request[Any]], Callable[[Any], Nothing | Entries | Keys]] = {
            PutKey: keys.put,
            GetKey: keys.get,
            GetKeys: keys.get_range,
            ListKeys: keys.list_range,
            DeleteKey: keys.delete,
            DeleteKeys: keys.delete_range,
        }
        return {
            GetSpecification: lambda _: Specification(document=self.document),
            Shutdown: self._end.shut_down,
            SetProgress: self._set_progress,
            GetContainers: containers.get,
            AddContainer: containers.add,
            Scale: containers.scale,
            KillContainer: containers.kill,
            **operations,
            Transaction: Transactions(self.keys, operations, self.budgets).carry_out,
            WaitKey: keys.wait,
            WatchKeys: keys.watch,
            UpdateTokens: self._update_tokens,
            WatchTokens: self.tokens.watch,
            GetUi: self.pages.get_ui,
            GetPages: self.pages.list,
            AddPage: self.pages.add,
            RemovePage: self.pages.remove,
        }

    def _set_progress(self, request: SetProgress) -> Nothing:
        if not (math.isfinite(request.progress) and 0 <= request.progress <= 1):
            text = f"progress must be between 0 and 1, got {request.progress}"
            raise RefusedError(FailureCode.INVALID, text)
        self.progress = request.progress
        return Nothing()

    def _update_tokens(self, request: UpdateTokens) -> Nothing:
        answer = self.tokens.update(request)
        self.requests.tell_of_tokens(self.tokens.latest)
        return answer

    def _last_answer(self, request: Request[Any]) -> object:
        """The response to a request after the end is decided, while it is reported to YARN.

        Read-only requests are still answered, and requests to end it succeed.
        """
        match request:
            case WatchKeys():
                found = self.history.since(request)
                return found if found.events or found.missed else ENDING
            case WaitKey():
                return self.requests.answer(request) or ENDING
            case Shutdown() | KillContainer():
                return Nothing()
            case _:
                return self.requests.answer(request) if request.reads else ENDING

    # --- the record

    def restore(self, changes: Iterable[Change]) -> None:
        """Restore the state that these changes describe, for the same specification.

        Requests to the scheduler and waiting requests of clients are not part of it.
        """
        for change in changes:
            for record in change.records:
                self._restore(record)
        self.keys.commit()

    def _restore(self, record: Record) -> None:
        match record:
            case ApplicationRecord():
                self.services.started, self.progress = record.started, record.progress
                self.history.last = record.last_event
                self.pages.by_route = {page.route: page for page in record.pages}
                self.yarn_tokens.am_rm = record.am_rm_token
                self._end.restore(record)
            case ServiceRecord():
                self.services[record.name].restore(record)
            case Instance():
                self.services.store(record)
            case KeyRecord(entry=entry):
                if entry is None:
                    self.keys.delete(record.key)
                else:
                    self.keys.put(entry)
            case NMToken():
                self.yarn_tokens.keep((record,))
            case _:
                assert_never(record)

    def snapshot(self) -> Change:
        """The complete state for `restore`; from now on `changes` returns what is new."""
        self._ledger.begin()
        self.changes()
        services = self.services.values()
        return Change(
            (
                self._record(),
                *(each for one in services for each in (*one.ended, *one.alive)),
                *(service.record() for service in services),  # after the instances that they count
                *(KeyRecord(key=entry.key, entry=entry) for entry in self.keys.entries()),
                *self.yarn_tokens.nodes.values(),
            )
        )

    def changes(self) -> Change | None:
        """The changes since the last call of this or of `snapshot`; None if there are none."""
        if not self._ledger.begun:
            return self.snapshot()
        for service in self.services.values():
            self._ledger.note(service.record())
        self._ledger.note(self._record())
        return self._ledger.take()

    def _record(self) -> ApplicationRecord:
        finish = self.finish
        return ApplicationRecord(
            started=self.services.started,
            progress=self.progress,
            last_event=self.history.last,
            pages=tuple(self.pages.by_route.values()),
            am_rm_token=self.yarn_tokens.am_rm,
            final_status=finish.status if finish else None,
            outcome=finish.outcome if finish else None,
            retriable=finish.retriable if finish else False,
            over=self.over,
        )
