"""Transactions and events of the whole core, against a dict."""

from __future__ import annotations

import operator
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from appmaster.core.scenario import Scenario, application, service
from yarnhub.appmaster.core.events import Asked, Withdrawn
from yarnhub.base.errors import FailureCode
from yarnhub.control.messages import (
    Condition,
    DeleteKey,
    DeleteKeys,
    Entries,
    Entry,
    Failure,
    GetKey,
    GetKeys,
    KeyEvent,
    KeyEvents,
    KeyField,
    KeyRange,
    Keys,
    KillContainer,
    ListKeys,
    Nothing,
    Operation,
    Operator,
    PutKey,
    Request,
    Shutdown,
    Transacted,
    Transaction,
    WaitKey,
    WatchKeys,
)

KEYS = st.sampled_from(("a", "ab", "b"))
VALUES = st.sampled_from((b"", b"1", b"\x7f", b"\x80"))
OWNERS = st.none() | st.sampled_from(("a_0", "a_1", "a_9"))
RANGES = st.builds(KeyRange, prefix=KEYS) | st.builds(KeyRange, start=KEYS, end=KEYS)
OPERATIONS: st.SearchStrategy[Operation] = st.one_of(
    st.builds(GetKey, key=KEYS),
    st.builds(GetKeys, range=RANGES),
    st.builds(ListKeys, range=RANGES),
    st.builds(PutKey, key=KEYS, value=st.none() | VALUES, owner=OWNERS, keep_owner=st.booleans()),
    st.builds(DeleteKey, key=KEYS),
    st.builds(DeleteKeys, range=RANGES),
)
ORDERS = st.sampled_from(Operator)
CONDITIONS = st.one_of(
    st.builds(Condition, key=KEYS, field=st.just(KeyField.VALUE), operator=ORDERS, value=VALUES),
    st.builds(
        Condition,
        key=KEYS,
        field=st.just(KeyField.OWNER),
        operator=ORDERS,
        owner=st.sampled_from(("a_0", "a_1")),
    ),
    st.builds(
        Condition,
        key=KEYS,
        field=st.sampled_from(KeyField),
        operator=st.sampled_from((Operator.EQUAL, Operator.NOT_EQUAL)),
    ),
)
COMPARISONS = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
Model = dict[str, tuple[bytes, str | None]]


class WrongError(Exception):
    """The model's refusal."""


def within(wanted: KeyRange, key: str) -> bool:
    if wanted.prefix is not None:
        return key.startswith(wanted.prefix)
    return (wanted.start or "") <= key and (wanted.end is None or key < wanted.end)


def apply(model: Model, operation: Operation, alive: set[str]) -> object:
    match operation:
        case GetKey(key=key):
            return Entries(entries=entries(model, [key] if key in model else []))
        case GetKeys(range=wanted):
            return Entries(entries=entries(model, [k for k in sorted(model) if within(wanted, k)]))
        case ListKeys(range=wanted):
            return Keys(keys=tuple(k for k in sorted(model) if within(wanted, k)))
        case DeleteKey(key=key):
            return Keys(keys=(key,) if model.pop(key, None) else ())
        case DeleteKeys(range=wanted):
            doomed = tuple(k for k in sorted(model) if within(wanted, k))
            for key in doomed:
                del model[key]
            return Keys(keys=doomed)
        case PutKey(key=key, value=value, owner=owner, keep_owner=keep):
            old = model.get(key)
            if (owner is not None and owner not in alive) or (value is None and old is None):
                raise WrongError
            value, owner = (
                (old[0] if old else b"") if value is None else value,
                (old[1] if old else None) if keep else owner,
            )
            model[key] = value, owner
            return Nothing()


def entries(model: Model, keys: list[str]) -> tuple[Entry, ...]:
    return tuple(Entry(key=key, value=model[key][0], owner=model[key][1]) for key in keys)


