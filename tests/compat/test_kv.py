"""The key-value store: operations and conditions as values, and every one on the cluster."""

from __future__ import annotations

import copy
import operator
import pickle
import threading
from collections import OrderedDict
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

import pytest

import skein
from skein import kv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMPARISONS: dict[str, Any] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
TEXTS: dict[str, Any] = {
    "count(start=None, end=None)": kv.count(),
    "count(prefix='a')": kv.count(prefix="a"),
    "list_keys(start='a', end=None)": kv.list_keys(start="a"),
    "exists('k')": kv.exists("k"),
    "missing('k')": kv.missing("k"),
    "discard('k')": kv.discard("k"),
    "get('k', default=None, return_owner=False)": kv.get("k"),
    "pop('k', default=b'd', return_owner=True)": kv.pop("k", b"d", True),
    "get_prefix('p', return_owner=False)": kv.get_prefix("p"),
    "pop_prefix('p', return_owner=True)": kv.pop_prefix("p", return_owner=True),
    "discard_prefix('p', return_keys=False)": kv.discard_prefix("p"),
    "get_range(start=None, end=None, return_owner=False)": kv.get_range(),
    "pop_range(start='a', end='b', return_owner=True)": kv.pop_range("a", "b", True),
    "discard_range(start=None, end=None, return_keys=True)": kv.discard_range(return_keys=True),
    "put('k', value=b'v', owner=no_change)": kv.put("k", b"v"),
    "put('k', value=no_change, owner=None)": kv.put("k", owner=None),
    "swap('k', value=no_change, owner='a_1', return_owner=False)": kv.swap("k", owner="a_1"),
}


def test_the_namespace_is_clean() -> None:
    assert set(dir(kv)) == set(kv.__all__)


@pytest.mark.parametrize(("text", "operation"), TEXTS.items())
def test_operations_are_values(text: str, operation: Any) -> None:
    assert repr(operation) == text
    assert kv.is_operation(operation) is True
    assert kv.is_condition(operation) is text.startswith(("exists", "missing"))
    for duplicate in copy.deepcopy(operation), pickle.loads(pickle.dumps(operation)):
        assert duplicate == operation
    assert operation != kv.discard("other")
    with pytest.raises(AttributeError):
        operation.nosuch = 1


@pytest.mark.parametrize("symbol", COMPARISONS)
@pytest.mark.parametrize(("side", "right"), [(kv.value, b"x"), (kv.owner, "c_1")])
def test_conditions_are_values(symbol: str, side: Any, right: Any) -> None:
    condition: Any = COMPARISONS[symbol](side("k"), right)
    field = side.__name__
    assert kv.is_condition(condition) is True
    assert not kv.is_operation(condition)
    assert isinstance(condition, kv.comparison)
    assert repr(condition) == f"{field}('k') {symbol} {right!r}"
    found = (condition.key, condition.field, condition.operator, condition.rhs)
    assert found == ("k", field, symbol, right)
    assert condition == copy.deepcopy(condition) == kv.comparison("k", field, symbol, right)
    assert condition != COMPARISONS[symbol](side("other"), right)
    with pytest.raises(AttributeError):
        condition.key = "x"  # type: ignore[misc]  # what is tested
    with pytest.raises(TypeError):
        COMPARISONS[symbol](side("k"), 12)
    if side is kv.owner and symbol in ("==", "!="):
        assert kv.is_condition(COMPARISONS[symbol](side("k"), None))
    else:
        with pytest.raises(TypeError):
            COMPARISONS[symbol](side("k"), None)


def test_the_left_side_alone_is_no_condition() -> None:
    assert repr(kv.value("k")) == "value('k')"
    assert not kv.is_condition(kv.owner("k"))
    assert copy.deepcopy(kv.owner("k")).key == "k"


