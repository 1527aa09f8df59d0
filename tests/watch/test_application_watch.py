"""The watch on the fake ResourceManager, whose contract is played on a real one, and no time."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from appmaster.clock import instant
from hadoop.server import Call, answer, serving
from watch.fake_resource_manager import FakeResourceManager
from watch.world import DOWN, World, ids, row
from yarnhub.base.errors import RemoteProtocolError
from yarnhub.hadoop.codec import decode, encode
from yarnhub.hadoop.security.users import SimpleUser
from yarnhub.watch.application_watch import ApplicationWatch, WatchOptions
from yarnhub.yarn.records import resource_manager as rm
from yarnhub.yarn.records.applications import ApplicationReport, YarnApplicationState
from yarnhub.yarn.records.ids import ApplicationId
from yarnhub.yarn.resource_manager import Endpoint, ResourceManager

if TYPE_CHECKING:
    from yarnhub.yarn.records.resource_manager import GetApplicationsRequest


@instant
async def test_an_application_from_its_submission_to_its_end() -> None:
    world = World()
    async with world.running():
        number = world.manager.submit()
        await world.look()
        assert world.state(number) == "ACCEPTED"
        world.manager.run(number)
        await world.look()
        assert world.state(number) == "RUNNING"
        world.manager.now += 10
        world.manager.end(number)
        await world.look()
        world.check()
        assert world.requested(ApplicationId) == []


@instant
async def test_what_had_ended_before_is_listed_at_the_start() -> None:
    world = World()
    for _ in range(5):
        world.manager.end(world.manager.submit())
    async with world.running():
        world.check()


@instant
async def test_an_idle_watch_requests_little() -> None:
    world = World()
    for _ in range(5):
        world.manager.now += 1
        world.manager.end(world.manager.submit())
    async with world.running():
        await world.look(3)
        del world.manager.calls[:]
        await world.look()
        opened, ended = world.manager.calls
        assert isinstance(opened, rm.GetApplicationsRequest)
        assert isinstance(ended, rm.GetApplicationsRequest)
        assert ended.finish_begin == world.manager.now


@instant
async def test_an_end_that_is_reported_after_a_later_one() -> None:
    world = World()
    async with world.running():
        slow, fast = world.manager.submit(), world.manager.submit()
        await world.look()
        world.manager.stamp(slow)  # and YARN's store takes long
        world.manager.now += 100
        world.manager.end(fast)
        await world.look(4)
        assert (world.state(slow), world.state(fast)) == ("ACCEPTED", "KILLED")
        world.manager.end(slow)
        await world.look()
        world.check()
        assert world.requested(ApplicationId) == [slow]


@instant
async def test_an_application_of_another_state_is_requested_by_its_id() -> None:
    # A newer Hadoop has added a state, which reads as NEW.
    world = World()
    number = world.manager.submit()
    async with world.running():
        world.manager.change(number, yarn_application_state=YarnApplicationState.FINISHED)
        await world.look()
        assert world.requested(ApplicationId) == [number]
        assert world.state(number) == "FINISHED"


@instant
async def test_an_application_without_record_is_removed() -> None:
    world = World()
    number = world.manager.submit()
    async with world.running():
        version = world.table.version
        world.manager.forget(number)
        await world.look()
        assert world.table.changes(version).removed == (number,)


@instant
async def test_an_ended_application_is_kept_when_yarn_forgets_it() -> None:
    world = World()
    number = world.manager.submit()
    world.manager.end(number)
    async with world.running():
        world.manager.forget(number)
        await world.look(3)
        assert world.state(number) == "KILLED"


@instant
async def test_a_silent_resource_manager() -> None:
    world = World()
    number = world.manager.submit()
    async with world.running():
        looked = world.watch.freshness.looked
        assert (looked, world.watch.freshness.failure) == (world.manager.now, None)
        world.manager.errors = [DOWN] * 3
        world.manager.now += 5
        await world.look(3)
        assert (world.watch.freshness.looked, world.watch.freshness.failure) == (looked, DOWN)
        assert world.state(number) == "ACCEPTED"
        world.manager.end(number)
        await world.look()
        assert world.watch.freshness.looked == world.manager.now
        assert world.watch.freshness.failure is None
        world.check()


@instant
async def test_a_failure_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    with caplog.at_level(logging.INFO, "yarnhub.watch"):
        async with world.running():
            world.manager.errors = [DOWN] * 3
            await world.look(5)
    assert [each.levelname for each in caplog.records] == ["WARNING", "INFO"]
    assert "no ResourceManager" in caplog.text


@instant
async def test_a_resource_manager_that_is_silent_at_the_start() -> None:
    world = World()
    world.manager.submit()
    world.manager.errors = [DOWN] * 2
    async with world.running():
        assert world.watch.freshness.looked is None
        await world.look(3)
        world.check()


@instant
async def test_a_response_that_was_not_requested_changes_nothing() -> None:
    world = World()
    number = world.manager.submit()
    async with world.running():
        version, forged = world.table.version, world.manager.submit()
        world.manager.change(forged, application_id=ApplicationId())
        await world.look()
        assert isinstance(world.watch.freshness.failure, RemoteProtocolError)
        assert world.table.version == version
        world.manager.forget(forged)
        await world.look()
        assert world.watch.freshness.failure is None
        assert world.state(number) == "ACCEPTED"


class Forging(FakeResourceManager):
    """It reports another application than the one that is requested."""

    async def get_application_report(self, application_id: ApplicationId) -> ApplicationReport:
        self._call(application_id)
        return ApplicationReport(application_id=ApplicationId(id=99, cluster_timestamp=1))


@instant
async def test_a_report_of_another_application_is_refused() -> None:
    world = World(Forging())
    number = world.manager.submit()
    async with world.running():
        world.manager.forget(number)
        await world.look()
        assert isinstance(world.watch.freshness.failure, RemoteProtocolError)
        assert [each.report.application_id for each in world.table] == [number]


@instant
async def test_a_restarted_resource_manager_with_recovery() -> None:
    world = World()
    ended, number = world.manager.submit(), world.manager.submit()
    world.manager.end(ended)
    async with world.running():
        world.manager.errors = [DOWN]
        await world.look()
        world.manager.restart()
        later = world.manager.submit()
        await world.look()
        world.check()
        assert world.state(later) == world.state(number) == "ACCEPTED"


@instant
async def test_a_restarted_resource_manager_without_recovery() -> None:
    world = World()
    ended, number = world.manager.submit(), world.manager.submit()
    world.manager.end(ended)
    async with world.running():
        world.manager.restart(recovery=False)
        await world.look()
        assert world.table.get(number) is None
        assert world.state(ended) == "KILLED", "it is a part of the history"
        world.check()


@instant
async def test_all_are_listed_again_for_another_resource_manager() -> None:
    world = World()
    async with world.running():
        # The clock of the one that takes over is behind, and two have ended before the first look.
        first = world.manager.submit()
        world.manager.now += 1000
        world.manager.end(first)
        await world.look(3)
        world.manager.now -= 900
        world.manager.restart()
        missed = world.manager.submit()
        world.manager.end(missed)
        await world.look()
        assert world.table.get(missed) is None
        world.manager.submit()
        await world.look(2)
        world.check()


@instant
async def test_all_are_listed_again_from_time_to_time() -> None:
    world = World(relist_interval=60)
    number = world.manager.submit()
    world.manager.end(number)
    async with world.running():
        world.manager.now += 5
        world.manager.end(world.manager.submit())
        await world.look(3)
        world.manager.change(number, diagnostics="logs were aggregated")
        await world.look(3)
        assert row(world.table, number) != world.manager.applications[number]
        await world.look(60)
        world.check()


@pytest.mark.parametrize("call", range(6))
def test_cancelling_leaves_a_table_that_a_later_watch_continues(call: int) -> None:
    @instant
    async def play() -> None:
        world = World()
        open_one, ended = world.manager.submit(), world.manager.submit()
        world.manager.end(ended)
        hanging = Hanging(world.manager, open_one, call)
        watch = ApplicationWatch(hanging, lambda: 0.0, world.table)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(watch.run())
            await hanging.hangs.wait()
            task.cancel()
        assert task.cancelled()
        async with world.running():
            world.check()

    play()


@dataclass
class Hanging:
    """A ResourceManager that does not respond to one of the calls.

    Before the second look it forgets an application, which is therefore the last call's.
    """

    manager: FakeResourceManager
    number: ApplicationId
    call: int

    def __post_init__(self) -> None:
        self.hangs = asyncio.Event()

    async def get_applications(
        self, request: GetApplicationsRequest
    ) -> tuple[ApplicationReport, ...]:
        await self._hang()
        return await self.manager.get_applications(request)

    async def get_application_report(self, application_id: ApplicationId) -> ApplicationReport:
        await self._hang()
        return await self.manager.get_application_report(application_id)

    async def _hang(self) -> None:
        if len(self.manager.calls) == 3:
            self.manager.forget(self.number)
        if len(self.manager.calls) == self.call:
            self.hangs.set()
            await asyncio.Event().wait()


async def test_a_real_client() -> None:
    manager = FakeResourceManager()
    number = manager.submit(name="analysis")
    ended = manager.submit()
    manager.end(ended)

    def respond(call: Call) -> bytes:
        assert call.method == "getApplications"
        found = manager.listed(decode(rm.GetApplicationsRequest, call.body))
        return answer(call.call_id, encode(rm.GetApplicationsResponse(applications=found)))

    async with asyncio.timeout(30), serving(respond) as server:
        endpoint = Endpoint((server.address,), None)
        async with ResourceManager(endpoint, SimpleUser("root")) as client:
            watch = ApplicationWatch(client, lambda: 5.0, options=WatchOptions(interval=0.001))
            async with asyncio.TaskGroup() as group:
                task = group.create_task(watch.run())
                changes = watch.changes(since=0)
                assert ids(await anext(changes)) == {number, ended}
                manager.end(number)
                (report,) = (await anext(changes)).reports
                task.cancel()
    assert (report.application_id, report.name) == (number, "analysis")
    assert report.yarn_application_state is YarnApplicationState.KILLED