def holds(model: Model, condition: Condition) -> bool:
    value, owner = model.get(condition.key, (None, None))
    left: Any = value if condition.field is KeyField.VALUE else owner
    right: Any = condition.value if condition.field is KeyField.VALUE else condition.owner
    compare = getattr(operator, COMPARISONS[condition.operator.value])
    if condition.operator in (Operator.EQUAL, Operator.NOT_EQUAL):
        return bool(compare(left, right))
    return left is not None and bool(compare(left, right))


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.play = Scenario(application("run", a=service(instances=2)))
        self.play.start()
        self.model: Model = {}
        self.alive = {"a_0", "a_1"}
        self.followed: Model = {}
        """What somebody knows who only watches."""
        self.after = 0
        self.watching: int | None = None

    @rule(operation=OPERATIONS)
    def one(self, operation: Operation) -> None:
        model = dict(self.model)
        try:
            expected = apply(model, operation, self.alive)
        except WrongError:
            assert self.play.refusal(operation).code == "invalid"
        else:
            request: Request[Any] = operation
            assert self.play.ask(request) == expected
            self.model = model

    @rule(
        conditions=st.lists(CONDITIONS, max_size=2),
        on_success=st.lists(OPERATIONS, max_size=3),
        on_failure=st.lists(OPERATIONS, max_size=2),
    )
    def transact(
        self,
        conditions: list[Condition],
        on_success: list[Operation],
        on_failure: list[Operation],
    ) -> None:
        request = Transaction(
            conditions=tuple(conditions),
            on_success=tuple(on_success),
            on_failure=tuple(on_failure),
        )
        succeeded = all(holds(self.model, each) for each in conditions)
        model = dict(self.model)
        try:
            results = tuple(
                apply(model, each, self.alive) for each in (on_success if succeeded else on_failure)
            )
        except WrongError:
            assert self.play.refusal(request).code == "invalid"
        else:
            answer = self.play.ask(request)
            assert (answer.succeeded, answer.results) == (succeeded, results)
            self.model = model

    @rule(name=st.sampled_from(("a_0", "a_1")), chance=st.integers(0, 5))
    def end(self, name: str, chance: int) -> None:
        if chance == 0:
            self.play.ask(KillContainer(id=name))
            self.alive.discard(name)
            self.model = {key: pair for key, pair in self.model.items() if pair[1] != name}

    @rule()
    def watch(self) -> None:
        if self.watching is None:
            request = WatchKeys(ranges=(KeyRange(),), after=self.after)
            self.watching = self.play.request(request)

    @rule()
    def withdraw(self) -> None:
        """The answer is lost, or nobody waits for it any more."""
        if self.watching is not None:
            self.play.do(Withdrawn(self.watching))
            self.watching = None

    @rule()
    def listen(self) -> None:
        for answer in self.play.replies(self.watching) if self.watching is not None else ():
            self.watching = None
            assert not answer.missed
            for event in answer.events:
                self.after += 1
                assert event.number == self.after
                if event.value is None:
                    del self.followed[event.key]
                else:
                    self.followed[event.key] = event.value, event.owner
            assert answer.last == self.after

    @invariant()
    def the_store_is_the_model(self) -> None:
        assert self.play.ask(GetKeys()).entries == entries(self.model, sorted(self.model))

    def teardown(self) -> None:
        self.listen()
        self.watch()
        self.listen()
        assert self.followed == self.model


TestTransactions = Machine.TestCase
TestTransactions.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@pytest.fixture
def play() -> Scenario:
    scenario = Scenario(application("run", a=service(instances=11)))
    scenario.start()
    scenario.ask(PutKey(key="k", value=b"\x80", owner="a_10"))
    return scenario


def succeeded(play: Scenario, *conditions: Condition) -> bool:
    return play.ask(Transaction(conditions=conditions)).succeeded


def value(sign: str, right: bytes | None, key: str = "k") -> Condition:
    return Condition(key=key, field=KeyField.VALUE, operator=Operator(sign), value=right)


def owner(sign: str, right: str | None, key: str = "k") -> Condition:
    return Condition(key=key, field=KeyField.OWNER, operator=Operator(sign), owner=right)


@pytest.mark.parametrize(
    ("condition", "held"),
    [
        (value("==", b"\x80"), True),
        (value("<", b"\x7f"), False),
        (value(">", b"\x7f"), True),
        (value(">", b""), True),
        (value("<=", b"\x80\0"), True),
        (value(">=", b"\x81"), False),
        (value("!=", None), True),
        (value("==", None), False),
        (owner("==", "a_10"), True),
        (owner(">", "a_9"), True),
        (owner("<", "b_0"), True),
        (owner("==", None), False),
        (owner("!=", None), True),
        (owner("==", "nobody_7"), False),
        (value("==", None, "none"), True),
        (value("!=", b"", "none"), True),
        (value(">=", b"", "none"), False),
        (value("<", b"1", "none"), False),
        (owner("==", None, "none"), True),
        (owner("<", "z_0", "none"), False),
    ],
)
def test_conditions(play: Scenario, condition: Condition, held: bool) -> None:
    assert succeeded(play, condition) is held
    assert succeeded(play, condition, value("==", b"\x80")) is held


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (value("<", None), "None is only equal or not"),
        (owner(">=", None), "None is only equal or not"),
        (owner("==", "k"), "'k' is not a container's id, like 'worker_0'"),
        (owner("==", "a_" + "9" * 5000), "is not a container's id"),
        (
            Condition(key="k", field=KeyField.VALUE, operator=Operator.EQUAL, owner="a_0"),
            "a condition has either a value or an owner",
        ),
        (
            Condition(key="k", field=KeyField.OWNER, operator=Operator.EQUAL, value=b""),
            "a condition has either a value or an owner",
        ),
    ],
)
def test_conditions_that_make_no_sense(play: Scenario, condition: Condition, said: str) -> None:
    refused = play.refusal(Transaction(conditions=(value("==", b"no"), condition)))
    assert refused.code == "invalid"
    assert said in refused.message


