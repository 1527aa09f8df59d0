"""One watch of the ResourceManager's applications for all users of a service."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from yarnhub.base.errors import ApplicationNotFoundError, RemoteProtocolError, YarnhubError
from yarnhub.base.tasks import task_group
from yarnhub.watch.listing import LIMIT, Listing, Starts
from yarnhub.watch.table import ApplicationTable
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from typing import NoReturn

    from yarnhub.watch.table import Changes
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId

_log = logging.getLogger(__name__)

_ALL = GetApplicationsRequest()
_OPEN = GetApplicationsRequest(
    application_states=tuple(each for each in YarnApplicationState if not each.ended)
)
_CONCURRENT_REPORTS = 64
"""Single reports that are requested at once."""


class Source(Protocol):
    """The calls of `yarnhub.yarn.resource_manager.ResourceManager` that a watch makes.

    Each has a deadline of its own (`RpcOptions.call_timeout`).
    """

    async def get_applications(
        self, request: GetApplicationsRequest
    ) -> tuple[ApplicationReport, ...]:
        """The applications that match a filter."""

    async def get_application_report(self, application_id: ApplicationId) -> ApplicationReport:
        """One application.

        Raises:
            ApplicationNotFoundError: There is no application with this id.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """How often the ResourceManager is queried. Times are in seconds."""

    interval: float = 1.5
    """From the end of a look to the next one."""
    relist_interval: float = 600.0
    """Between two listings of all applications. They find what looks cannot: an application that
    ran only between two looks, with an end that seems to be before the last known one, because the
    clocks of a pair of ResourceManagers differ."""
    limit: int = LIMIT
    """Applications of one response: it blocks the event loop while it is decoded."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old a table is.

    Attributes:
        looked: When the last successful look began, ms since 1970; None before the first one. What
            had happened by then is in the table.
        failure: The error of the latest look; None if it was successful.
    """

    looked: int | None = None
    failure: YarnhubError | None = None


