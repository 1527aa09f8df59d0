from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from appmaster.bootstrap import CREDENTIALS
from appmaster.clock import instant
from appmaster.core.scenario import application, requested, service
from appmaster.fakes import FakeScheduler
from appmaster.shell.world import NEWER, World, running
from yarnhub.appmaster.core.actions import Finish
from yarnhub.appmaster.shell.scheduler import RegisteredScheduler
from yarnhub.appmaster.shell.tokens import EarlyRequests
from yarnhub.control.messages import (
    AddContainer,
    FinalStatus,
    GetContainers,
    Nothing,
    SetProgress,
    Shutdown,
    UpdateTokens,
    WatchTokens,
)
from yarnhub.hadoop.wire.tokens import TokenStorage
from yarnhub.yarn.records.applications import FinalApplicationStatus
from yarnhub.yarn.records.scheduler import RegisterApplicationMasterResponse

if TYPE_CHECKING:
    from pathlib import Path

GIVEN = UpdateTokens(tokens=TokenStorage({NEWER.service: NEWER}).write())


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
        assert TokenStorage.read(found.tokens).tokens == {NEWER.service: NEWER}
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


@instant
async def test_containers_started_later_get_the_newer_tokens() -> None:
    world = World(application(a=service()))
    async with running(world):
        await world.until_running(1)
        given = TokenStorage({NEWER.service: NEWER}).write()
        assert await world.runner.ask(UpdateTokens(tokens=given)) == Nothing()
        await world.runner.ask(AddContainer(service="a"))
        await world.until_running(2)
        first, second = (
            TokenStorage.read(context.tokens or b"") for context in world.nodes.running.values()
        )
        assert first.tokens[NEWER.service].identifier == b"hdfs"
        assert second.tokens[NEWER.service] == NEWER
        await world.runner.ask(Shutdown())


async def test_the_masters_script_finds_newer_tokens_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "container_tokens"
    path.write_bytes(CREDENTIALS.write())
    world = World(application("run", a=service()), path)
    async with running(world):
        await world.until_running(1)
        for _ in range(3):
            given = TokenStorage({NEWER.service: NEWER}).write()
            await world.runner.ask(UpdateTokens(tokens=given))
        while TokenStorage.read(path.read_bytes()).tokens[NEWER.service] != NEWER:
            await asyncio.sleep(0.01)
        await world.runner.ask(Shutdown())
    assert TokenStorage.read(path.read_bytes()).secrets == CREDENTIALS.secrets
    async with asyncio.timeout(20):  # a thread that was writing when all ended goes on
        while list(tmp_path.iterdir()) != [path]:
            await asyncio.sleep(0.01)


async def test_an_application_goes_on_without_its_token_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(application("run", a=service()), tmp_path / "none")
    async with running(world):
        await world.until_running(1)
        await world.runner.ask(UpdateTokens(tokens=TokenStorage().write()))
        while "the master's script does not get new tokens" not in caplog.text:
            await asyncio.sleep(0.01)
        assert await world.states() == ["RUNNING"]
        await world.runner.ask(Shutdown(diagnostics="enough"))
    assert world.result == Finish(FinalStatus.SUCCEEDED, requested("enough"))
