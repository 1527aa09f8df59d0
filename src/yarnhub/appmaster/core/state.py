"""What an application is made of, and the changes that its clients may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from yarnhub.appmaster.core.actions import Action, Finish, Release, Reply, Signal, Stop, UseTokens
from yarnhub.appmaster.core.instances import Instance, ServiceInstances
from yarnhub.appmaster.core.keys import KeyHistory, KeyValueStore, concerns
from yarnhub.appmaster.core.limits import Limits
from yarnhub.appmaster.core.records import (
    ApplicationRecord,
    Change,
    KeyRecord,
    Ledger,
    Record,
    ServiceRecord,
    snapshot,
)
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.control.messages import (
    ContainerState,
    Entries,
    Failure,
    FinalStatus,
    KeyEvent,
    KeyEvents,
    Page,
    Tokens,
    Ui,
    WaitKey,
    WatchKeys,
    WatchTokens,
)
from yarnhub.hadoop.wire.tokens import Credentials
from yarnhub.yarn.records.containers import NMToken

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.hadoop.wire.tokens import Token
    from yarnhub.spec import ApplicationSpec
    from yarnhub.yarn.records.ids import ContainerId, NodeId


DIGITS = 18
"""Of an instance's number, at most: Python refuses to read very long ones."""


class RefusedError(Exception):
    """A request that is not carried out; `failure` tells the client why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(code, message)


class State:
    """The state of one application.

    Attributes:
        spec: What was submitted.
        document: The same, as it was sent.
        limits: What it may have us keep.
        services: The instances of each service.
        keys: The key-value store.
        history: What happened to it.
        progress: 0 to 1, as the application itself says; None until it does.
        tokens: The delegation tokens that were given since it began; secret.
        pages: Web pages of services that its own pass on, by route.
        ui: Where its own are; the shell knows.
        finish: How it ends, once that is decided.
        over: Whether it has: nothing happens any more.
        started: Whether the services' first instances have been made.
        node_tokens: What opens each NodeManager that containers run on.
        am_rm_token: The newest that the scheduler gave.
    """

    def __init__(self, spec: ApplicationSpec, document: str, limits: Limits | None = None) -> None:
        self.spec = spec
        self.document = document
        self.limits = limits = limits or Limits()
        self.keys = KeyValueStore()
        self.history = KeyHistory(limits.events, limits.event_bytes)
        self.progress: float | None = None
        self.tokens = Tokens(number=0)
        self.pages: dict[str, Page] = {}
        self.ui = Ui()
        self.finish: Finish | None = None
        self.started = False
        self.node_tokens: dict[NodeId, NMToken] = {}
        self.am_rm_token: Token | None = None
        self.over = False
        self.services = {
            name: ServiceInstances(name, service, priority, limits.ended)
            for priority, (name, service) in enumerate(spec.services.items(), start=1)
        }
        self._by_container: dict[ContainerId, Instance] = {}
        self._waiting: dict[int, WaitKey | WatchKeys | WatchTokens] = {}
        self._actions: list[Action] = []
        self._now = 0.0
        self._ledger: Ledger | None = None
        self._changed_keys: dict[str, None] = {}
        self._changed_tokens: dict[NodeId, NMToken] = {}

    def end(self, status: FinalStatus, diagnostics: str, *, retriable: bool = False) -> None:
        """Decide how the application ends, unless that is decided."""
        if self.finish is None:
            self.finish = Finish(status, diagnostics, retriable)

    # --- what clients name

    def service(self, name: str) -> ServiceInstances:
        """A service.

        Raises:
            RefusedError: There is none of this name.
        """
        try:
            return self.services[name]
        except KeyError:
            raise RefusedError("invalid", f"Unknown service '{name}'") from None

    def instance(self, container_id: str) -> Instance | None:
        """The instance of an id like `worker_3`; None if it has ended and is kept no longer.

        Raises:
            RefusedError: There never was one.
        """
        name, _, number = container_id.rpartition("_")
        if not name or not number.isdecimal():
            raise RefusedError(
                "invalid", f"'{container_id}' is not a container's id, like 'worker_0'"
            )
        # The id itself is looked up: int() also reads 01 and ٣, under which no key is ever owned.
        service = self.service(name)
        if len(number) <= DIGITS and str(int(number)) == number:
            instance = service.get(int(number))
            if instance is not None or service.forgotten(int(number)):
                return instance
        raise RefusedError("invalid", f"Service '{name}' has no container instance {number}")

    # --- what is kept

    def restore(self, changes: Iterable[Change]) -> None:
        """Become what these changes made of an application of the same specification.

        What it had asked the scheduler for and whoever waited for an answer are not part of that.
        """
        for change in changes:
            for record in change.records:
                self._restore(record)
        self.keys.commit()
        self._by_container = {
            instance.container.id: instance
            for service in self.services.values()
            for instance in service.find(ContainerState.RUNNING)
            if instance.container
        }

    def _restore(self, record: Record) -> None:
        match record:
            case ApplicationRecord():
                self.started, self.progress = record.started, record.progress
                self.history.last = record.last_event
                self.pages = {page.route: page for page in record.pages}
                self.am_rm_token = record.am_rm_token
                self.over = record.over
                if record.final_status is not None:
                    self.finish = Finish(record.final_status, record.diagnostics, record.retriable)
            case ServiceRecord():
                record.apply(self.services[record.name])
            case Instance():
                self.services[record.service].file(record)
            case KeyRecord(entry=entry):
                if entry is None:
                    self.keys.delete(record.key)
                else:
                    self.keys.put(entry)
            case NMToken():
                self.node_tokens[record.node_id] = record
            case _:
                assert_never(record)

    def snapshot(self) -> Change:
        """All that `restore` needs; from now on `changes` tells what is new."""
        self.changes()
        return snapshot(self)

    def changes(self) -> Change | None:
        """What has changed since this was last asked, or `snapshot` was; None if nothing has."""
        keys, self._changed_keys = self._changed_keys, {}
        tokens, self._changed_tokens = self._changed_tokens, {}
        if self._ledger is None:
            self._ledger = Ledger()
        return self._ledger.changes(self, keys, tokens)

    def keep_node_tokens(self, tokens: Iterable[NMToken]) -> None:
        """Know what opens these NodeManagers."""
        for token in tokens:
            if self.node_tokens.get(token.node_id) != token:
                self.node_tokens[token.node_id] = token
                self._changed_tokens[token.node_id] = token

    def file(self, instance: Instance) -> None:
        """File an instance that was changed."""
        self.services[instance.service].file(instance)

    def kill(self, instance: Instance) -> None:
        """End an instance on a user's request: after its grace period, if it has one."""
        grace = self.services[instance.service].service.grace_period
        if instance.container is None or not grace:
            self._kill(instance)
        elif not instance.stopping:
            instance.stopping, instance.due = True, self._now + grace
            instance.exit_message = f"Asked to end by user request, within {grace:g} s."
            self.file(instance)
            self._actions.append(Signal(instance.container))

    def _kill(self, instance: Instance) -> None:
        if instance.container is not None:
            self._by_container.pop(instance.container.id, None)
            self._actions += [Stop(instance.container), Release(instance.container.id)]
        late = " It did not end within its grace period." if instance.stopping else ""
        self._end(instance, ContainerState.KILLED, f"Killed by user request.{late}")

    def take_tokens(self, given: Credentials) -> bool:
        """Use other delegation tokens from now on; says whether they are not too many."""
        before = Credentials.read(self.tokens.tokens) if self.tokens.tokens else Credentials()
        content = before.merge(Credentials(given.tokens)).write()
        if len(content) > self.limits.token_bytes:
            return False
        # The time goes on from attempt to attempt, and two updates may come in one millisecond.
        number = max(self.tokens.number + 1, int(self._now * 1000))
        self.tokens = Tokens(number=number, tokens=content)
        self._actions.append(UseTokens(content))
        for request_id, request in list(self._waiting.items()):
            if isinstance(request, WatchTokens):
                del self._waiting[request_id]
                self._reply(request_id, self.tokens)
        return True

    def _wait(self, request_id: int, request: WaitKey | WatchKeys | WatchTokens) -> None:
        """Answer a request as soon as there is an answer."""
        if isinstance(request, WaitKey):
            entry = self.keys.get(request.key)
            if entry is not None:
                self._reply(request_id, Entries(entries=(entry,)))
                return
        elif isinstance(request, WatchTokens):
            if self.tokens.number > request.after:
                self._reply(request_id, self.tokens)
                return
        else:
            found = self.history.since(request)
            if found.events or found.missed or request.after is None or request.timeout <= 0:
                self._reply(request_id, found)
                return
        if len(self._waiting) >= self.limits.waiting:
            most = self.limits.waiting
            self._reply(request_id, Failure("full", f"{most} requests wait already, ask later"))
            return
        self._waiting[request_id] = request

    def _tell(self) -> None:
        """Answer those who wait for what has happened to keys."""
        events = [self.history.add(*change) for change in self.keys.commit()]
        touched = dict.fromkeys(event.key for event in events)
        if self._ledger is not None:
            self._changed_keys |= touched
        for request_id, request in list(self._waiting.items()) if events else ():
            if isinstance(request, WatchKeys):
                news = self._news(request, events)
                if news is not None:
                    del self._waiting[request_id]
                    self._reply(request_id, news)
            elif isinstance(request, WatchTokens):
                continue
            elif request.key in touched and (entry := self.keys.get(request.key)) is not None:
                del self._waiting[request_id]
                self._reply(request_id, Entries(entries=(entry,)))

    def _news(self, request: WatchKeys, events: list[KeyEvent]) -> KeyEvents | None:
        found = tuple(event for event in events if concerns(request, event))
        # Nothing before these concerned it, but when it asks again that could not be told.
        outdated = request.after is not None and request.after < self.history.start
        if found or outdated:
            return KeyEvents(events=found, last=self.history.last)
        return None

    def _reply(self, request_id: int, reply: Any) -> None:
        self._actions.append(Reply(request_id, reply))

    def _end(self, instance: Instance, state: ContainerState, message: str) -> None:
        instance.state = state
        instance.finish_time = self._now
        instance.exit_message = clean_and_cut(message)
        instance.ready = instance.stopping = False
        instance.due = None
        self.file(instance)
        for key in self.keys.owned_by(instance.id):
            self.keys.delete(key)
