"""`skein.kv` against a whole application in this process, but for YARN, over TLS."""

from __future__ import annotations

import re
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import skein as api
from skein import kv
from skein.exceptions import ConnectionError as Unreachable
from skein.kv import EventFilter, EventType, ValueOwnerPair

if TYPE_CHECKING:
    from skein.application_client import ApplicationClient


@pytest.fixture
def store(app: ApplicationClient) -> kv.KeyValueStore:
    return app.kv


# --- a mapping


def test_a_mapping(store: kv.KeyValueStore) -> None:
    store["b"] = b"2"
    store["a"] = b"\0\xff"
    assert list(store) == ["a", "b"]
    assert dict(store) == store.to_dict() == {"a": b"\0\xff", "b": b"2"}
    assert (len(store), "a" in store, "c" in store, object() in store) == (2, True, False, False)
    assert store.pop("c") is None
    assert store.pop("c", b"d") == b"d"
    assert store.pop("b") == b"2"
    with pytest.raises(KeyError, match="b"):
        store["b"]
    with pytest.raises(KeyError, match="b"):
        del store["b"]
    assert store.setdefault("a", b"other") == b"\0\xff"
    assert store.setdefault("n", b"new") == b"new"
    with pytest.raises(TypeError, match="default must be bytes, not NoneType"):
        store.setdefault("z")
    store.update({"x": b"1"}, y=b"2")
    store.update([("x", b"3")])
    store.update()
    assert dict(store) == {"a": b"\0\xff", "n": b"new", "x": b"3", "y": b"2"}
    with pytest.raises(TypeError):
        store.update(q=b"1", r="no bytes")  # type: ignore[arg-type]  # that is the point
    assert "q" not in store
    store.clear()
    assert list(store) == []


# --- operations


@pytest.fixture
def filled(store: kv.KeyValueStore) -> kv.KeyValueStore:
    store.update(a=b"1", ab=b"2", b=b"3")
    store.put("ab", owner="a_0")
    return store


CASES: list[tuple[Any, object]] = [
    (kv.count(), 3),
    (kv.count("ab"), 2),
    (kv.count(start="a", end="b"), 2),
    (kv.count(prefix="b"), 1),
    (kv.list_keys(), ["a", "ab", "b"]),
    (kv.list_keys(prefix=""), ["a", "ab", "b"]),
    (kv.list_keys(prefix="\U0010ffff"), []),
    (kv.exists("a"), True),
    (kv.exists("c"), False),
    (kv.missing("a"), False),
    (kv.missing("c"), True),
    (kv.get("a"), b"1"),
    (kv.get("c"), None),
    (kv.get("c", b"d"), b"d"),
    (kv.get("ab", return_owner=True), ValueOwnerPair(b"2", "a_0")),
    (kv.get("c", return_owner=True), ValueOwnerPair(None, None)),
    (kv.get_prefix("a"), OrderedDict(a=b"1", ab=b"2")),
    (kv.get_range("b"), OrderedDict(b=b"3")),
    (kv.get_range(end="b", return_owner=True), {"a": (b"1", None), "ab": (b"2", "a_0")}),
    (kv.pop("a"), b"1"),
    (kv.pop("c", b"d"), b"d"),
    (kv.pop("ab", return_owner=True), (b"2", "a_0")),
    (kv.pop_prefix("a"), OrderedDict(a=b"1", ab=b"2")),
    (kv.pop_range("ab", "b", return_owner=True), {"ab": (b"2", "a_0")}),
    (kv.discard("a"), True),
    (kv.discard("c"), False),
    (kv.discard_prefix("a"), 2),
    (kv.discard_prefix("a", return_keys=True), ["a", "ab"]),
    (kv.discard_range(), 3),
    (kv.discard_range("b", return_keys=True), ["b"]),
    (kv.put("a", b"9"), None),
    (kv.put("a", owner="a_1"), None),
    (kv.swap("a", b"9"), b"1"),
    (kv.swap("c", b"9"), None),
    (kv.swap("ab", owner=None, return_owner=True), (b"2", "a_0")),
]


