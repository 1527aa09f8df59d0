"""A journal that an earlier version of yarnhub wrote is taken over.

`recorded/` holds it, never changed: that version's lines of `_play`, in which every event and
request happens. `changes.jsonl` begins with a snapshot, each further line is a change;
`snapshots.jsonl` says what they make up while the application runs, and when it has ended.
"""

from __future__ import annotations

from json import dumps, loads
from pathlib import Path
from typing import Any

from appmaster.core.scenario import Scenario, application, container, ended, service
from yarnhub.appmaster.core.application import Application
from yarnhub.appmaster.core.budgets import Budgets
from yarnhub.appmaster.core.events import (
    Ended,
    Heartbeat,
    LaunchFailed,
    MasterScriptEnded,
    PortAnswered,
    Resynced,
    Withdrawn,
)
from yarnhub.appmaster.core.placement import Topology
from yarnhub.appmaster.core.records import Change
from yarnhub.control import json
from yarnhub.control.messages import (
    AddContainer,
    AddPage,
    Condition,
    DeleteKey,
    DeleteKeys,
    GetContainers,
    GetKey,
    GetKeys,
    GetPages,
    KeyField,
    KeyRange,
    KillContainer,
    ListKeys,
    Operator,
    Page,
    PutKey,
    RemovePage,
    Scale,
    SetProgress,
    Transaction,
    UpdateTokens,
    WaitKey,
    WatchKeys,
    WatchTokens,
)
from yarnhub.control.outcomes import Outcome
from yarnhub.control.words import describe
from yarnhub.hadoop.wire.tokens import Token, TokenStorage
from yarnhub.yarn.records.containers import NMToken
from yarnhub.yarn.records.ids import NodeId
from yarnhub.yarn.records.scheduler import AllocateResponse

RECORDED = Path(__file__).parent / "recorded"
BUDGETS = Budgets(ended=3)
WORDS = {"exit_message", "diagnostics"}
"""What this version records as an outcome."""
SPEC = application(
    "run",
    failing=service(max_restarts=-1, restart_delay=2, max_restart_delay=8),
    graceful=service(instances=3, grace_period=5, env={"A": "b"}),
    by_key=service(ready={"key": "{container_id}.ready"}),
    by_port=service(ready={"port": 8888}, allow_failures=True, max_restarts=1),
    dependent=service(depends={"by_key", "by_port"}),
    idle=service(instances=0),
)
OPEN, DONE = (RECORDED / "snapshots.jsonl").read_bytes().splitlines()
CHANGES = (RECORDED / "changes.jsonl").read_bytes().splitlines()


def _token(number: int) -> Token:
    return Token(
        identifier=b"identifier-%d" % number,
        password=b"password",
        kind="YARN_AM_RM_TOKEN",
        service="rm",
    )


def _node(number: int) -> NMToken:
    node = NodeId(host=f"node-{number}", port=8041)
    return NMToken(node_id=node, token=_token(number))


