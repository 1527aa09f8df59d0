"""The requests that list applications in responses of bounded size; no I/O.

The ResourceManager has no pages: a response with 10 000 applications takes a second to decode, in
which the event loop does nothing else. But it has ranges of start times, which never change, and a
limit of applications. Which ones it leaves out is arbitrary: often those that started after the
ones in the response. So if a response has that many, its range is divided where three quarters of
them have started. Parts of such a range are then cut by the density of the last complete response.

Source: ClientRMService.getApplications, GetApplicationsRequestPBImpl (Hadoop 3.4): both ends of a
range are inclusive, and the limit applies to the applications that match.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

LIMIT = 300
"""Applications of one response: about 25 ms to decode, see `benchmarks/applications.py`."""
_END = (1 << 63) - 1
"""Long.MAX_VALUE, which YARN takes for an end that is not set."""


class Starts(NamedTuple):
    """A range of start times, ms since 1970, both inclusive."""

    begin: int = 0
    end: int = _END


class Listing:
    """Lists the applications that match a filter; the caller sends its requests one by one.

    An application that matches all the time is in the response of the range of its start.

    Args:
        wanted: The filter, without start times and a limit.
        ranges: The ranges to begin with: those of an earlier listing with the same filter.
        limit: The number of applications in a response, at least 2. Only if more than that started
            within the same millisecond are there more in a response.
    """

    def __init__(
        self,
        wanted: GetApplicationsRequest,
        ranges: Iterable[Starts] = (Starts(),),
        *,
        limit: int = LIMIT,
    ) -> None:
        self._wanted = wanted
        self._limit = limit
        self._left = list(ranges)[::-1]
        self._parts: list[Starts] = []
        """Parts of the first range, which has too many for one response."""
        self._listed: list[tuple[Starts, int]] = []

    @property
    def request(self) -> GetApplicationsRequest | None:
        """The next request; None if all applications are listed."""
        if not (self._parts or self._left):
            return None
        begin, end = (self._parts or self._left)[-1]
        return replace(
            self._wanted,
            limit=None if begin == end else self._limit,
            start_begin=begin or None,
            start_end=None if end == _END else end,
        )

    @property
    def ranges(self) -> tuple[Starts, ...]:
        """The ranges of a listing that is complete, with sparse neighbors joined."""
        joined: list[tuple[Starts, int]] = []
        for starts, count in self._listed:
            if joined and joined[-1][1] + count <= self._limit // 2:
                (last, before) = joined.pop()
                joined.append((Starts(last.begin, starts.end), before + count))
            else:
                joined.append((starts, count))
        return tuple(starts for starts, _ in joined)

    def answered(self, reports: Sequence[ApplicationReport]) -> None:
        """Go on to the next request.

        Args:
            reports: The response to `request`, whether it is all of its range or not.

        Raises:
            RemoteProtocolError: It has applications that were not requested. The request remains.
        """
        ranges = self._parts or self._left
        asked = ranges[-1]
        _check(reports, asked)
        ranges.pop()
        starts = sorted(each.start_time for each in reports)
        if len(starts) >= self._limit and asked.begin < asked.end:
            self._parts.extend(reversed(_divided(asked, starts)))
            return
        self._listed.append((asked, len(starts)))
        if self._parts and len(starts) > self._limit // 4:
            self._parts.extend(reversed(self._cut(self._parts.pop(), starts)))

    def _cut(self, following: Starts, starts: Sequence[int]) -> tuple[Starts, ...]:
        """Cut off as much as has three quarters of the limit, if it continues like `starts`."""
        length = (starts[-1] - starts[0] + 1) * self._limit * 3 // (4 * len(starts))
        middle = following.begin + max(1, length)
        if middle > following.end:
            return (following,)
        return Starts(following.begin, middle - 1), Starts(middle, following.end)


def _check(reports: Sequence[ApplicationReport], asked: Starts) -> None:
    for each in reports:
        if each.application_id == ApplicationId():
            raise RemoteProtocolError("the ResourceManager listed an application without an id")
        if not asked.begin <= each.start_time <= asked.end:
            raise RemoteProtocolError(
                f"the ResourceManager listed {each.application_id}, which started at "
                f"{each.start_time}, among those from {asked.begin} to {asked.end}"
            )


def _divided(asked: Starts, starts: Sequence[int]) -> tuple[Starts, ...]:
    """Two or three parts of a range that is longer than a millisecond."""
    middle = starts[len(starts) * 3 // 4]
    if middle == starts[0]:  # many have the same start
        middle = next((each for each in starts if each > middle), middle)
    if asked.begin < middle:
        return Starts(asked.begin, middle - 1), Starts(middle, asked.end)
    return Starts(middle, middle), Starts(middle + 1, asked.end)
