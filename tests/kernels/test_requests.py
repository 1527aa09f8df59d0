"""The holder's answers to a kernel's process."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from sessions.in_memory import SETTINGS
from yarnhub.base.errors import DeadlineExceededError, YarnhubError
from yarnhub.kernels.companions import Companions
from yarnhub.kernels.protocol import Answer, Ask, ConnectReport, Request, Room, line
from yarnhub.kernels.requests import Requests
from yarnhub.kernels.why_waiting import WhyWaiting

KERNEL = "12345678-1234-1234-1234-123456789012"
END = line(Request(ask=Ask.END_APPLICATIONS))


def not_used() -> None:
    raise AssertionError


class EndsSome(Companions):
    def __init__(self, *outcomes: tuple[str, ...] | Exception) -> None:
        self.outcomes = list(outcomes)
        self.asked: list[tuple[str, str]] = []
        self.running = 0

    async def end(self, kernel_id: str, user: str) -> tuple[str, ...]:
        self.asked.append((kernel_id, user))
        self.running += 1
        await asyncio.sleep(0)
        assert self.running == 1
        self.running -= 1
        found = self.outcomes.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


class Full(WhyWaiting):
    """There is no room, as far as that is known."""

    def __init__(self, outcome: str | Exception) -> None:
        self.outcome = outcome
        self.asked: list[tuple[object, ...]] = []

    async def why_none(
        self, user: str, tag: str, application: str, *, memory: int, vcores: int
    ) -> str:
        self.asked.append((user, tag, application, memory, vcores))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def requests(companions: Companions, waiting: WhyWaiting | None = None, **more: Any) -> Requests:
    ticks = iter(range(0, 100_000, 4))
    return Requests(
        KERNEL,
        "alice",
        settings=SETTINGS,
        companions=companions,
        waiting=waiting or Full(""),
        clock=lambda: next(ticks),
        **more,
    )


async def test_the_kernels_applications_are_ended_as_its_user() -> None:
    companions = EndsSome(("application_1_0002",))
    answer = await requests(companions).answer(END, not_used)
    assert answer == line(Answer(ended=("application_1_0002",)))
    assert companions.asked == [(KERNEL, "alice")]


async def test_one_request_at_a_time() -> None:
    companions = EndsSome(("a",), ("b",), ("c",))
    asked = requests(companions)
    async with asyncio.TaskGroup() as group:
        answers = [group.create_task(asked.answer(END, not_used)) for _ in range(3)]
    assert [each.result() for each in answers] == [line(Answer(ended=(x,))) for x in "abc"]


async def test_applications_are_ended_while_something_else_is_requested(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = requests(EndsSome(("a",)))
    released, began = asyncio.Event(), asyncio.Event()

    async def slow() -> bytes:
        began.set()
        await released.wait()
        return b""

    monkeypatch.setattr(asked, "_new_tokens", slow)
    async with asyncio.TaskGroup() as group:
        tokens = group.create_task(asked.answer(line(Request(ask=Ask.TOKENS)), not_used))
        await began.wait()
        assert await asked.answer(END, not_used) == line(Answer(ended=("a",)))
        released.set()
    assert tokens.result() == line(Answer(size=0))


async def test_what_waits_too_long_for_its_turn_is_not_done_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("yarnhub.kernels.requests._TURN", 0.01)
    released, began = asyncio.Event(), asyncio.Event()

    class Slow(EndsSome):
        async def end(self, kernel_id: str, user: str) -> tuple[str, ...]:
            began.set()
            await released.wait()
            return await super().end(kernel_id, user)

    companions = Slow(("a",))
    asked = requests(companions)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(asked.answer(END, not_used))
        await began.wait()
        late = await asked.answer(END, not_used)
        released.set()
    assert b"earlier requests of this kernel have taken too long" in late
    assert first.result() == line(Answer(ended=("a",)))
    assert companions.asked == [(KERNEL, "alice")]
    assert caplog.text == "", "a kernel could fill the log"


async def test_a_kernel_is_told_what_its_application_waits_for() -> None:
    waiting = Full("The queue is full.")
    ask = Request(ask=Ask.WHY_WAITING, application="application_1_0002", memory=896, vcores=1)
    companions = EndsSome()
    companions.tags = lambda kernel_id: ("all", f"kernel-{kernel_id}")  # type: ignore[method-assign]  # of a stand-in
    asked = requests(companions, waiting)
    assert await asked.answer(line(ask), not_used) == line(Answer(reason="The queue is full."))
    assert waiting.asked == [("alice", f"kernel-{KERNEL}", "application_1_0002", 896, 1)]
    waiting.outcome = DeadlineExceededError("YARN sleeps")
    assert await asked.answer(line(ask), not_used) == line(Answer())


async def test_an_error_is_an_answer() -> None:
    companions = EndsSome(DeadlineExceededError("YARN sleeps"))
    assert await requests(companions).answer(END, not_used) == line(Answer(error="YARN sleeps"))


@pytest.mark.parametrize("received", [b"\n", b"{}\n", b'{"ask":"all"}\n', b"[]\n", b"\xff\n"])
async def test_what_is_no_request_is_refused_in_words(received: bytes) -> None:
    companions = EndsSome()
    answer: Any = await requests(companions).answer(received, not_used)
    assert answer.startswith(b'{"error":"')
    assert not companions.asked


async def test_without_security_there_are_no_tokens() -> None:
    answer = await requests(EndsSome()).answer(line(Request(ask=Ask.TOKENS)), not_used)
    assert answer == line(Answer(size=0))


async def test_with_tokens_comes_how_much_may_be_started() -> None:
    ask = line(Request(ask=Ask.TOKENS))
    found = Room(memory=2**30, vcores=2)

    async def room() -> Room:
        return found

    async def unknown() -> Room:
        raise YarnhubError("the hub sleeps")

    answer = await requests(EndsSome(), room=room).answer(ask, not_used)
    # What Hadoop rounds to by default, as this cluster has no configuration.
    assert answer == line(Answer(size=0, room=replace(found, step=2**30, viewer="hub")))
    # A session that runs gets its tokens nevertheless.
    answer = await requests(EndsSome(), room=unknown).answer(ask, not_used)
    assert answer == line(Answer(size=0, room=Room(error="the hub sleeps")))


async def test_a_kernel_says_that_it_is_in_use() -> None:
    used: list[bool] = []
    asked = line(Request(ask=Ask.BUSY))
    assert await requests(EndsSome()).answer(asked, lambda: used.append(True)) == line(Answer())
    assert used == [True]


async def test_where_a_spark_connect_server_listens_is_kept() -> None:
    report = ConnectReport(port=15002, token="t" * 43)
    asked = line(Request(ask=Ask.CONNECT, connect=report))
    kept: list[ConnectReport] = []

    async def keep(found: ConnectReport) -> bytes:
        kept.append(found)
        return b"PEM"

    assert await requests(EndsSome()).answer(asked, not_used, keep) == line(Answer(size=3)) + b"PEM"
    assert kept == [report]
    for refused in (asked, line(Request(ask=Ask.CONNECT))):
        answer = await requests(EndsSome()).answer(refused, not_used)
        assert answer == line(Answer(error="this kernel is not a Spark Connect server"))


async def test_tokens_are_not_issued_without_end() -> None:
    asked = requests(EndsSome())
    ask = line(Request(ask=Ask.TOKENS))
    for _ in range(200):
        assert await asked.answer(ask, not_used) == line(Answer(size=0))
    refused = await asked.answer(ask, not_used)
    assert b"200 times in an hour at most" in refused
