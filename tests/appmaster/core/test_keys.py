from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from yarnhub.appmaster.core.keys import KeyHistory, KeyValueStore
from yarnhub.control.messages import Entry, KeyEvent, KeyEvents, KeyRange, WatchKeys

# Few letters, so that keys meet and are prefixes of each other; the last ones of Unicode's planes.
KEYS = st.text("ab\x7f\uffff\U0010ffff", max_size=3)
OWNERS = st.none() | st.sampled_from(("a_0", "a_1"))
BOUNDS = st.none() | KEYS


class Machine(RuleBasedStateMachine):
    """The store against a plain dict."""

    def __init__(self) -> None:
        super().__init__()
        self.store = KeyValueStore()
        self.model: dict[str, Entry] = {}
        self.committed: dict[str, Entry] = {}

    @rule(key=KEYS, value=st.binary(max_size=2), owner=OWNERS)
    def put(self, key: str, value: bytes, owner: str | None) -> None:
        self.model[key] = Entry(key=key, value=value, owner=owner)
        self.store.put(self.model[key])

    @rule(key=KEYS)
    def get(self, key: str) -> None:
        assert self.store.get(key) == self.model.get(key)

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        assert self.store.delete(key) is (self.model.pop(key, None) is not None)

    @rule(start=BOUNDS, end=BOUNDS)
    def between(self, start: str | None, end: str | None) -> None:
        expected = [
            key
            for key in sorted(self.model)
            if (start is None or key >= start) and (end is None or key < end)
        ]
        assert self.store.keys(KeyRange(start=start, end=end)) == tuple(expected)

    @rule(prefix=KEYS)
    def below(self, prefix: str) -> None:
        expected = [key for key in sorted(self.model) if key.startswith(prefix)]
        assert self.store.keys(KeyRange(prefix=prefix)) == tuple(expected)

    @rule(owner=st.sampled_from(("a_0", "a_1", "a_2")))
    def owned(self, owner: str) -> None:
        expected = [key for key in sorted(self.model) if self.model[key].owner == owner]
        assert self.store.owned_by(owner) == tuple(expected)

    @rule()
    def commit(self) -> None:
        for key, old, new in self.store.commit():
            assert self.committed.get(key) == old
            if new is None:
                del self.committed[key]
            else:
                self.committed[key] = new
        assert self.committed == self.model
        assert self.store.commit() == []

    @rule()
    def undo(self) -> None:
        self.store.undo()
        self.model = dict(self.committed)

    @invariant()
    def all_keys_in_order(self) -> None:
        assert self.store.keys(KeyRange()) == tuple(sorted(self.model))


TestKeys = Machine.TestCase
TestKeys.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (KeyRange(), ("", "a", "ab", "b")),
        (KeyRange(prefix=""), ("", "a", "ab", "b")),
        (KeyRange(prefix="a"), ("a", "ab")),
        (KeyRange(start="a"), ("a", "ab", "b")),
        (KeyRange(end="b"), ("", "a", "ab")),
        (KeyRange(start="b", end="a"), ()),
        (KeyRange(start="", end=""), ()),
    ],
)
def test_ranges_hold_their_start_and_not_their_end(
    wanted: KeyRange, found: tuple[str, ...]
) -> None:
    store = KeyValueStore()
    for key in ("b", "a", "", "ab"):
        store.put(Entry(key=key, value=b""))
    assert store.keys(wanted) == found


# --- history

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
