"""What happens to keys."""

from __future__ import annotations

from dataclasses import dataclass

from yarnhub.control.messages.keys import KeyRange  # noqa: TC001  # read by control.json
from yarnhub.control.messages.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEvent:
    """A key was set; or deleted, if `value` is None: `owner` is whose it was.

    Events are numbered from 1, without gaps.
    """

    number: int
    key: str
    value: bytes | None
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEvents:
    """Events in order; to be asked for once more `after` the number `last`.

    With `missed` there were others before them that are not kept any more.
    """

    events: tuple[KeyEvent, ...]
    last: int
    missed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchKeys(Request[KeyEvents]):
    """Ask for the events in some ranges when there is one, or for none after `timeout` seconds.

    With `after` None it is answered at once, with the number of the latest event. The
    application keeps what happened last for whoever comes back: nothing is lost between two
    requests, nor with an answer that does not arrive.
    """

    answer = KeyEvents
    idempotent = True
    ranges: tuple[KeyRange, ...] = ()
    after: int | None = None
    timeout: float = 30.0
