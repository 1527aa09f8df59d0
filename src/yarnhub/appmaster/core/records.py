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
from yarnhub.control.messages import (  # noqa: TC001  # read by control.json
    Entry,
    FinalStatus,
    Page,
)
from yarnhub.hadoop.wire.tokens import Token  # noqa: TC001  # as above
from yarnhub.yarn.records.containers import NMToken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from yarnhub.appmaster.core.actions import Finish
    from yarnhub.appmaster.core.state import State


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
        self._active: dict[str, Instance] = {}
        """What was recorded of each instance that had not ended then."""
        self._counts: dict[str, int] = {}
        """How many instances of each service have been recorded."""
        self._tokens: dict[str, NMToken] = {}

    def changes(self, state: State, keys: Iterable[str]) -> Change | None:
        """What has changed since the last call; None if nothing has.

        Args:
            state: The application's.
            keys: Those that were set or deleted since then.
        """
        records: list[Record] = list(self._changed_instances(state))
        for record in _service_records(state):
            if self._services.get(record.name) != record:
                self._services[record.name] = record
                records.append(record)
        records += [KeyRecord(key=key, entry=state.keys.get(key)) for key in keys]
        for node, token in state.node_tokens.items():
            if self._tokens.get(str(node)) != token:
                self._tokens[str(node)] = token
                records.append(token)
        application = _application_record(state)
        if application != self._application:
            self._application = application
            records.append(application)
        return Change(tuple(records)) if records else None

    def _changed_instances(self, state: State) -> Iterator[Instance]:
        for name, service in state.services.items():
            count = self._counts.get(name, 0)
            before = [one for one in self._active.values() if one.service == name]
            looked_at = [service.instances[one.number] for one in before]
            looked_at += service.instances[count:]
            self._counts[name] = len(service.instances)
            for instance in looked_at:
                if self._active.get(instance.id) == instance:
                    continue
                if instance.state.ended:
                    self._active.pop(instance.id, None)
                else:
                    self._active[instance.id] = dataclasses.replace(instance)
                yield dataclasses.replace(instance)


def snapshot(state: State) -> Change:
    """All of it."""
    instances = (each for service in state.services.values() for each in service.instances)
    keys = (KeyRecord(key=entry.key, entry=entry) for entry in state.keys.entries())
    return Change(
        (
            _application_record(state),
            *_service_records(state),
            *map(dataclasses.replace, instances),
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


def _service_records(state: State) -> Iterator[ServiceRecord]:
    for name, service in state.services.items():
        yield ServiceRecord(
            name=name,
            failures=service.failures,
            restarts=service.restarts,
            waits_for=tuple(sorted(service.waits_for)),
        )