@pytest.mark.parametrize(
    "make",
    [
        lambda: kv.value(1),  # type: ignore[arg-type]  # what is tested, here and below
        lambda: kv.exists(1),  # type: ignore[arg-type]
        lambda: kv.discard(1),  # type: ignore[arg-type]
        lambda: kv.get(1),  # type: ignore[arg-type]
        lambda: kv.get("k", default=1),  # type: ignore[arg-type]
        lambda: kv.pop("k", return_owner=None),  # type: ignore[arg-type]
        lambda: kv.get_prefix(1),  # type: ignore[arg-type]
        lambda: kv.discard_prefix("k", return_keys=None),  # type: ignore[arg-type]
        lambda: kv.get_range(start=1),  # type: ignore[arg-type]
        lambda: kv.count(end=1),  # type: ignore[arg-type]
        lambda: kv.put(1, b"v"),  # type: ignore[arg-type]
        lambda: kv.put("k", "text"),  # type: ignore[arg-type]
        lambda: kv.swap("k", owner=1),  # type: ignore[arg-type]
        lambda: kv.comparison("k", "owner", "<", None),
    ],
)
def test_a_wrong_type_is_refused_at_once(make: Callable[[], object]) -> None:
    with pytest.raises(TypeError):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: kv.count(prefix="a", start="b"),
        lambda: kv.list_keys(prefix="a", end="b"),
        lambda: kv.put("k"),
        lambda: kv.swap("k", owner="nonumber"),
        lambda: kv.comparison("k", "nosuch", "==", b""),
        lambda: kv.comparison("k", "value", "=", b""),
    ],
)
def test_a_wrong_value_is_refused_at_once(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError):
        make()


# --- on the cluster

DATA = {"bar": b"a", "barf": b"b", "bart": b"c", "foo": b"d", "food": b"\0\xff"}


@pytest.fixture
def store(app: skein.ApplicationClient) -> Iterator[kv.KeyValueStore]:
    yield app.kv
    app.kv.clear()


def test_it_is_a_mutable_mapping(app: skein.ApplicationClient, store: kv.KeyValueStore) -> None:
    assert isinstance(store, MutableMapping)
    assert app.kv is store
    assert (len(store), list(store), dict(store)) == (0, [], {})
    store["b"] = b"2"
    store["a"] = b"1"
    assert (list(store), "a" in store, "c" in store) == (["a", "b"], True, False)
    del store["a"]
    for missing in (lambda: store["a"], lambda: store.__delitem__("a")):
        with pytest.raises(KeyError):
            missing()
    anything: Any = store
    for key, value in (1, b"v"), ("k", "text"):
        with pytest.raises(TypeError):
            anything[key] = value
    with pytest.raises(TypeError):
        anything[1]
    assert store.setdefault("b", b"3") == b"2"
    assert store.setdefault("c", b"3") == b"3"
    store.update({"d": b"bad", "e": b"5"}, d=b"4")
    store.update([("f", b"6")])
    assert store.get_range("d") == OrderedDict(d=b"4", e=b"5", f=b"6")
    store.clear()
    assert len(store) == 0


def test_ranges_and_prefixes(store: kv.KeyValueStore) -> None:
    def fill() -> None:
        store.update(DATA)

    def items(*keys: str) -> OrderedDict[str, bytes]:
        return OrderedDict((key, DATA[key]) for key in keys)

    fill()
    assert (store.count(), store.count(prefix="bar"), store.count("bart", "food")) == (5, 3, 2)
    assert store.list_keys(end="bart") == ["bar", "barf"]
    assert store.list_keys(prefix="") == list(DATA)
    assert store.get_prefix("bar") == items("bar", "barf", "bart")
    assert store.get_range(start="foo") == items("foo", "food")
    assert store.get_range("z", "a") == OrderedDict()
    assert store.get_prefix("foo", return_owner=True)["foo"] == (b"d", None)
    assert store.pop_prefix("bar") == items("bar", "barf", "bart")
    assert store.pop_range(end="food") == items("foo")
    assert list(store) == ["food"]
    fill()
    assert store.discard_prefix("bar") == 3
    assert store.discard_prefix("foo", return_keys=True) == ["foo", "food"]
    fill()
    assert store.discard_range("barf", "foo", return_keys=True) == ["barf", "bart"]
    assert store.discard_range() == 3


def test_one_key(store: kv.KeyValueStore) -> None:
    store["k"] = b"v"
    assert (store.exists("k"), store.missing("k"), store.missing("m")) == (True, False, True)
    assert (store.get("m"), store.get("m", b"d"), store.get("k")) == (None, b"d", b"v")
    assert store.get("k", return_owner=True) == kv.ValueOwnerPair(b"v", None)
    assert store.get("m", b"d", return_owner=True) == (b"d", None)
    assert (store.pop("m"), store.pop("m", b"d"), store.pop("k")) == (None, b"d", b"v")
    assert (store.swap("k", b"1"), store.swap("k", b"2")) == (None, b"1")
    assert store.swap("k", b"3", return_owner=True) == (b"2", None)
    assert (store.discard("k"), store.discard("k")) == (True, False)