def _play() -> tuple[list[bytes], list[bytes]]:
    """Every event and request; the lines recorded, and snapshots before the end and behind it."""
    play = Scenario(SPEC, BUDGETS)
    play.start()
    for number in range(6):
        (given,) = play.allocate("failing")
        play.complete(given, 1, f"failure {number}")
        play.wait(10)
    play.allocate("failing")
    first, second, _ = play.allocate("graceful", 3)
    play.request(PutKey(key="owned", value=b"v", owner="graceful_0"))
    play.request(PutKey(key="kept", value=b"\x00\xff", owner="graceful_2"))
    play.request(PutKey(key="free", value=b"text"))
    play.request(PutKey(key="free", keep_owner=True))
    play.request(KillContainer(id="graceful_0"))
    play.request(KillContainer(id="graceful_1"))
    play.do(Ended(ended(first, 143)))
    play.wait(6)
    play.complete(second, 137)
    play.allocate("by_key")
    play.request(WaitKey(key="by_key_0.ready"))
    play.request(PutKey(key="by_key_0.ready", value=b"", owner="by_key_0"))
    (lost,) = play.allocate("by_port")
    play.do(LaunchFailed(lost.id, "node lost", counted=False))
    (again,) = play.allocate("by_port")
    play.do(LaunchFailed(again.id, "no such file"))
    (last,) = play.allocate("by_port")
    play.do(PortAnswered(last.id))
    (preempted,) = play.allocate("dependent")
    play.complete(preempted, -102, "preempted")
    play.request(AddContainer(service="idle", env={"C": "d"}))
    play.request(Scale(service="idle", count=4))
    play.allocate("idle")
    play.request(Scale(service="idle", delta=-2))
    play.request(SetProgress(progress=0.25))
    play.request(AddPage(page=Page(route="one", target="http://node-1:1/", link_name="One")))
    play.request(AddPage(page=Page(route="two", target="http://node-1:2/")))
    play.request(RemovePage(route="two"))
    play.request(WatchTokens())
    play.request(UpdateTokens(tokens=TokenStorage({"hdfs": _token(7)}).write()))
    watch = play.request(WatchKeys(ranges=(KeyRange(prefix="nothing"),), after=0))
    play.do(Withdrawn(watch))
    play.request(PutKey(key="x.1", value=b"1"))
    play.request(PutKey(key="x.2", value=b"2"))
    play.request(PutKey(key="y", value=b"3"))
    play.request(
        Transaction(
            conditions=(
                Condition(key="y", field=KeyField.VALUE, operator=Operator.EQUAL, value=b"3"),
            ),
            on_success=(
                DeleteKey(key="y"),
                PutKey(key="z", value=b"4", owner="idle_0"),
                GetKey(key="z"),
                GetKeys(),
                ListKeys(),
            ),
        )
    )
    play.request(DeleteKeys(range=KeyRange(start="x", end="y")))
    play.request(GetContainers())
    play.request(GetPages())
    play.do(Resynced((container(999, 1),), (_node(1), _node(2))))
    play.do(Heartbeat(AllocateResponse(am_rm_token=_token(8), nm_tokens=(_node(3),))))
    play.do(Resynced((), (_node(1),)))
    open_ = json.dump(play.application.snapshot())
    play.do(MasterScriptEnded(1))
    play.wait(60)
    return play.recorded, [open_, json.dump(play.application.snapshot())]


def _restored(changes: list[bytes]) -> Application:
    application = Application(SPEC, "the document", Topology(racks={}), BUDGETS)
    application.restore(json.load(Change, each) for each in changes)
    return application


def _holds(new: Any, old: Any) -> bool:
    """Whether all that was recorded is there; a later version may record more."""
    if isinstance(old, dict):
        return all(
            _reworded(_words(new)) == _reworded(each)
            if key in WORDS and isinstance(each, str)
            else key in new and _holds(new[key], each)
            for key, each in old.items()
        )
    if isinstance(old, list):
        return len(new) == len(old) and all(map(_holds, new, old))
    return bool(new == old)


def _reworded(sentence: str) -> str:
    """A recorded sentence as this version words it."""
    return sentence.replace(" YARN says: ", " YARN's diagnostics: ")


def _words(new: Any) -> str:
    outcome = new.get("outcome")
    return describe(json.load(Outcome, dumps(outcome).encode())) if outcome else ""


def _makes_up(changes: list[bytes], snapshot: bytes) -> bool:
    restored = json.dump(_restored(changes).snapshot())
    return _holds(loads(restored), loads(snapshot))


def test_what_was_recorded_is_taken_over() -> None:
    at = next(at for at, line in enumerate(CHANGES) if b'"final_status":"FAILED"' in line)
    assert _makes_up(CHANGES[:at], OPEN)
    assert _makes_up(CHANGES, DONE)
    assert _makes_up([OPEN, *CHANGES[at:]], DONE)
    assert not _makes_up([OPEN], DONE)


def test_what_was_taken_over_is_recorded_the_same_way() -> None:
    changes, snapshots = _play()
    assert len(changes) == len(CHANGES)
    assert sum(map(len, changes)) < sum(map(len, CHANGES)), "it takes no more room"
    assert all(_holds(loads(new), loads(old)) for new, old in zip(changes, CHANGES, strict=True))
    assert [_makes_up(changes, DONE), _makes_up(snapshots[:1], OPEN)] == [True, True]