class ApplicationWatch:
    """Keeps a table of all applications of the cluster, of all users and types.

    A look requests the applications that have not ended, then those that have ended lately, and
    then, one by one, those that have not ended in the table and are in neither response. All
    applications are listed in the first look. Later, they are listed again, one response per look:
    every 10 minutes, and when an application has the cluster timestamp of another ResourceManager.

    If the ResourceManager does not respond, or with something that was not requested, the table
    remains as it is, `freshness` has the error, and the watch continues.

    Args:
        source: The ResourceManager, as a user who may view all applications. To other users, YARN
            does not show what `visibility.hidden` hides.
        clock: Seconds since 1970.
        table: The table to keep; None for an empty one.
        options: How often the ResourceManager is queried.
    """

    def __init__(
        self,
        source: Source,
        clock: Callable[[], float],
        table: ApplicationTable | None = None,
        options: WatchOptions | None = None,
    ) -> None:
        self.table = ApplicationTable() if table is None else table
        self.freshness = Freshness()
        self._source = source
        self._clock = clock
        self._options = options or WatchOptions()
        self._ranges: tuple[Starts, ...] = (Starts(),)
        self._open_ranges: tuple[Starts, ...] = (Starts(),)
        self._listing: Listing | None = self._listing_of(_ALL, self._ranges)
        self._listed = False
        self._relist_at = 0.0
        self._cluster_timestamp = 0
        self._last_ends = _LastEnds()
        self._stopped = False
        self._news = asyncio.Event()

    @property
    def is_stopped(self) -> bool:
        """Whether `run` has ended."""
        return self._stopped

    async def run(self) -> NoReturn:
        """Watch until cancelled, which leaves the table as it is and ends all `changes`."""
        try:
            while True:
                await self._look()
                await asyncio.sleep(self._options.interval)
        finally:
            self._stopped = True
            self._notify()

    async def changes(self, since: int | None = None) -> AsyncGenerator[Changes, None]:
        """The changes of the table, until the watch is stopped.

        A subscriber that is slow gets fewer and larger changes, with the latest report of each
        application, or has to start over. There is also a change, maybe without applications, when
        looks begin to fail, when one succeeds again, and when the first one succeeds. Close the
        generator (`contextlib.aclosing`) if you leave it early; cancelling leaves nothing behind.

        Args:
            since: The version that the subscriber has; None for the current one.
        """
        version = self.table.version if since is None else since
        last = self._state
        while not self._stopped:
            news, state = self._news, self._state
            found = self.table.changes(version)
            if found.version == version and state == last:
                await news.wait()
                continue
            version, last = found.version, state
            yield found

    @property
    def _state(self) -> tuple[bool, bool]:
        """Whether the latest look failed, and whether one has succeeded."""
        return self.freshness.failure is not None, self.freshness.looked is not None

    async def _look(self) -> None:
        began = self._now()
        version, last = self.table.version, self.freshness
        try:
            await self._continue_listing()
            await self._update()
        except YarnhubError as error:
            self.freshness = Freshness(last.looked, error)
            if last.failure is None:
                _log.warning("the applications cannot be listed: %s", error)
        else:
            self.freshness = Freshness(began)
            if last.failure is not None:
                _log.info("the applications can be listed again")
        is_first = last.looked is None and self.freshness.looked is not None
        if self.table.version != version or self.freshness.failure is not last.failure or is_first:
            self._notify()

    async def _continue_listing(self) -> None:
        """Continue a listing of all applications; the first one at once to its end."""
        now = asyncio.get_running_loop().time()
        if self._listing is None and now >= self._relist_at:
            self._listing = self._listing_of(_ALL, self._ranges)
        if self._listing is None:
            return
        found = await self._list_one(self._listing)
        while not self._listed and self._listing.request is not None:
            found |= await self._list_one(self._listing)
        if not self._listed:
            self._last_ends.start(found)
            self._listed = True
        if self._listing.request is None:
            self._ranges, self._listing = self._listing.ranges, None
            self._relist_at = now + self._options.relist_interval

    async def _update(self) -> None:
        missing = set(self.table.open)
        listing = self._listing_of(_OPEN, self._open_ranges)
        missing -= (await self._list(listing)).ids
        self._open_ranges = listing.ranges
        ended = await self._list(self._listing_of(self._last_ends.request))
        self._last_ends.add(ended)
        await self._request_reports(tuple(missing - ended.ids))

    def _listing_of(
        self, wanted: GetApplicationsRequest, ranges: Sequence[Starts] = (Starts(),)
    ) -> Listing:
        return Listing(wanted, ranges, limit=self._options.limit)

    async def _list(self, listing: Listing) -> _Found:
        found = _Found()
        while listing.request is not None:
            found |= await self._list_one(listing)
        return found

    async def _list_one(self, listing: Listing) -> _Found:
        """Get one response of a listing, and put it into the table."""
        request = listing.request
        assert request is not None
        reports = await self._source.get_applications(request)
        listing.answered(reports)
        self.table.put(reports, self._now())
        newest = max((each.application_id.cluster_timestamp for each in reports), default=0)
        if newest > self._cluster_timestamp and self._listed:
            self._listing = self._listing_of(_ALL, self._ranges)
        self._cluster_timestamp = max(self._cluster_timestamp, newest)
        return _Found(
            frozenset(each.application_id for each in reports),
            max((each.finish_time for each in reports), default=0),
        )

    async def _request_reports(self, missing: Sequence[ApplicationId]) -> None:
        for first in range(0, len(missing), _CONCURRENT_REPORTS):
            async with task_group() as group:
                for each in missing[first : first + _CONCURRENT_REPORTS]:
                    group.create_task(self._request_report(each))

    async def _request_report(self, application_id: ApplicationId) -> None:
        try:
            report = await self._source.get_application_report(application_id)
        except ApplicationNotFoundError:
            self.table.remove([application_id])
            return
        if report.application_id != application_id:
            raise RemoteProtocolError(
                f"the ResourceManager reported {report.application_id} instead of {application_id}"
            )
        self.table.put([report], self._now())

    def _notify(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _now(self) -> int:
        return int(self._clock() * 1000)


@dataclass(frozen=True, slots=True)
class _Found:
    """The applications of a listing, and the latest end of one, ms since 1970."""

    ids: frozenset[ApplicationId] = frozenset()
    last_end: int = 0

    def __or__(self, other: _Found) -> _Found:
        return _Found(self.ids | other.ids, max(self.last_end, other.last_end))


class _LastEnds:
    """From when on ended applications are requested, by the ResourceManager's clock.

    YARN sets an application's end, then stores it, and only then reports the application as ended.
    So an end may be reported after a later one. Until then, the application is reported as open, so
    it is in the table if it was submitted before the latest look. Otherwise, its end is after the
    last one that the look before that has found. This is where the next request begins: each end is
    requested twice, but how many applications have ended at the same time does not matter.
    """

    def __init__(self) -> None:
        self._before = self._last = 0

    def start(self, found: _Found) -> None:
        """Note a listing of all applications: all others were submitted after it."""
        self.add(found)
        self._before = self._last

    @property
    def request(self) -> GetApplicationsRequest:
        """A filter of applications that have ended lately."""
        # The end of open applications is 0.
        return GetApplicationsRequest(finish_begin=max(1, self._before))

    def add(self, found: _Found) -> None:
        """Note the response to `request`."""
        self._before, self._last = self._last, max(self._last, found.last_end)
