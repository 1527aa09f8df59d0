from __future__ import annotations

import asyncio

import pytest

from appmaster.clock import instant
from appmaster.core.scenario import application, service
from appmaster.fakes import FakeScheduler
from appmaster.shell.world import NEWER, World, running
from yarnhub.appmaster.shell.scheduler import RegisteredScheduler
from yarnhub.appmaster.shell.tokens import EarlyRequests
from yarnhub.control.messages import (
    GetContainers,
    Nothing,
    SetProgress,
    Shutdown,
    UpdateTokens,
    WatchTokens,
)
from yarnhub.hadoop.wire.tokens import Credentials
from yarnhub.yarn.records.applications import FinalApplicationStatus
from yarnhub.yarn.records.scheduler import RegisterApplicationMasterResponse

GIVEN = UpdateTokens(tokens=Credentials({NEWER.service: NEWER}).write())


@instant
async def test_tokens_are_taken_before_the_application_begins() -> None:
    early = EarlyRequests()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await early.tokens()
    assert await early.ask(GIVEN) == Nothing()
    assert await early.ask(UpdateTokens(tokens=b"later")) == Nothing()
    assert await early.tokens() == GIVEN


@instant
async def test_all_other_requests_wait_for_it() -> None:
    early = EarlyRequests()
    world = World(application("run", a=service()))
    async with running(world), asyncio.TaskGroup() as group:
        progress = group.create_task(early.ask(SetProgress(progress=0.5)))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await early.ask(GetContainers())
        assert not progress.done()
        early.pass_on(world.runner.ask)
        assert await progress == Nothing()
        assert world.application.progress == 0.5
        await early.ask(GIVEN)
        found = await early.ask(WatchTokens())
        assert Credentials.read(found.tokens).tokens == {NEWER.service: NEWER}
        await early.ask(Shutdown())


@instant
async def test_who_has_registered_does_not_do_it_again_until_it_must() -> None:
    scheduler = FakeScheduler()
    first = await scheduler.register("am", 1, "http://am")
    registered = RegisteredScheduler(scheduler, first)
    assert await registered.register("am", 1, "http://am") is first
    assert len(scheduler.registrations) == 1
    await registered.allocate((), (), 0.1)
    scheduler.restart()
    again = await registered.register("am", 1, "http://am")
    assert isinstance(again, RegisterApplicationMasterResponse)
    assert len(scheduler.registrations) == 2
    await registered.finish(FinalApplicationStatus.SUCCEEDED, "done")
    assert scheduler.over
