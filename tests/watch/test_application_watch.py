"""The watch on the fake ResourceManager, whose contract is played on a real one, and no time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appmaster.clock import instant
from hadoop.server import Call, answer, serving
from watch.fake_resource_manager import FakeResourceManager
from yarnhub.base.errors import (
    ConnectError,
    RemoteProtocolError,
    YarnhubError,
)
from yarnhub.hadoop.codec import decode, encode
from yarnhub.hadoop.security.users import SimpleUser
from yarnhub.watch.application_watch import ApplicationWatch, WatchOptions
from yarnhub.watch.listing import LIMIT
from yarnhub.watch.table import ApplicationTable, Changes
from yarnhub.yarn.records import resource_manager as rm
from yarnhub.yarn.records.applications import ApplicationReport, YarnApplicationState
from yarnhub.yarn.records.ids import ApplicationId
from yarnhub.yarn.resource_manager import Endpoint, ResourceManager

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

DOWN = ConnectError("no ResourceManager")


@dataclass
class World:
    """A ResourceManager, and a watch of it that looks each second."""

    manager: FakeResourceManager = field(default_factory=FakeResourceManager)
    relist_interval: float = 1e9
    table: ApplicationTable = field(default_factory=ApplicationTable)
    limit: int = LIMIT

    def __post_init__(self) -> None:
        options = WatchOptions(interval=1, relist_interval=self.relist_interval, limit=self.limit)
        self.watch = ApplicationWatch(
            self.manager, lambda: self.manager.now / 1000, self.table, options
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Within the block it runs, and has looked once."""
        async with asyncio.timeout(1e8), asyncio.TaskGroup() as group:
            task = group.create_task(self.watch.run())
            await asyncio.sleep(0.5)
            try:
                yield
            finally:
                task.cancel()

    async def look(self, times: int = 1) -> None:
        await asyncio.sleep(times)

    def state(self, number: ApplicationId) -> str:
        row = self.table.get(number)
        assert row is not None
        return row.report.yarn_application_state.name

    def check(self) -> None:
        """What the ResourceManager has is in the table, and nothing else is open there."""
        known = self.manager.applications
        assert {each: row(self.table, each) for each in known} == known
        assert set(self.table.open) == {
            each for each, report in known.items() if not report.yarn_application_state.ended
        }

    def requested(self, kind: type) -> list[Any]:
        return [each for each in self.manager.calls if isinstance(each, kind)]


def row(table: ApplicationTable, number: ApplicationId) -> ApplicationReport | None:
    found = table.get(number)
    return None if found is None else found.report


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


@instant
async def test_changes_are_those_since_the_last_ones() -> None:
    world = World()
    async with world.running():
        first = world.manager.submit()
        changes = world.watch.changes()
        assert ids(await anext(changes)) == {first}
        # A slow subscriber: two looks are one change.
        second = world.manager.submit()
        await world.look(2)
        world.manager.run(second)
        third = world.manager.submit()
        await world.look(2)
        later = await anext(changes)
        assert ids(later) == {second, third}
        assert later.reports[0].yarn_application_state is YarnApplicationState.RUNNING
        await changes.aclose()


@instant
async def test_a_subscriber_that_is_too_slow_starts_over() -> None:
    world = World(table=ApplicationTable(max_changes=3))
    async with world.running():
        changes = world.watch.changes()
        for _ in range(4):
            world.manager.submit()
        found = await anext(changes)
        assert (found.start_over, found.reports) == (True, ())
        number = world.manager.submit()
        assert ids(await anext(changes)) == {number}
        await changes.aclose()


@instant
async def test_subscribers_are_notified_of_a_failure_and_its_end() -> None:
    world = World()
    async with world.running():
        changes = world.watch.changes()
        world.manager.errors = [DOWN] * 3
        assert await anext(changes) == Changes(0)
        assert world.watch.freshness.failure is DOWN
        assert await anext(changes) == Changes(0)
        assert world.watch.freshness.failure is None
        await changes.aclose()


@instant
async def test_changes_end_with_the_watch() -> None:
    world = World()
    seen: list[Changes] = []

    async def subscribe() -> None:
        seen.extend([each async for each in world.watch.changes()])

    async with asyncio.timeout(100), asyncio.TaskGroup() as group:
        subscriber = group.create_task(subscribe())
        async with world.running():
            world.manager.submit()
            await world.look()
    assert subscriber.done()
    assert [len(each.reports) for each in seen] == [0, 1], "the first look, and the application"


@instant
async def test_a_subscriber_is_cancelled() -> None:
    world = World()

    async def subscribe() -> None:
        async for _ in world.watch.changes():
            raise AssertionError("nothing has changed")

    async with world.running(), asyncio.TaskGroup() as group:
        task = group.create_task(subscribe())
        await world.look()
        task.cancel()
    assert task.cancelled()


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


# --- any history of the cluster

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["submit", "brief", "run", "use", "stamp", "end", "end", "forget", "tick", "restart"]
        ),
        st.integers(0, 30),
    ),
    max_size=4,
)


@dataclass
class Living(FakeResourceManager):
    """Applications go on between any two calls."""

    history: list[list[tuple[str, int]]] = field(default_factory=list)

    def _call(self, request: object) -> None:
        for event in self.history.pop(0) if self.history else ():
            self.play(*event)
        super()._call(request)

    def play(self, event: str, choice: int) -> None:
        reports = self.applications
        open_ones = [each for each in reports if not reports[each].yarn_application_state.ended]
        ended = [each for each in reports if reports[each].yarn_application_state.ended]
        match event:
            case "submit":
                self.submit()
            case "brief":
                self.stamp(self.submit())
            case "tick":
                self.now += choice % 3
            case "restart" if choice < 5:
                self.restart()
            case "forget" if ended:
                self.forget(ended[0])
            case "run" | "use" | "stamp" | "end" if open_ones:
                number = open_ones[choice % len(open_ones)]
                match event:
                    case "run":
                        self.run(number)
                    case "use":
                        self.use(number, choice)
                    case "stamp":
                        self.stamp(number)
                    case _:
                        self.end(number)
            case _:
                pass


@instant
async def test_an_end_after_a_later_one_of_an_application_that_was_never_seen_open() -> None:
    # Both are submitted after the open applications were listed, and end before the next look.
    brief = [("brief", 0), ("tick", 2), ("submit", 0), ("end", 1)]
    manager = Living(history=[[], [], brief, [("end", 0)]])
    manager.end(manager.submit())
    world = World(manager)
    async with world.running():
        assert len(world.table) == 2
        await world.look(2)
        world.check()


@given(
    before=EVENTS,
    history=st.lists(EVENTS, max_size=25),
    errors=st.lists(st.sampled_from([None, None, None, DOWN]), max_size=25),
    limit=st.integers(2, 6),
)
def test_any_history_ends_in_the_same_table_as_a_full_listing(
    before: list[tuple[str, int]],
    history: list[list[tuple[str, int]]],
    errors: list[YarnhubError | None],
    limit: int,
) -> None:
    @instant
    async def play() -> None:
        manager = Living(history=history, errors=errors)
        manager.submit()
        for event in before:
            manager.play(*event)
        world = World(manager, limit=limit)
        async with world.running():
            while manager.history or manager.errors:
                await world.look()
            # Nothing happens now, and one look may have been too early for the last event.
            await world.look(2)
            world.check()

    play()


# --- over Hadoop RPC


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


def ids(changes: Changes) -> set[ApplicationId]:
    return {each.application_id for each in changes.reports}
