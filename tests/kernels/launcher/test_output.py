"""What is kept of a kernel's messages, and what they say about it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from yarnhub.kernels.launcher.output import SMALL, Output
from yarnhub.kernels.protocol import Activity, unpack_messages


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Kept:
    """An output, and what is kept of it."""

    def __init__(self, limit: int = 10_000) -> None:
        self.clock = Clock()
        self.changes = 0
        self.gone = False
        self.output = Output(limit, self.clock, self._changed)

    def _changed(self) -> None:
        self.changes += 1

    def joined(self) -> None:
        self.gone = False
        self.output.joined(self.has_left)

    def left(self) -> None:
        self.output.left(self.has_left)

    def has_left(self) -> bool:
        return self.gone

    def publish(self, text: str) -> None:
        self.output.take([text.encode()])

    @property
    def texts(self) -> list[str]:
        messages = unpack_messages(b"".join(self.output.history()[2]))
        return [parts[-1].decode() for parts in messages]

    def receive(self) -> list[str]:
        texts = self.texts
        number, dropped, _ = self.output.history()
        self.output.received(number, dropped)
        return texts


def status(state: object, header: object = None, request: str = "") -> list[bytes]:
    document = {"msg_type": "status"} if header is None else header
    parent = {"msg_type": request} if request else {}
    content = {"execution_state": state}
    texts = (json.dumps(each).encode() for each in (document, parent, {}, content))
    return [b"kernel.status", b"<IDS|MSG>", b"signature", *texts]


@pytest.mark.parametrize("activity", [Activity.BUSY, Activity.IDLE, Activity.STARTING])
def test_a_status_is_the_activity(activity: Activity) -> None:
    kept = Kept()
    kept.output.take(status(activity.value))
    kept.output.take(status(activity.value))
    assert kept.output.activity is activity
    assert kept.output.active == 1000
    assert kept.changes == 1
    kept.output.reset()
    assert kept.output.activity is Activity.UNKNOWN


@pytest.mark.parametrize("state", ["busy", "idle"])
def test_a_busy_kernel_stays_busy_while_it_answers_on_its_control_channel(state: str) -> None:
    kept = Kept()
    kept.output.take(status(state, request="execute_request"))
    kept.output.take(status("busy", request="kernel_info_request"))
    kept.output.take(status("idle", request="kernel_info_request"))
    assert kept.output.activity is Activity(state)


def test_a_kernel_that_answers_is_idle() -> None:
    kept = Kept()
    kept.output.take(status("starting"))
    kept.output.take(status("busy", request="kernel_info_request"))
    kept.output.take(status("idle", request="kernel_info_request"))
    assert kept.output.activity is Activity.IDLE


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"<IDS|MSG>"],
        [b"<IDS|MSG>", b"", b'{"msg_type": "status"}'],
        status("unknown"),
        status("dancing"),
        status(["busy"]),
        status("busy", {"msg_type": "stream", "status": 1}),
        status("busy", ["status"]),
        status("busy", "status"),
        [*status("busy")[:3], b'{"status": ', b"{}", b"{}", b'{"execution_state": "busy"}'],
        [*status("busy")[:3], b"[" * 60_000 + b"status", b"{}", b"{}", b"{}"],
        [*status("busy")[:-1], b'{"execution_state": "busy", "a": "' + b"a" * SMALL + b'"}'],
        [*status("busy")[:-1], b"\xff"],
    ],
    ids=range(13),
)
def test_what_is_not_a_status_changes_nothing(parts: list[bytes]) -> None:
    kept = Kept(10**6)
    kept.output.take(parts)
    assert kept.output.activity is Activity.UNKNOWN
    assert kept.output.active == 1000


def test_the_oldest_are_dropped_and_counted() -> None:
    kept = Kept(500)
    for number in range(10):
        kept.publish(str(number))
    assert kept.output.dropped == 10 - len(kept.texts)
    assert kept.texts == ["6", "7", "8", "9"]
    kept.publish("x" * 500)
    kept.output.take(None)
    assert kept.output.dropped == 8
    assert kept.receive() == ["6", "7", "8", "9"]
    assert kept.output.dropped == 0


def test_what_comes_or_is_dropped_before_the_others_are_confirmed_counts_again() -> None:
    kept = Kept(500)
    for number in range(6):
        kept.publish(str(number))
    number, dropped, messages = kept.output.history()
    assert (number, dropped, len(messages)) == (6, 2, 4)
    for later in range(6, 8):
        kept.publish(str(later))
    kept.output.received(number, dropped)
    assert kept.texts == ["6", "7"]
    for later in range(8, 10):
        kept.publish(str(later))
    assert kept.texts == ["6", "7", "8", "9"]


def test_nothing_is_kept_without_room() -> None:
    kept = Kept(0)
    kept.publish("a")
    assert kept.texts == []
    assert kept.output.dropped == 1


def test_who_listens_gets_the_rest_itself() -> None:
    kept = Kept()
    kept.publish("before")
    kept.joined()
    kept.publish("perhaps heard")
    assert kept.receive() == ["before", "perhaps heard"]
    kept.publish("heard")
    assert kept.texts == []
    assert kept.output.limit == SMALL
    kept.left()
    kept.publish("after")
    assert kept.output.limit == max(SMALL, 10_000)
    assert kept.receive() == ["after"]


def test_who_listens_and_does_not_ask_has_heard_it() -> None:
    kept = Kept()
    kept.publish("before")
    kept.joined()
    kept.joined()
    kept.publish("perhaps heard")
    kept.clock.now += 11
    kept.publish("heard")
    assert kept.texts == ["before"]
    kept.left()
    kept.publish("heard, too")
    kept.left()
    kept.publish("after")
    assert kept.receive() == ["before", "after"]


def test_a_short_visit_loses_nothing() -> None:
    kept = Kept()
    kept.joined()
    kept.publish("perhaps heard")
    kept.left()
    kept.publish("after")
    assert kept.receive() == ["perhaps heard", "after"]


def test_who_has_left_does_not_hear_what_comes_before_that_is_noticed() -> None:
    kept = Kept()
    kept.joined()
    kept.receive()
    kept.publish("heard")
    kept.gone = True
    assert kept.output.limit == max(SMALL, 10_000)
    kept.publish("not heard")
    kept.left()
    assert kept.receive() == ["not heard"]


def test_a_welcome_is_not_for_others() -> None:
    kept = Kept()
    kept.output.take(status("", {"msg_type": "iopub_welcome"}))
    assert kept.texts == []
    assert kept.output.dropped == 0


def test_any_parts_can_be_kept() -> None:
    kept = Kept()
    message: list[Any] = [b"", b"\xff" * 300, b"<IDS|MSG>"]
    kept.output.take(message)
    assert unpack_messages(b"".join(kept.output.history()[2])) == [message]
