from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from yarnhub.appmaster.core.keys import KeyValueStore
from yarnhub.control.messages import Entry, KeyRange

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
