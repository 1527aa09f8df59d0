"""Filters of applications and nodes: states, names and times."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.cluster import NodeState

if TYPE_CHECKING:
    import enum
    from collections.abc import Iterable
    from typing import Self

    When = dt.datetime | str | None
    State = TypeVar("State", bound=enum.Enum)

_DAY_FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")


ACTIVE_STATES: tuple[YarnApplicationState, ...] = (
    YarnApplicationState.SUBMITTED,
    YarnApplicationState.ACCEPTED,
    YarnApplicationState.RUNNING,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationFilters:
    """A filter of applications; None filters nothing.

    Attributes:
        states: By default, the states of applications that have not ended.
        name: The application's name.
        user: Its owner.
        queue: The queue's name or path.
        started_begin: The earliest start, inclusive; local time if it has no zone.
        started_end: The latest start.
        finished_begin: The earliest end.
        finished_end: The latest end.
    """

    states: tuple[YarnApplicationState, ...] = ACTIVE_STATES
    name: str | None = None
    user: str | None = None
    queue: str | None = None
    started_begin: dt.datetime | None = None
    started_end: dt.datetime | None = None
    finished_begin: dt.datetime | None = None
    finished_end: dt.datetime | None = None

    @classmethod
    def parse(
        cls,
        states: Iterable[object] | None = None,
        name: str | None = None,
        user: str | None = None,
        queue: str | None = None,
        started_begin: When = None,
        started_end: When = None,
        finished_begin: When = None,
        finished_end: When = None,
    ) -> Self:
        """Create a filter; states are given by name, times as `datetime` or text.

        Raises:
            TypeError: A time is neither a time nor text.
            ValueError: A state or a time cannot be read.
        """
        wanted = ACTIVE_STATES
        if states is not None:
            wanted = _named(YarnApplicationState, states, "an application's")
        return cls(
            states=wanted,
            name=name,
            user=user,
            queue=queue,
            started_begin=parse_time(started_begin, "started_begin"),
            started_end=parse_time(started_end, "started_end"),
            finished_begin=parse_time(finished_begin, "finished_begin"),
            finished_end=parse_time(finished_end, "finished_end"),
        )


def node_states(names: Iterable[object] | None) -> tuple[NodeState, ...]:
    """The states with these names, in any case; None for all.

    Raises:
        ValueError: A name is unknown.
    """
    return tuple(NodeState) if names is None else _named(NodeState, names, "a node's")


def _named(kind: type[State], names: Iterable[object], whose: str) -> tuple[State, ...]:
    found = []
    for name in map(str, names):
        if name.upper() not in kind.__members__:
            known = ", ".join(kind.__members__)
            raise ValueError(f"{name!r} is not {whose} state; known states are {known}")
        found.append(kind[name.upper()])
    return tuple(found)


def parse_time(when: When, name: str) -> dt.datetime | None:
    """Read a time, which may be text; local if it has no zone. None is returned as None.

    Args:
        when: A `datetime`, or text such as `2026-01-31 12:00`, or `12:00` for today.
        name: The argument's name, for the message.

    Raises:
        TypeError: It is neither a time nor text.
        ValueError: The text cannot be read as a time.
    """
    if when is None or isinstance(when, dt.datetime):
        return when
    if not isinstance(when, str):
        raise TypeError(f"{name} must be a datetime or a str, not {type(when).__name__}")
    today = dt.datetime.now().strftime("%Y-%m-%d")  # noqa: DTZ005  # the user's own day
    for text, forms in (when.strip(), _DAY_FORMATS), (f"{today} {when.strip()}", _DAY_FORMATS[1:]):
        for form in forms:
            try:
                return dt.datetime.strptime(text, form)  # noqa: DTZ007  # local, as users write it
            except ValueError:
                continue
    raise ValueError(
        f"{name}: {when!r} is not a time: write it like '2026-01-31', '2026-01-31 12:00[:30]', or "
        "'12:00[:30]' for today"
    )
