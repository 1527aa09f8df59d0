"""What an application is made of, and the changes that its clients may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yarnhub.appmaster.core.actions import Action, Finish, Release, Reply, Stop
from yarnhub.appmaster.core.instances import Instance, ServiceInstances
from yarnhub.appmaster.core.keys import KeyHistory, KeyValueStore, concerns
from yarnhub.control.messages import (
    ContainerState,
    Entries,
    FinalStatus,
    KeyEvent,
    KeyEvents,
    WaitKey,
    WatchKeys,
)

if TYPE_CHECKING:
    from yarnhub.spec import ApplicationSpec
    from yarnhub.yarn.records.ids import ContainerId


class State:
    """The state of one application.

    Attributes:
        spec: What was submitted.
        document: The same, as it was sent.
        services: The instances of each service.
        keys: The key-value store.
        history: What happened to it.
        progress: 0 to 1, as the application itself says; None until it does.
        finish: How it ends, once that is decided: nothing happens after it.
    """

    def __init__(self, spec: ApplicationSpec, document: str) -> None:
        self.spec = spec
        self.document = document
        self.keys = KeyValueStore()
        self.history = KeyHistory()
        self.progress: float | None = None
        self.finish: Finish | None = None
        self.services = {
            name: ServiceInstances(name, service, priority)
            for priority, (name, service) in enumerate(spec.services.items(), start=1)
        }
        self._by_container: dict[ContainerId, Instance] = {}
        self._waiting: dict[int, WaitKey | WatchKeys] = {}
        self._actions: list[Action] = []
        self._now = 0.0

    def end(self, status: FinalStatus, diagnostics: str) -> None:
        """Decide how the application ends, unless that is decided."""
        if self.finish is None:
            self.finish = Finish(status, diagnostics)

    def kill(self, instance: Instance) -> None:
        """End an instance on a user's request."""
        if instance.container is not None:
            self._by_container.pop(instance.container.id, None)
            self._actions += [Stop(instance.container), Release(instance.container.id)]
        self._end(instance, ContainerState.KILLED, "Killed by user request.")

    def _wait(self, request_id: int, request: WaitKey | WatchKeys) -> None:
        """Answer a request as soon as there is an answer."""
        if isinstance(request, WaitKey):
            entry = self.keys.get(request.key)
            if entry is not None:
                self._reply(request_id, Entries(entries=(entry,)))
                return
        else:
            found = self.history.since(request)
            if found.events or found.missed or request.after is None or request.timeout <= 0:
                self._reply(request_id, found)
                return
        self._waiting[request_id] = request

    def _tell(self) -> None:
        """Answer those who wait for what has happened to keys."""
        events = [self.history.add(*change) for change in self.keys.commit()]
        touched = {event.key for event in events}
        for request_id, request in list(self._waiting.items()) if events else ():
            if isinstance(request, WatchKeys):
                news = self._news(request, events)
                if news is not None:
                    del self._waiting[request_id]
                    self._reply(request_id, news)
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
        instance.exit_message = message
        for key in self.keys.owned_by(instance.id):
            self.keys.delete(key)
