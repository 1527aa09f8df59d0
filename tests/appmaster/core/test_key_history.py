from __future__ import annotations

from yarnhub.appmaster.core.key_history import KeyHistory
from yarnhub.control.messages import Entry, KeyEvent, KeyEvents, KeyRange, WatchKeys

ALL = KeyRange()


def entry(key: str, value: bytes = b"", owner: str | None = None) -> Entry:
    return Entry(key=key, value=value, owner=owner)


def since(history: KeyHistory, after: int | None, *ranges: KeyRange) -> KeyEvents:
    return history.since(WatchKeys(ranges=ranges or (ALL,), after=after))


def test_the_first_question_is_answered_with_the_latest_number() -> None:
    history = KeyHistory()
    assert since(history, None) == KeyEvents(events=(), last=0)
    history.add("k", None, entry("k"))
    assert since(history, None) == KeyEvents(events=(), last=1)


def test_puts_and_deletions_are_told_once_each_in_order() -> None:
    history = KeyHistory()
    history.add("k", None, entry("k", b"1", "a_0"))
    history.add("l", None, entry("l", b"2"))
    history.add("k", entry("k", b"1", "a_0"), None)
    put = KeyEvent(number=1, key="k", value=b"1", owner="a_0")
    other = KeyEvent(number=2, key="l", value=b"2")
    deleted = KeyEvent(number=3, key="k", value=None, owner="a_0")
    assert since(history, 0) == KeyEvents(events=(put, other, deleted), last=3)
    assert since(history, 1) == KeyEvents(events=(other, deleted), last=3)
    assert since(history, 3) == KeyEvents(events=(), last=3)
    assert since(history, 0, KeyRange(prefix="l")).events == (other,)
    assert since(history, 0, KeyRange(start="l"), KeyRange(end="l")).events == (
        put,
        other,
        deleted,
    )
    assert history.since(WatchKeys(ranges=(), after=0)) == KeyEvents(events=(), last=3)


def test_who_comes_too_late_is_told_and_has_the_rest() -> None:
    history = KeyHistory(count=3)
    for number in range(1, 6):
        history.add(f"{number}", None, entry(f"{number}"))
    assert not since(history, 2).missed
    late = since(history, 1)
    assert (late.missed, [each.number for each in late.events]) == (True, [3, 4, 5])


def test_a_number_of_an_earlier_attempt_is_too_late_as_well() -> None:
    history = KeyHistory()
    history.add("k", None, entry("k"))
    found = since(history, 17)
    assert (found.missed, found.last, len(found.events)) == (True, 1, 1)


def test_large_values_push_out_older_ones_but_the_latest_stays() -> None:
    history = KeyHistory(size=10)
    history.add("a", None, entry("a", b"12345"))
    history.add("b", None, entry("b", b"1"))
    assert history.start == 0
    history.add("c", None, entry("c", b"1" * 100))
    assert history.start == 2
    history.add("d", None, entry("d", b"1"))
    assert [each.key for each in since(history, history.start).events] == ["d"]
