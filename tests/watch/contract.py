"""What a watch relies on of a ResourceManager: played on the fake and on a real one."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import ApplicationNotFoundError
from yarnhub.watch.application_watch import Source  # noqa: TC001  # the field of a class
from yarnhub.watch.listing import Listing
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.ids import ApplicationId
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from yarnhub.yarn.records.applications import ApplicationReport

OPEN = tuple(each for each in YarnApplicationState if not each.ended)


class World(ABC):
    """A ResourceManager with applications."""

    source: Source
    tag: str

    def __init__(self) -> None:
        self.tag = f"watch-{uuid.uuid4().hex[:8]}"

    @abstractmethod
    async def submit(self) -> ApplicationId:
        """Submit an application with the tag; returns when it is ACCEPTED."""

    @abstractmethod
    async def run(self, number: ApplicationId) -> None:
        """Let its ApplicationMaster register."""

    @abstractmethod
    async def kill(self, number: ApplicationId) -> None:
        """Kill it; returns when it has ended."""

    async def listed(self, **request: object) -> dict[ApplicationId, ApplicationReport]:
        wanted = replace(GetApplicationsRequest(application_tags=(self.tag,)), **request)  # type: ignore[arg-type]  # fields
        return {each.application_id: each for each in await self.source.get_applications(wanted)}


class Contract:
    async def test_what_has_not_ended_is_in_one_of_its_states(self, world: World) -> None:
        number = await world.submit()
        (report,) = (await world.listed(application_states=OPEN)).values()
        assert report.application_id == number
        assert (report.finish_time, report.yarn_application_state.ended) == (0, False)
        await world.run(number)
        (report,) = (await world.listed(application_states=OPEN)).values()
        assert report.yarn_application_state is YarnApplicationState.RUNNING
        await world.kill(number)
        assert await world.listed(application_states=OPEN) == {}
        (report,) = (await world.listed()).values()
        assert report.yarn_application_state is YarnApplicationState.KILLED

    async def test_the_end_is_within_a_range_that_begins_with_it(self, world: World) -> None:
        ended, running = await world.submit(), await world.submit()
        await world.kill(ended)
        at = (await world.listed())[ended].finish_time
        assert at > 0
        assert list(await world.listed(finish_begin=at)) == [ended]
        assert await world.listed(finish_begin=at + 1) == {}
        assert list(await world.listed(finish_begin=1)) == [ended]
        assert set(await world.listed(finish_begin=0)) == {ended, running}

    async def test_both_ends_of_a_range_of_starts_are_in_it(self, world: World) -> None:
        number = await world.submit()
        at = (await world.listed())[number].start_time
        assert list(await world.listed(start_begin=at, start_end=at)) == [number]
        assert list(await world.listed(start_begin=at)) == [number]
        assert list(await world.listed(start_end=at)) == [number]
        assert await world.listed(start_begin=at + 1) == {}
        assert await world.listed(start_end=at - 1) == {}

    async def test_a_start_never_changes(self, world: World) -> None:
        number = await world.submit()
        at = (await world.listed())[number].start_time
        await world.run(number)
        assert (await world.listed())[number].start_time == at
        await world.kill(number)
        assert (await world.listed())[number].start_time == at

    async def test_a_limit_counts_what_matches(self, world: World) -> None:
        numbers = {await world.submit() for _ in range(3)}
        assert set(await world.listed(limit=4)) == numbers
        assert set(await world.listed(limit=3)) == numbers
        some = set(await world.listed(limit=2))
        assert len(some) == 2
        assert some < numbers

    async def test_a_listing_in_small_parts_has_all(self, world: World) -> None:
        numbers = {await world.submit() for _ in range(5)}
        listing = Listing(GetApplicationsRequest(application_tags=(world.tag,)), limit=2)
        found = set()
        while listing.request is not None:
            reports = await world.source.get_applications(listing.request)
            listing.answered(reports)
            found |= {each.application_id for each in reports}
        assert found == numbers

    async def test_an_unknown_application_is_not_found(self, world: World) -> None:
        number = await world.submit()
        assert (await world.source.get_application_report(number)).application_id == number
        unknown = ApplicationId(id=1, cluster_timestamp=1)
        with pytest.raises(ApplicationNotFoundError):
            await world.source.get_application_report(unknown)
