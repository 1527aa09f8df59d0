"""Events of keys."""

from __future__ import annotations

from dataclasses import dataclass

from yarnhub.control.messages.keys import KeyRange  # noqa: TC001  # read by control.json
from yarnhub.control.messages.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEvent:
    """A key was set; or deleted, if `value` is None: `owner` is its former owner.

    Events are numbered from 1, without gaps.
    """

    number: int
    key: str
    value: bytes | None
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEvents:
    """Events in order; the next request is `after` the number `last`.

    With `missed`, earlier events are no longer available.
    """

    events: tuple[KeyEvent, ...]
    last: int
    missed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchKeys(Request[KeyEvents]):
    """Get the events in some ranges when there is one, or none after `timeout` seconds.

    With `after` None it is answered at once, with the number of the latest event. The application
    keeps the latest events for the next request: nothing is lost between two requests, nor with a
    lost answer.
    """

    answer = KeyEvents
    idempotent = True
    ranges: tuple[KeyRange, ...] = ()
    after: int | None = None
    timeout: float = 30.0
