"""What of an application is kept, so that another process can go on with it.

A `Change` is what one event did: written as one line, whole or not at all. The changes in their
order make up the state; a snapshot is a change that makes up all of it.

What an older version of yarnhub wrote is read: a field that is added here, or to `Instance`, has a
default.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.appmaster.core.instances import Instance
from yarnhub.control.json import OMIT_DEFAULT
from yarnhub.control.messages import Entry, FinalStatus, Page  # noqa: TC001  # read from records
from yarnhub.control.outcomes import Outcome, Subject
from yarnhub.hadoop.wire.tokens import Token  # noqa: TC001  # as above
from yarnhub.yarn.records.containers import NMToken

if TYPE_CHECKING:
    from collections.abc import Hashable


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
    retriable: bool
    over: bool
    """Whether it has ended."""
    outcome: Outcome | None = field(default=None, metadata=OMIT_DEFAULT)
    diagnostics: str = field(default="", metadata=OMIT_DEFAULT)
    """What earlier versions recorded in place of `outcome`."""

    def __post_init__(self) -> None:
        if self.final_status is not None and self.outcome is None:
            found = Outcome.of_message(self.diagnostics, Subject.APPLICATION)
            object.__setattr__(self, "outcome", found)
            object.__setattr__(self, "diagnostics", "")


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


_ORDER: tuple[type[Record], ...] = (
    Instance,
    ServiceRecord,  # behind the instances, which it counts
    KeyRecord,
    NMToken,
    ApplicationRecord,
)


class Ledger:
    """Notes the latest record of each thing that was changed since the last call of `take`.

    Until `begin` nothing is noted: an application that is not recorded pays nothing.
    """

    def __init__(self) -> None:
        self.begun = False
        self._noted: dict[type[Record], dict[Hashable, Record]] = {kind: {} for kind in _ORDER}
        self._counts: dict[Hashable, Record] = {}
        """The latest records of what is compared, because it may have changed with any event."""

    def begin(self) -> None:
        """Note changes from now on."""
        self.begun = True

    def note(self, record: Record) -> None:
        """Something was changed, or may have been."""
        if not self.begun:
            return
        identity = _identity(record)
        if isinstance(record, ApplicationRecord | ServiceRecord):
            if self._counts.get(identity) == record:
                return
            self._counts[identity] = record
        noted = self._noted[type(record)]
        noted.pop(identity, None)  # in the order of the last change
        noted[identity] = record

    def take(self) -> Change | None:
        """What was noted; None if that is nothing."""
        records = tuple(record for noted in self._noted.values() for record in noted.values())
        for noted in self._noted.values():
            noted.clear()
        return Change(records) if records else None


def _identity(record: Record) -> Hashable:
    match record:
        case ApplicationRecord():
            return None
        case ServiceRecord():
            return record.name
        case Instance():
            return record.service, record.number
        case KeyRecord():
            return record.key
        case NMToken():
            return record.node_id