def test_a_refused_operation_takes_back_those_before_it(play: Scenario) -> None:
    watch = play.request(WatchKeys(ranges=(KeyRange(),), after=1))
    operations = (
        DeleteKeys(range=KeyRange()),
        PutKey(key="new", value=b"1"),
        PutKey(key="k", keep_owner=True),
    )
    assert play.refusal(Transaction(on_success=operations)) == Failure(
        FailureCode.INVALID, "ignore_value=True & key isn't already set"
    )
    assert play.ask(ListKeys()).keys == ("k",)
    assert play.ask(GetKey(key="k")).entries[0].owner == "a_10"
    assert play.replies(watch) == [], "nothing has happened"


def test_the_branch_that_is_not_taken_is_not_looked_at(play: Scenario) -> None:
    wrong = PutKey(key="x", value=b"", owner="nobody_0")
    request = Transaction(conditions=(value("==", None),), on_success=(wrong,))
    assert play.ask(request) == Transacted(succeeded=False, results=())


def test_value_and_owner_change_on_their_own(play: Scenario) -> None:
    play.ask(PutKey(key="k", value=b"1", keep_owner=True))
    play.ask(PutKey(key="k", owner="a_0"))
    found = play.ask(GetKey(key="k"))
    assert found.entries == (Entry(key="k", value=b"1", owner="a_0"),)
    play.ask(PutKey(key="k"))
    assert play.ask(GetKey(key="k")).entries == (Entry(key="k", value=b"1"),)


def test_a_watch_is_answered_by_what_it_asks_for(play: Scenario) -> None:
    number = play.request(WatchKeys(ranges=(KeyRange(prefix="w"),), after=1))
    play.ask(PutKey(key="x", value=b""))
    assert play.replies(number) == []
    play.ask(Transaction(on_success=(PutKey(key="w", value=b"1"), DeleteKey(key="w"))))
    put = KeyEvent(number=3, key="w", value=b"1")
    deleted = KeyEvent(number=4, key="w", value=None)
    assert play.replies(number) == [KeyEvents(events=(put, deleted), last=4)]


def test_the_end_of_an_owner_is_an_event(play: Scenario) -> None:
    number = play.request(WatchKeys(ranges=(KeyRange(),), after=1))
    play.ask(KillContainer(id="a_10"))
    (answer,) = play.replies(number)
    assert answer.events == (KeyEvent(number=2, key="k", value=None, owner="a_10"),)


def test_nobody_waits_for_a_key_that_was_never_seen(play: Scenario) -> None:
    number = play.request(WaitKey(key="w"))
    play.ask(Transaction(on_success=(PutKey(key="w", value=b"1"), DeleteKey(key="w"))))
    assert play.replies(number) == []


def test_a_watch_without_patience_is_answered_at_once(play: Scenario) -> None:
    request = WatchKeys(ranges=(KeyRange(prefix="w"),), after=0, timeout=0.0)
    assert play.ask(request) == KeyEvents(events=(), last=1)


def test_a_watch_of_a_wrong_range_is_refused(play: Scenario) -> None:
    request = WatchKeys(ranges=(KeyRange(prefix="w", end="x"),), after=0)
    assert play.refusal(request).message == "give either a prefix or a start and an end"


def test_a_watch_ends_with_the_application(play: Scenario) -> None:
    number = play.request(WatchKeys(ranges=(KeyRange(),), after=1))
    play.request(Shutdown())
    assert play.replies(number) == [Failure(FailureCode.ENDED, "the application is ending")]


def test_whoever_waited_all_the_time_has_missed_nothing(play: Scenario) -> None:
    play.application.history._count = 2
    number = play.request(WatchKeys(ranges=(KeyRange(prefix="w"),), after=1))
    for _ in range(4):
        play.do(Asked(1000, PutKey(key="x", value=b"")))
    (answer,) = play.replies(number)
    assert (answer.events, answer.missed) == ((), False)
    assert answer.last == 4
