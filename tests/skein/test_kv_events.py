"""Event queues of `skein.kv`, in the same way as `test_kv`."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest

from skein import kv
from skein.exceptions import ConnectionError as Unreachable
from skein.kv import EventFilter, EventType, ValueOwnerPair
from yarnhub.client.keys import event_queue

if TYPE_CHECKING:
    from collections.abc import Callable

    from client.living import Living
    from skein.application_client import ApplicationClient


@pytest.fixture
def store(app: ApplicationClient) -> kv.KeyValueStore:
    return app.kv


def later(function: Any, *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    return thread


def test_events(store: kv.KeyValueStore, app: ApplicationClient) -> None:
    store["before"] = b""
    with store.events() as events:
        store.put("a", b"1", owner="a_0")
        app.kill_container("a_0")
        first, second = events.get(), events.get(timeout=30)
    (everything,) = {first.event_filter, second.event_filter}
    assert first == kv.Event("a", ValueOwnerPair(b"1", "a_0"), EventType.PUT, everything)
    assert second == kv.Event("a", None, EventType.DELETE, everything)
    assert [kv.EventType(name) for name in ("PUT", "delete")] == [
        first.event_type,
        second.event_type,
    ]
    assert str(first.event_type) == "PUT"
    assert everything == EventFilter()
    assert events.filters == frozenset()


def test_each_filter_takes_its_own(store: kv.KeyValueStore) -> None:
    events = store.event_queue()
    key = events.subscribe(key="ab")
    prefix = events.subscribe(EventFilter(prefix="a", event_type="put"))
    between = events.subscribe(start="b", end="c", event_type=EventType.DELETE)
    assert events.subscribe(between) == between
    assert events.filters == {key, prefix, between}
    store.update(ab=b"1", a=b"2", b=b"3", c=b"4")
    store.clear()
    store["a"] = b"end"
    found = [(event.key, event.event_filter) for event in (events.get() for _ in range(6))]
    assert sorted(found[:3], key=str) == sorted(
        [("ab", key), ("ab", prefix), ("a", prefix)], key=str
    )
    assert found[3:] == [("ab", key), ("b", between), ("a", prefix)]
    with pytest.raises(queue.Empty):
        events.get_nowait()
    with pytest.raises(queue.Empty):
        events.get(timeout=0.01)
    with pytest.raises(ValueError, match="non-negative"):
        events.get(timeout=-1)
    events.unsubscribe(key="ab")
    with pytest.raises(ValueError, match="not subscribed"):
        events.unsubscribe(key="ab")
    with pytest.raises(ValueError, match="either an event_filter or"):
        events.unsubscribe(prefix, key="ab")
    with pytest.raises(TypeError):
        events.subscribe("ab")  # type: ignore[arg-type]  # that is the point
    events.unsubscribe_all()
    store["ab"] = b""
    with pytest.raises(queue.Empty):
        events.get_nowait()


def test_a_filter_takes_nothing_from_before_it(store: kv.KeyValueStore) -> None:
    events = store.events(key="a")
    store["a"] = b"1"
    store["b"] = b"early"
    events.subscribe(key="b")
    store["b"] = b"late"
    found = [events.get().result for _ in range(2)]
    assert found == [(b"1", None), (b"late", None)]


def test_whoever_waits_hears_of_what_changes(store: kv.KeyValueStore, living: Living) -> None:
    """A filter, an item of its own and an event reach a `get` that waits already."""
    events = store.events(key="a")
    results: queue.Queue[kv.Event] = queue.Queue()

    def take() -> None:
        for event in events:
            results.put(event)
            if event.key == "end":
                return

    taker = later(take)
    own = kv.Event("own", None, EventType.PUT, EventFilter())
    events.put(own)
    assert results.get(timeout=30) == own
    store["a"] = b"1"
    assert results.get(timeout=30).key == "a"
    events.subscribe(key="end")
    store["end"] = b""
    assert results.get(timeout=30).key == "end"
    taker.join()
    assert (events.qsize(), repr(events)) == (0, "EventQueue<2 filters>")


def test_threads_share_a_queue(store: kv.KeyValueStore) -> None:
    events = store.events()
    results: queue.Queue[str] = queue.Queue()
    takers = [later(lambda: results.put(events.get().key)) for _ in range(4)]
    for key in "abcd":
        store[key] = b""
    for taker in takers:
        taker.join()
    assert sorted(results.get() for _ in takers) == list("abcd")


def test_whoever_reads_too_slowly_is_told(
    store: kv.KeyValueStore,
    living: Living,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    living.world.application.history._count = 2
    monkeypatch.setattr(event_queue, "_CAPACITY", 1)
    events = store.events()
    store["a"] = b""
    eventually(lambda: events.qsize() == 1)
    for key in "bcd":
        store[key] = b""
    assert events.get().key == "a"
    with pytest.raises(kv.EventsMissedError, match="lost"):
        events.get()
    assert [events.get().key for _ in range(2)] == ["c", "d"]


def test_the_end_of_the_application_reaches_every_queue(
    app: ApplicationClient, living: Living, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    events = app.kv.events()
    raised: queue.Queue[Exception] = queue.Queue()

    def take() -> None:
        try:
            events.get()
        except Unreachable as error:
            raised.put(error)

    taker = later(take)
    eventually(lambda: bool(living.world.application.requests.waiting))
    app.shutdown()
    raised.get(timeout=30)
    taker.join()
    with pytest.raises(Unreachable):
        events.get()


def test_waiting_for_a_key(store: kv.KeyValueStore) -> None:
    setter = later(store.put, "late", b"1", "a_1")
    assert store.wait("late") == b"1"
    assert store.wait("late", return_owner=True) == ValueOwnerPair(b"1", "a_1")
    setter.join()
