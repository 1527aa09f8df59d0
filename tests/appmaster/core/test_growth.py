"""An application that has run for long costs no more than a young one."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, get_args

import pytest

from appmaster.core.scenario import Scenario, application, ended, service
from yarnhub.appmaster.core.application import Application
from yarnhub.appmaster.core.budgets import Budgets
from yarnhub.appmaster.core.events import (
    Asked,
    Ended,
    Event,
    LaunchFailed,
    MasterScriptEnded,
    PortAnswered,
    Refused,
    Resynced,
    Started,
    Withdrawn,
)
from yarnhub.appmaster.core.placement import Topology
from yarnhub.appmaster.core.records import Change
from yarnhub.control import json
from yarnhub.control.messages import (
    REQUESTS,
    AddContainer,
    AddPage,
    Condition,
    ContainerState,
    DeleteKey,
    DeleteKeys,
    GetContainers,
    GetKey,
    GetKeys,
    GetPages,
    GetSpecification,
    GetUi,
    KeyField,
    KeyRange,
    KillContainer,
    ListKeys,
    Nothing,
    Operator,
    Page,
    PutKey,
    RemovePage,
    Scale,
    SetProgress,
    Shutdown,
    Transaction,
    UpdateTokens,
    WaitKey,
    WatchKeys,
    WatchTokens,
)
from yarnhub.hadoop.wire.tokens import TokenStorage

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    Trace = Callable[[FrameType, str, object], "Trace"]

BUDGETS = Budgets(ended=5)


def aged(ends: int) -> Scenario:
    """An application one of whose services has failed and was replaced so often."""
    play = Scenario(application(a=service(max_restarts=-1), b=service()), BUDGETS)
    play.start()
    play.allocate("b")
    for _ in range(ends):
        (given,) = play.allocate("a")
        play.complete(given, 1)
    return play


def lines(work: Callable[[], object]) -> int:
    """How many lines of Python run."""
    count = 0

    def trace(_: FrameType, event: str, __: object) -> Trace:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


CONDITION = Condition(key="k", field=KeyField.OWNER, operator=Operator.EQUAL, owner="b_0")
WORK: dict[str, Callable[[Scenario], object]] = {
    "AddContainer": lambda play: play.ask(AddContainer(service="b")),
    "AddPage": lambda play: play.request(AddPage(page=Page(route="r", target="http://h"))),
    "DeleteKey": lambda play: play.ask(DeleteKey(key="l")),
    "DeleteKeys": lambda play: play.ask(DeleteKeys(range=KeyRange(prefix="l"))),
    "GetContainers": lambda play: play.ask(GetContainers()),
    "GetContainers, ended": lambda play: play.ask(GetContainers(states=None)),
    "GetKey": lambda play: play.ask(GetKey(key="k")),
    "GetKeys": lambda play: play.ask(GetKeys()),
    "GetPages": lambda play: play.ask(GetPages()),
    "GetSpecification": lambda play: play.ask(GetSpecification()),
    "GetUi": lambda play: play.ask(GetUi()),
    "KillContainer": lambda play: play.ask(KillContainer(id="b_1")),
    "KillContainer, ended": lambda play: play.ask(KillContainer(id="a_0")),
    "ListKeys": lambda play: play.ask(ListKeys()),
    "PutKey": lambda play: play.ask(PutKey(key="k", value=b"v", owner="b_0")),
    "RemovePage": lambda play: play.request(RemovePage(route="r")),
    "Scale": lambda play: play.ask(Scale(service="a", delta=1)),
    "SetProgress": lambda play: play.ask(SetProgress(progress=0.5)),
    "Transaction": lambda play: play.ask(
        Transaction(conditions=(CONDITION,), on_success=(PutKey(key="l", value=b""),))
    ),
    "UpdateTokens": lambda play: play.ask(UpdateTokens(tokens=TokenStorage().write())),
    "WaitKey": lambda play: play.ask(WaitKey(key="k")),
    "WatchKeys": lambda play: play.ask(WatchKeys(ranges=(KeyRange(),), timeout=0)),
    "WatchTokens": lambda play: play.ask(WatchTokens()),
    "Asked": lambda play: play.do(Asked(-1, WaitKey(key="never"))),
    "Withdrawn": lambda play: play.do(Withdrawn(-1)),
    "Heartbeat": lambda play: play.heartbeat(),
    "Heartbeat, given": lambda play: play.allocate("a"),
    "Heartbeat, ended": lambda play: play.complete(play.allocate("a")[0], 1),
    "Ended": lambda play: play.do(Ended(ended(play.allocate("a")[0]))),
    "LaunchFailed": lambda play: play.do(LaunchFailed(play.allocate("a")[0].id, "no")),
    "PortAnswered": lambda play: play.do(PortAnswered(play.allocate("a")[0].id)),
    "Tick": lambda play: play.wait(1),
    "Resynced": lambda play: play.do(Resynced()),
    "Started": lambda play: play.do(Started()),
    "snapshot": lambda play: play.application.snapshot(),
}
"""What costs the same, however much has ended."""
ENDS: dict[str, Callable[[Scenario], object]] = {
    "Shutdown": lambda play: play.ask(Shutdown()),
    "Refused": lambda play: play.do(Refused("no")),
    "MasterScriptEnded": lambda play: play.do(MasterScriptEnded(0)),
}


def test_nothing_is_left_out() -> None:
    measured = {name.partition(",")[0] for name in WORK | ENDS}
    assert measured == {*REQUESTS, *(each.__name__ for each in get_args(Event)), "snapshot"}


def test_no_event_costs_more_after_many_ends() -> None:
    young, old = aged(8), aged(300)
    grown = {}
    for name, work in WORK.items():
        costs = []
        for play in (young, old):
            work(play)  # what is done once is done
            play.history.clear()  # the test's own
            costs.append(lines(functools.partial(work, play)))
        if costs[1] > costs[0] * 1.1:
            grown[name] = costs
    assert not grown


@pytest.mark.parametrize("work", ENDS.values(), ids=ENDS)
def test_no_end_costs_more_after_many_ends(work: Callable[[Scenario], object]) -> None:
    costs = []
    for play in (aged(8), aged(300)):
        play.history.clear()
        costs.append(lines(functools.partial(work, play)))
    assert costs[1] <= costs[0] * 1.1


def test_a_restart_costs_no_more_after_many_ends() -> None:
    costs = []
    for play in (aged(8), aged(300)):
        snapshot = json.dump(play.application.snapshot())
        restored = Application(play.application.spec, "", Topology(racks={}), BUDGETS)
        costs.append(
            lines(lambda into=restored, of=snapshot: into.restore([json.load(Change, of)]))  # type: ignore[misc]  # bound early
        )
    assert costs[1] <= costs[0] * 1.1


def test_what_is_recorded_does_not_grow() -> None:
    sizes = [len(json.dump(aged(ends).application.snapshot())) for ends in (8, 300)]
    assert sizes[1] < sizes[0] * 1.1


def test_an_instance_that_is_no_longer_kept_has_ended() -> None:
    play = aged(10)
    assert play.ask(KillContainer(id="a_0")) == Nothing()
    failure = play.refusal(PutKey(key="k", value=b"", owner="a_0"))
    assert failure.message == "Container 'a_0' has already completed"
    assert play.refusal(KillContainer(id="a_11")).code == "invalid"
    assert play.refusal(KillContainer(id="a_00")).code == "invalid"


def test_an_instance_that_is_no_longer_kept_owns_nothing() -> None:
    play = aged(0)
    (given,) = play.allocate("a")
    play.ask(PutKey(key="k", value=b"", owner="a_0"))
    play.complete(given, 1)
    assert play.ask(GetKey(key="k")).entries == ()


def test_what_is_counted_outlives_its_process() -> None:
    play = aged(20)
    play.restart()
    service = play.application.services["a"]
    assert service.counts[ContainerState.FAILED] == 20
    assert play.ask(AddContainer(service="a")).instance == 21
    assert [each.number for each in service.ended] == [15, 16, 17, 18, 19]


def test_a_journal_with_all_instances_is_read() -> None:
    """As the versions before wrote it: an instance for all that ever was, and no counts."""
    instances = ",".join(
        f'{{"Instance":{{"service":"a","number":{number},"state":"FAILED","start_time":1.0,'
        f'"initial":true}}}}'
        for number in range(50)
    )
    written = f"""{{"records":[
        {{"ApplicationRecord":{{"started":true,"progress":null,"last_event":0,"pages":[],
        "am_rm_token":null,"final_status":null,"diagnostics":"","retriable":false,"over":false}}}},
        {{"ServiceRecord":{{"name":"a","failures":50,"restarts":50,"waits_for":[]}}}},
        {instances},
        {{"Instance":{{"service":"a","number":50,"state":"REQUESTED","initial":true}}}}]}}"""
    restored = Application(application(a=service()), "", Topology(racks={}), BUDGETS)
    restored.restore([json.load(Change, written.encode())])
    found = restored.services["a"]
    assert found.counts[ContainerState.FAILED] == 50
    assert [each.number for each in found.instances] == [45, 46, 47, 48, 49, 50]
    assert found.requested == 1
    assert found.begun


def test_a_line_that_was_written_twice_counts_once() -> None:
    play = Scenario(application(a=service(max_restarts=-1)), BUDGETS)
    play.start()
    recorded = [play.application.snapshot()]
    for _ in range(3):
        (given,) = play.allocate("a")
        play.complete(given, 1)
    recorded += [json.load(Change, each) for each in play.recorded]
    restored = Application(play.application.spec, "", Topology(racks={}), BUDGETS)
    restored.restore([*recorded, *recorded[-3:], *recorded[-4:]])
    assert restored.snapshot() == play.application.snapshot()
