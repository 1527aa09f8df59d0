"""What an application is made of, and the changes that its clients may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yarnhub.appmaster.core.actions import Action, Finish, Release, Reply, Stop
from yarnhub.appmaster.core.instances import Instance, ServiceInstances
from yarnhub.appmaster.core.keys import KeyValueStore
from yarnhub.control.messages import ContainerState, Entries, Entry, FinalStatus, WaitKey

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
        progress: 0 to 1, as the application itself says; None until it does.
        finish: How it ends, once that is decided: nothing happens after it.
    """

    def __init__(self, spec: ApplicationSpec, document: str) -> None:
        self.spec = spec
        self.document = document
        self.keys = KeyValueStore()
        self.progress: float | None = None
        self.finish: Finish | None = None
        self.services = {
            name: ServiceInstances(name, service, priority)
            for priority, (name, service) in enumerate(spec.services.items(), start=1)
        }
        self._by_container: dict[ContainerId, Instance] = {}
        self._waiting: dict[int, WaitKey] = {}
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

    def put(self, entry: Entry) -> None:
        """Set a key and answer those who wait for it."""
        self.keys.put(entry)
        self._wake(entry.key)

    def _wake(self, key: str) -> None:
        entry = self.keys.get(key)
        if entry is None:
            return
        for request_id in [number for number, wait in self._waiting.items() if wait.key == key]:
            del self._waiting[request_id]
            self._reply(request_id, Entries(entries=(entry,)))

    def _reply(self, request_id: int, reply: Any) -> None:
        self._actions.append(Reply(request_id, reply))

    def _end(self, instance: Instance, state: ContainerState, message: str) -> None:
        instance.state = state
        instance.finish_time = self._now
        instance.exit_message = message
        for key in self.keys.owned_by(instance.id):
            self.keys.delete(key)