@pytest.mark.parametrize(("operation", "result"), CASES, ids=lambda each: repr(each)[:40])
def test_an_operation_in_a_transaction(
    filled: kv.KeyValueStore, operation: kv.Operation[Any], result: object
) -> None:
    assert kv.is_operation(operation)
    found = filled.transaction(on_success=[kv.count(), operation, kv.count("zz")])
    assert (found.succeeded, found.results) == (True, [3, result, 0])
    assert type(found.results[1]) is type(result) or isinstance(result, dict | tuple)


def test_the_methods_do_what_the_operations_do(filled: kv.KeyValueStore) -> None:
    assert (filled.count(prefix="a"), filled.list_keys("b")) == (2, ["b"])
    assert (filled.exists("a"), filled.missing("a")) == (True, False)
    assert filled.get("ab", return_owner=True) == ValueOwnerPair(b"2", "a_0")
    assert filled.get_prefix("a") == OrderedDict(a=b"1", ab=b"2")
    assert filled.get_range("ab", return_owner=True)["b"].value == b"3"
    assert filled.swap("a", b"4", owner="a_1") == b"1"
    assert filled.swap("a", owner=None, return_owner=True) == (b"4", "a_1")
    filled.put("ab", b"5")
    assert filled.pop("ab", return_owner=True) == (b"5", "a_0"), "the owner stays"
    assert filled.pop_range("b") == {"b": b"3"}
    assert filled.pop_prefix("b") == {}
    assert filled.discard_prefix("a", return_keys=True) == ["a"]
    assert filled.discard_range() == 0


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: kv.count("a", prefix="b"), ValueError),
        (lambda: kv.list_keys(end="a", prefix=""), ValueError),
        (lambda: kv.count(1), TypeError),  # type: ignore[arg-type]
        (lambda: kv.get(1), TypeError),  # type: ignore[arg-type]
        (lambda: kv.exists(b"k"), TypeError),  # type: ignore[arg-type]
        (lambda: kv.get_prefix(None), TypeError),  # type: ignore[arg-type]
        (lambda: kv.put("k"), ValueError),
        (lambda: kv.put("k", "text"), TypeError),  # type: ignore[arg-type]
        (lambda: kv.put("k", None), TypeError),  # type: ignore[arg-type]
        (lambda: kv.put("k", b"", 1), TypeError),  # type: ignore[arg-type]
        (lambda: kv.value("k") == "text", TypeError),
        (lambda: kv.value("k") == None, TypeError),  # noqa: E711
        (lambda: kv.owner("k") == b"a_0", TypeError),
        (lambda: kv.owner("k") < None, TypeError),  # type: ignore[operator]
        (lambda: kv.value(1), TypeError),  # type: ignore[arg-type]
        (lambda: kv.comparison("k", "age", "==", b""), ValueError),
        (lambda: kv.comparison("k", "value", "~", b""), ValueError),
        (lambda: EventFilter(key="a", prefix="b"), ValueError),
        (lambda: EventFilter(key="a", start="b"), ValueError),
        (lambda: EventFilter(event_type="SOME"), ValueError),
        (lambda: EventFilter(key=1), TypeError),  # type: ignore[arg-type]
    ],
)
def test_what_makes_no_sense_is_refused_before_it_is_sent(
    make: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        make()


def test_what_the_application_refuses(store: kv.KeyValueStore, app: ApplicationClient) -> None:
    with pytest.raises(ValueError, match="ignore_value=True & key isn't already set"):
        store.put("k", owner="a_0")
    with pytest.raises(ValueError, match="Unknown service 'x'"):
        store.put("k", b"", owner="x_0")
    with pytest.raises(ValueError, match="Service 'a' has no container instance 100"):
        store.put("k", b"", owner="a_100")
    store.put("k", b"", owner="a_0")
    app.kill_container("a_0")
    assert "k" not in store
    with pytest.raises(ValueError, match="Container 'a_0' has already completed"):
        store.transaction(on_success=[kv.put("k", b""), kv.put("l", b"", owner="a_0")])
    assert "k" not in store


# --- conditions


@pytest.mark.parametrize(
    ("condition", "held"),
    [
        (kv.value("a") == b"1", True),
        (kv.value("a") != b"1", False),
        (kv.value("a") < b"\x80", True),
        (kv.value("a") <= b"1", True),
        (kv.value("a") > b"1", False),
        (kv.value("a") >= b"1", True),
        (kv.owner("ab") == "a_0", True),
        (kv.owner("ab") != None, True),  # noqa: E711
        (kv.owner("a") == None, True),  # noqa: E711
        (kv.owner("ab") < "a_10", True),
        (kv.comparison("ab", "owner", ">=", "a_1"), False),
        (kv.exists("a"), True),
        (kv.missing("a"), False),
        (kv.exists("c"), False),
        (kv.missing("c"), True),
    ],
    ids=repr,
)
def test_conditions(filled: kv.KeyValueStore, condition: kv.Condition, held: bool) -> None:
    assert kv.is_condition(condition)
    found = filled.transaction(condition, kv.get("a"), [kv.get("b"), kv.pop("b")])
    assert found == (held, [b"1"] if held else [b"3", b"3"])


def test_what_is_neither_condition_nor_operation(store: kv.KeyValueStore) -> None:
    assert not kv.is_condition(kv.get("a"))
    assert not kv.is_condition(kv.value("a"))
    assert not kv.is_operation(kv.value("a") == b"")
    assert kv.is_operation(kv.exists("a"))
    with pytest.raises(TypeError, match="conditions must be Conditions"):
        store.transaction([True])  # type: ignore[list-item]  # that is the point
    with pytest.raises(TypeError, match="on_failure must be Operations"):
        store.transaction(on_failure=[kv.value("a") == b""])  # type: ignore[list-item]
    assert repr(kv.owner("k") == "a_0") == "owner('k') == 'a_0'"
    assert (
        repr(kv.get_range("a", return_owner=True))
        == "get_range(start='a', end=None, return_owner=True)"
    )


# --- the page about it


def examples() -> str:
    page = Path(__file__).parents[2] / "docs" / "reference" / "key-value-store.md"
    return "\n".join(
        re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    )


def test_the_examples(app: ApplicationClient) -> None:
    exec(examples(), {"app": app})


@pytest.mark.parametrize("name", kv.__all__)
def test_every_name_has_a_docstring(name: str) -> None:
    assert getattr(kv, name).__doc__


@pytest.mark.cluster
def test_on_the_real_cluster(skein: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HADOOP_CONF_DIR", "SKEIN_CONFIG"):
        monkeypatch.setenv(name, skein.env[name])
    spec = api.ApplicationSpec.from_dict(
        {
            "name": "keys",
            "services": {
                "worker": {
                    "instances": 3,
                    "resources": {"memory": 64, "vcores": 1},
                    "script": "sleep 600",
                }
            },
        }
    )
    with api.Client() as client, client.submit_and_connect(spec) as app:
        skein.submitted.append(app.id)
        exec(examples(), {"app": app})
        events = app.kv.events(event_type="DELETE")
        app.kv.put("owned", b"1", owner="worker_1")
        app.kill_container("worker_1")
        event = events.get(timeout=30)
        assert (event.key, event.result) == ("owned", None)
        assert event.event_type is EventType.DELETE
        with pytest.raises(ValueError, match="Container 'worker_1' has already completed"):
            app.kv.put("owned", b"1", owner="worker_1")
        app.shutdown()
        with pytest.raises(Unreachable):
            events.get()