def test_owners(app: skein.ApplicationClient, store: kv.KeyValueStore) -> None:
    owner = app.add_container("sleeper").id
    store.put("k", b"1", owner=owner)
    store.put("k", b"2")
    assert store.get("k", return_owner=True) == (b"2", owner)
    store.put("k", owner=None)
    assert store.get("k", return_owner=True) == (b"2", None)
    store.put("k", owner=owner)
    store.put("kept", b"", owner=owner)
    store.put("kept", owner=None)
    app.kill_container(owner)
    assert list(store) == ["kept"]
    said = {
        "unknown_0": "Unknown service 'unknown'",
        "sleeper_100": "Service 'sleeper' has no container instance 100",
        "sleeper_0": "Container 'sleeper_0' has already completed",
    }
    for name, text in said.items():
        for method in store.put, store.swap:
            with pytest.raises(ValueError) as refused:
                method("k", b"", owner=name)
            assert str(refused.value) == text
    with pytest.raises(ValueError) as refused:
        store.put("missing", owner="sleeper_0")
    assert str(refused.value) == "ignore_value=True & key isn't already set"


def test_conditions(app: skein.ApplicationClient, store: kv.KeyValueStore) -> None:
    owner = app.get_containers()[0].id
    service, _, number = owner.partition("_")
    later = f"{service}_{int(number) + 10}"
    store.put("k", b"m", owner=owner)
    store["free"] = b"m"

    def holds(*conditions: kv.Condition) -> bool:
        return store.transaction(conditions).succeeded

    assert holds()
    assert holds(kv.exists("k"), kv.missing("m"))
    assert not holds(kv.exists("k"), kv.exists("m"))
    for symbol, compare in COMPARISONS.items():
        for right in b"l", b"m", b"n", b"\xff":
            assert holds(compare(kv.value("k"), right)) is compare(b"m", right)
        assert holds(compare(kv.value("missing"), b"m")) is (symbol == "!=")
        assert holds(compare(kv.owner("k"), later)) is compare(1, 2)
        assert holds(compare(kv.owner("free"), owner)) is (symbol == "!=")
    assert holds(kv.owner("k") != None, kv.owner("free") == None)  # noqa: E711  # how it is written
    assert not holds(kv.owner("k") == None)  # noqa: E711


def test_transactions(app: skein.ApplicationClient, store: kv.KeyValueStore) -> None:
    store.update(DATA)
    result = store.transaction(
        conditions=[kv.value("bar") == b"a", kv.missing("m")],
        on_success=[kv.get_prefix("bar"), kv.put("m", b""), kv.discard("foo"), kv.count()],
        on_failure=[kv.put("never", b"")],
    )
    assert isinstance(result, kv.TransactionResult)
    assert result.succeeded
    assert result.results[1:] == [None, True, 5]
    assert list(result.results[0]) == ["bar", "barf", "bart"]
    result = store.transaction([kv.missing("bar")], [kv.put("never", b"")], [kv.get("bar")])
    assert result == (False, [b"a"])
    assert store.transaction() == (True, [])
    for branch in "on_success", "on_failure":
        condition = kv.exists("bar") if branch == "on_success" else kv.missing("bar")
        wrong: Any = [kv.put("half", b""), kv.put("x", b"", owner="sleeper_0")]
        with pytest.raises(ValueError, match="Container 'sleeper_0' has already completed"):
            store.transaction([condition], **{branch: wrong})
    assert "half" not in store
    assert "never" not in store
    for arguments in ([kv.get("k")], ()), ((), [kv.value("k") == b""]):
        with pytest.raises(TypeError):
            store.transaction(*arguments)


def test_waiting(store: kv.KeyValueStore) -> None:
    setter = threading.Timer(0.2, lambda: store.put("late", b"1"))
    setter.start()
    assert store.wait("late") == b"1"
    assert store.wait("late", return_owner=True) == (b"1", None)
    setter.join()


def test_large_values_and_many_of_them(store: kv.KeyValueStore) -> None:
    # More than the 4 MiB that were the most for skein.
    large = bytes(range(256)) * 12 * 1024
    store["a"] = large
    store["b"] = large
    assert store.get_range() == {"a": large, "b": large}
