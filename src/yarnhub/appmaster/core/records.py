"""The recorded state of an application, with which another process can continue it.

A `Change` is the effect of one event: written as one line, completely or not at all. The changes in
their order give the state; a snapshot is a change that contains all of it.

Records of older versions of yarnhub can be read: a field that is added here, or to `Instance`, has
a default.
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
    """The state of the application as a whole."""

    started: bool
    """Whether the services' first instances have been created."""
    progress: float | None
    last_event: int
    """The number of the latest event of a key."""
    pages: tuple[Page, ...]
    am_rm_token: Token | None
    """The newest one from the scheduler; None if it has issued only the first."""
    final_status: FinalStatus | None
    """How it ends; None before that is decided."""
    retriable: bool
    over: bool
    """Whether it has ended."""
    outcome: Outcome | None = field(default=None, metadata=OMIT_DEFAULT)
    diagnostics: str = field(default="", metadata=OMIT_DEFAULT)
    """Recorded by earlier versions instead of `outcome`."""

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
    """The number of ended instances by state; None if all of them are recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """The entry of a key; None if it is not set."""

    key: str
    entry: Entry | None


Record = ApplicationRecord | ServiceRecord | Instance | KeyRecord | NMToken


@dataclass(frozen=True, slots=True)
class Change:
    """The records of everything that an event changed; each replaces an earlier one."""

    records: tuple[Record, ...]


_ORDER: tuple[type[Record], ...] = (
    Instance,
    ServiceRecord,  # after the instances, which it counts
    KeyRecord,
    NMToken,
    ApplicationRecord,
)


class Ledger:
    """Collects the latest record of each object that was changed since the last call of `take`.

    Nothing is collected before `begin`, so an application that is not recorded has no overhead.
    """

    def __init__(self) -> None:
        self.begun = False
        self._noted: dict[type[Record], dict[Hashable, Record]] = {kind: {} for kind in _ORDER}
        self._counts: dict[Hashable, Record] = {}
        """The latest records of objects that are compared, as any event may have changed them."""

    def begin(self) -> None:
        """Collect changes from now on."""
        self.begun = True

    def note(self, record: Record) -> None:
        """Add an object that was changed, or may have been."""
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
        """The collected changes; None if there are none."""
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
