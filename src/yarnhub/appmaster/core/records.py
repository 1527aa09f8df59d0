"""What of an application is kept, so that another process can go on with it.

A `Change` is what one event did: written as one line, whole or not at all. The changes in their
order make up the state; a snapshot is a change that makes up all of it.

What an older version of yarnhub wrote is read: a field that is added here, or to `Instance`, has a
default.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.appmaster.core.instances import Instance
from yarnhub.control.messages import (
    ContainerState,
    Entry,
    FinalStatus,
    Page,
)
from yarnhub.hadoop.wire.tokens import Token  # noqa: TC001  # as above
from yarnhub.yarn.records.containers import NMToken

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from yarnhub.appmaster.core.actions import Finish
    from yarnhub.appmaster.core.instances import ServiceInstances
    from yarnhub.appmaster.core.state import State
    from yarnhub.yarn.records.ids import NodeId


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationRecord:
    """What the application has one of."""

    started: bool
    """Whether the services' first instances have been made."""
    progress: float | None
    last_event: int
    """The number of the latest event of a key."""
    pages: tuple[Page, ...]
    am_rm_token: Token | None
    """The newest that the scheduler gave; None if it gave none but the first."""
    final_status: FinalStatus | None
    """How it ends, once that is decided."""
    diagnostics: str
    retriable: bool
    over: bool
    """Whether it has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRecord:
    """A service's counts, and the services that it waits for."""

    name: str
    failures: int
    restarts: int
    waits_for: tuple[str, ...]
    next_number: int = 0
    begun: bool = False
    ended: dict[str, int] | None = None
    """How many instances have ended in each state; None where all of them are recorded."""

    @classmethod
    def of(cls, service: ServiceInstances) -> Self:
        """What is recorded of a service beside its instances."""
        return cls(
            name=service.name,
            failures=service.failures,
            restarts=service.restarts,
            waits_for=tuple(sorted(service.waits_for)),
            next_number=service.next_number,
            begun=service.begun,
            ended={state.value: count for state, count in service.counts.items()},
        )

    def apply(self, service: ServiceInstances) -> None:
        """Make a service what was recorded."""
        service.failures, service.restarts = self.failures, self.restarts
        service.waits_for = set(self.waits_for)
        service.next_number = max(service.next_number, self.next_number)
        service.begun = service.begun or self.begun
        if self.ended is not None:
            service.counts = {ContainerState(each): count for each, count in self.ended.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """What a key has; None if it is not set."""

    key: str
    entry: Entry | None


Record = ApplicationRecord | ServiceRecord | Instance | KeyRecord | NMToken


@dataclass(frozen=True, slots=True)
class Change:
    """The records of all that an event changed; each takes the place of an earlier one."""

    records: tuple[Record, ...]


class Ledger:
    """Knows what of an application has been recorded."""

    def __init__(self) -> None:
        self._application: ApplicationRecord | None = None
        self._services: dict[str, ServiceRecord] = {}

    def changes(
        self, state: State, keys: Iterable[str], tokens: Mapping[NodeId, NMToken]
    ) -> Change | None:
        """What has changed since the last call; None if nothing has.

        Args:
            state: The application's.
            keys: Those that were set or deleted since then.
            tokens: Those that were given since then.
        """
        records: list[Record] = []
        for service in state.services.values():
            records += _changed_instances(service)
        for service in state.services.values():
            record = ServiceRecord.of(service)
            if self._services.get(record.name) != record:
                self._services[record.name] = record
                records.append(record)
        records += [KeyRecord(key=key, entry=state.keys.get(key)) for key in keys]
        records += tokens.values()
        application = _application_record(state)
        if application != self._application:
            self._application = application
            records.append(application)
        return Change(tuple(records)) if records else None


def _changed_instances(service: ServiceInstances) -> list[Instance]:
    changed = service.changed
    service.changed = {}
    found = service.instances if changed is None else changed.values()
    return [dataclasses.replace(each) for each in found]


def snapshot(state: State) -> Change:
    """All of it."""
    services = state.services.values()
    instances = (each for one in services for each in (*one.ended, *one.alive))
    keys = (KeyRecord(key=entry.key, entry=entry) for entry in state.keys.entries())
    return Change(
        (
            _application_record(state),
            *map(dataclasses.replace, instances),
            *map(ServiceRecord.of, services),  # behind the instances, which they count
            *keys,
            *state.node_tokens.values(),
        )
    )


def _application_record(state: State) -> ApplicationRecord:
    finish: Finish | None = state.finish
    return ApplicationRecord(
        started=state.started,
        progress=state.progress,
        last_event=state.history.last,
        pages=tuple(state.pages.values()),
        am_rm_token=state.am_rm_token,
        final_status=finish.status if finish else None,
        diagnostics=finish.diagnostics if finish else "",
        retriable=finish.retriable if finish else False,
        over=state.over,
    )
