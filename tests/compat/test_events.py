"""Events and their queues."""

from __future__ import annotations

import copy
import gc
import pickle
import queue
import sys
import weakref
from typing import TYPE_CHECKING

import pytest

import skein
from skein import kv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from compat.conftest import World

PUT, DELETE = kv.EventType.PUT, kv.EventType.DELETE


def test_filters_are_values() -> None:
    everything = kv.EventFilter()
    assert (everything.start, everything.end, everything.event_type) == (None, None, "ALL")
    prefix = kv.EventFilter(prefix="foo")
    assert (prefix.start, prefix.end) == ("foo", "fop")
    assert prefix == kv.EventFilter(start="foo", end="fop") != kv.EventFilter(prefix="bar")
    key = kv.EventFilter(key="foo", event_type="delete")
    assert (key.start, key.end, key.event_type) == ("foo", "foo\0", "DELETE")
    for each in everything, prefix, key:
        assert copy.copy(each) == pickle.loads(pickle.dumps(each)) == each
        assert len({each, copy.copy(each)}) == 1
    assert repr(prefix) == "EventFilter(start='foo', end='fop', event_type=EventType.ALL)"


@pytest.mark.parametrize(
    ("prefix", "end"),
    [
        ("", None),
        ("a\U0010ffff", "b"),
        ("\U0010ffff", None),
        ("\x7f", "\x80"),
        ("\ud7ff", "\ue000"),
    ],
)
def test_every_prefix_has_its_end(prefix: str, end: str | None) -> None:
    assert kv.EventFilter(prefix=prefix).end == end


@pytest.mark.parametrize("name", ["key", "prefix", "start", "end", "event_type"])
def test_a_wrong_type_is_refused(name: str) -> None:
    with pytest.raises(TypeError):
        kv.EventFilter(**{name: 1})  # type: ignore[arg-type]  # what is tested


def test_what_contradicts_itself_is_refused() -> None:
    for wrong in {"key": "a", "prefix": "b"}, {"key": "a", "end": "b"}, {"event_type": "nosuch"}:
        with pytest.raises(ValueError):
            kv.EventFilter(**wrong)


@pytest.fixture
def store(app: skein.ApplicationClient) -> Iterator[kv.KeyValueStore]:
    yield app.kv
    app.kv.clear()


def taken(events: kv.EventQueue, count: int) -> list[tuple[str, str, bytes | None]]:
    found = [events.get(timeout=30) for _ in range(count)]
    return [(one.key, str(one.event_type), one.result and one.result.value) for one in found]


def test_ranges_types_and_order(store: kv.KeyValueStore) -> None:
    before = store.events(end="c")
    between = store.events(start="b", end="d", event_type="put")
    deleted = store.events(event_type=DELETE)
    for key in "abcd":
        store[key] = key.encode()
    store.discard_range("b", "d")
    store.clear()
    puts = [(key, "PUT", key.encode()) for key in "abcd"]
    assert taken(before, 4) == [*puts[:2], ("b", "DELETE", None), ("a", "DELETE", None)]
    assert taken(between, 2) == puts[1:3]
    assert [key for key, *_ in taken(deleted, 4)] == ["b", "c", "a", "d"]
    for events in before, between, deleted:
        with pytest.raises(queue.Empty):
            events.get(block=False)


def test_an_event_comes_once_for_each_filter(store: kv.KeyValueStore) -> None:
    events = store.event_queue()
    one, other = events.subscribe(prefix="a"), events.subscribe(key="ab")
    store["ab"] = b""
    found = {events.get(timeout=30).event_filter for _ in range(2)}
    assert found == {one, other} == events.filters


def test_subscriptions(store: kv.KeyValueStore) -> None:
    events = store.events(prefix="foo")
    (foo,) = events.filters
    assert events.subscribe(prefix="foo") == foo
    bar = events.subscribe(key="bar")
    assert events.filters == {foo, bar}
    assert events.unsubscribe(key="bar") == bar
    explicit = kv.EventFilter(key="baz")
    assert events.subscribe(explicit) == explicit
    assert events.unsubscribe(explicit) == explicit
    with pytest.raises(ValueError):
        events.unsubscribe(key="missing")
    with pytest.raises(ValueError):
        events.unsubscribe(event_filter=foo, prefix="bar")
    with pytest.raises(TypeError):
        events.unsubscribe(event_filter="foo")  # type: ignore[arg-type]  # what is tested
    with events:
        assert repr(events) == "EventQueue<1 filters>"
    assert len(events.filters) == 0


def test_what_is_put_in_comes_out(store: kv.KeyValueStore) -> None:
    events = store.event_queue()
    events.put(1)
    events.put(2)
    assert [events.get(), next(iter(events))] == [1, 2]
    events.put(ValueError("stop"))
    for _ in range(2):
        with pytest.raises(ValueError, match="stop"):
            events.get()


def test_an_owners_end_deletes(app: skein.ApplicationClient, store: kv.KeyValueStore) -> None:
    owner = app.add_container("sleeper").id
    events = store.events(prefix="mine")
    store.put("mine", b"1", owner=owner)
    app.kill_container(owner)
    (wanted,) = events.filters
    assert events.get(timeout=30) == kv.Event("mine", kv.ValueOwnerPair(b"1", owner), PUT, wanted)
    assert events.get(timeout=30) == kv.Event("mine", None, DELETE, wanted)


def test_a_queue_that_nobody_holds_is_gone(store: kv.KeyValueStore) -> None:
    events = store.events()
    store["a"] = b""
    assert sys.getrefcount(events) == 2
    reference = weakref.ref(events)
    del events
    gc.collect()
    assert reference() is None


def test_what_came_before_the_end_can_be_read_after_it(
    client: skein.Client, world: World, eventually: Callable[[Callable[[], object]], None]
) -> None:
    spec = skein.ApplicationSpec(master=skein.Master(script="sleep infinity"))
    app = client.submit_and_connect(spec)
    events = app.kv.events(prefix="a")
    for number in range(3):
        app.kv[f"a{number}"] = b""
    app.shutdown()
    eventually(lambda: client.application_report(app.id).state == "FINISHED")
    assert [events.get().key for _ in range(3)] == ["a0", "a1", "a2"]
    for _ in range(2):
        with pytest.raises(skein.ConnectionError):
            events.get()
