"""What kernels of users' servers ask for, and what they leave."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from kernels.companions_in_memory import Client, Yarn
from sessions.in_memory import SETTINGS, TAGS
from yarnhub.base.background import BackgroundTasks
from yarnhub.base.errors import YarnhubError
from yarnhub.kernels import companions, requests, server_applications
from yarnhub.kernels.protocol import Answer, Ask, Request, line
from yarnhub.kernels.server_applications import ServerApplications

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SERVER = TAGS.session("alice", "alice", "")
OTHER = TAGS.session("bob", "bob", "")
END = line(Request(ask=Ask.END_APPLICATIONS))


@pytest.fixture
def yarn(monkeypatch: pytest.MonkeyPatch) -> Yarn:
    yarn = Yarn()
    monkeypatch.setattr(companions, "Client", lambda settings: Client(yarn, settings))
    monkeypatch.setattr(requests, "_PAUSE", 0.0)
    monkeypatch.setattr(server_applications, "_RETRY", 0.0)
    return yarn


@pytest.fixture
async def applications(yarn: Yarn) -> AsyncIterator[ServerApplications]:
    assert yarn.killed == []
    async with BackgroundTasks() as tasks:
        yield ServerApplications(SETTINGS, TAGS, tasks)


async def test_applications_end_with_their_server(
    applications: ServerApplications, yarn: Yarn
) -> None:
    yarn.add("of the former server", "alice", *await tags(applications, yarn, SERVER, "alice"))
    yarn.add("of another server", "bob", *await tags(applications, yarn, OTHER, "bob"))
    await applications.begin(SERVER, "alice")
    assert yarn.killed == [("of the former server", "alice")]
    yarn.running.clear()
    yarn.add("session", "alice", *await tags(applications, yarn, SERVER, "alice"))
    yarn.add("with a copied tag", "bob", *await tags(applications, yarn, SERVER, "alice"))
    await applications.end(SERVER, "alice")
    assert yarn.killed[1:] == [("session", "alice")]


async def tags(
    applications: ServerApplications, yarn: Yarn, identity: str, user: str
) -> tuple[str, ...]:
    """The tags of a server's applications."""
    running, yarn.running = yarn.running, []
    found = (await applications.begin(identity, user))["YARNHUB_TAGS"].split(",")
    yarn.running = running
    return tuple(found)


async def test_a_kernel_ends_only_what_is_its_own(
    applications: ServerApplications, yarn: Yarn
) -> None:
    common, own = await tags(applications, yarn, SERVER, "alice")
    yarn.add("one", "alice", common, own, f"{own}.a1")
    yarn.add("two", "alice", common, own, f"{own}.b2")
    asked = line(Request(ask=Ask.END_APPLICATIONS, part="a1"))
    assert await applications.answer(SERVER, "alice", asked, ()) == line(Answer(ended=("one",)))
    answer = await applications.answer(
        SERVER, "alice", line(Request(ask=Ask.END_APPLICATIONS, part="b2,x")), ()
    )
    assert b"a part has up to 32" in answer
    assert await applications.answer(SERVER, "alice", END, ()) == line(Answer(ended=("one", "two")))


async def test_one_server_s_requests_are_bounded_and_hold_up_no_other(
    applications: ServerApplications, yarn: Yarn, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = asyncio.Event()

    async def end(self: object, identity: str, user: str) -> tuple[str, ...]:
        assert self
        assert user
        if identity == SERVER:
            await goes_on.wait()
        return ()

    monkeypatch.setattr(companions.Companions, "end", end)
    async with asyncio.TaskGroup() as group:
        waiting = [
            group.create_task(applications.answer(SERVER, "alice", END, ())) for _ in range(4)
        ]
        await asyncio.sleep(0)
        assert b"more than 4 requests" in await applications.answer(SERVER, "alice", END, ())
        tokens = line(Request(ask=Ask.TOKENS))
        assert await applications.answer(SERVER, "alice", tokens, ()) == line(Answer())
        assert await applications.answer(OTHER, "bob", END, ()) == line(Answer())
        goes_on.set()
    assert {each.result() for each in waiting} == {line(Answer())}
    assert await applications.answer(SERVER, "alice", END, ()) == line(Answer())


async def test_what_cannot_be_ended_now_is_ended_later(
    applications: ServerApplications, yarn: Yarn, caplog: pytest.LogCaptureFixture
) -> None:
    yarn.add("left", "alice", *await tags(applications, yarn, SERVER, "alice"))
    yarn.error = YarnhubError("YARN sleeps")
    task = applications.end(SERVER, "alice")
    assert applications.end(SERVER, "alice") is task
    while "may still run: YARN sleeps" not in caplog.text:
        await asyncio.sleep(0)
    yarn.error = None
    await task
    assert yarn.killed == [("left", "alice")]


async def test_what_is_still_to_be_ended_does_not_include_what_the_next_server_starts(
    applications: ServerApplications,
    yarn: Yarn,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(server_applications, "_RETRY", 3600.0)
    yarn.error = YarnhubError("YARN sleeps")
    task = applications.end(SERVER, "alice")
    while "may still run" not in caplog.text:
        await asyncio.sleep(0)
    with pytest.raises(YarnhubError, match="YARN sleeps"):
        await applications.begin(SERVER, "alice")
    assert task.cancelled()
