"""Listings in parts: whichever applications a response leaves out, none is missed."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.watch.listing import LIMIT, Listing, Starts
from yarnhub.yarn.records.applications import ApplicationReport
from yarnhub.yarn.records.ids import ApplicationId
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

ALL = GetApplicationsRequest()


def started(*times: int) -> list[ApplicationReport]:
    return [
        ApplicationReport(
            application_id=ApplicationId(id=number, cluster_timestamp=1), start_time=time
        )
        for number, time in enumerate(times, start=1)
    ]


def within(
    request: GetApplicationsRequest, reports: list[ApplicationReport]
) -> list[ApplicationReport]:
    begin, end = request.start_begin or 0, request.start_end
    return [
        each
        for each in reports
        if begin <= each.start_time and (end is None or each.start_time <= end)
    ][: request.limit]


def play(listing: Listing, reports: list[ApplicationReport]) -> tuple[set[int], list[int]]:
    """The ids that are found, and the sizes of the responses."""
    found, sizes = set(), []
    while listing.request is not None:
        response = within(listing.request, reports)
        listing.answered(response)
        found |= {each.application_id.id for each in response}
        sizes.append(len(response))
    return found, sizes


@given(
    times=st.lists(st.integers(0, 40) | st.integers(0, 1 << 41), max_size=60),
    limit=st.integers(2, 10),
    random=st.randoms(use_true_random=False),
)
def test_all_are_listed_in_responses_of_bounded_size(
    times: list[int], limit: int, random: Random
) -> None:
    reports = started(*times)
    random.shuffle(reports)
    listing = Listing(ALL, limit=limit)
    found, sizes = play(listing, reports)
    assert found == {each.application_id.id for each in reports}
    alone = max(map(times.count, times), default=0)
    assert max(sizes) <= max(limit, alone)
    assert len(sizes) <= 6 * len(set(times)) + 1

    again = Listing(ALL, listing.ranges, limit=limit)
    found, later = play(again, reports)
    assert found == {each.application_id.id for each in reports}
    assert len(later) <= len(sizes)


@given(times=st.lists(st.integers(0, 1 << 41), min_size=1, max_size=60))
def test_ranges_have_every_time_once(times: list[int]) -> None:
    listing = Listing(ALL, limit=4)
    play(listing, started(*times))
    begin, last = 0, Starts()
    for last in listing.ranges:
        assert last.begin == begin
        begin = last.end + 1
    assert last.end == Starts().end


def test_a_small_cluster_needs_one_request() -> None:
    assert play(Listing(ALL), started(5, 6, 7)) == ({1, 2, 3}, [3])
    request = Listing(ALL).request
    assert request is not None
    assert (request.start_begin, request.start_end) == (None, None)


@pytest.mark.parametrize(("shuffled", "most"), [(False, 1.3), (True, 1.8)])
def test_what_is_left_out_costs_little(shuffled: bool, most: float) -> None:
    # YARN's map of applications is nearly in the order of their ids: a response that is cut has
    # applications that started one after the other.
    reports = started(*range(10_000))
    order = reports[4000:] + reports[:4000]
    if shuffled:
        Random(1).shuffle(order)
    listing = Listing(ALL, limit=400)
    _, sizes = play(listing, order)
    assert sum(sizes) < most * len(reports)
    _, sizes = play(Listing(ALL, listing.ranges, limit=400), order)
    assert sum(sizes) == len(reports)


def test_sparse_ranges_are_joined() -> None:
    dense = Listing(ALL, limit=4)
    play(dense, started(*range(100)))
    assert len(dense.ranges) > 10
    sparse = Listing(ALL, dense.ranges, limit=4)
    play(sparse, started(3))
    assert sparse.ranges == (Starts(),)


@pytest.mark.parametrize(
    "reports",
    [
        [ApplicationReport(start_time=5)],
        [replace(each, start_time=-1) for each in started(1)],
    ],
    ids=["no id", "other start"],
)
def test_a_response_that_was_not_requested_is_refused(reports: list[ApplicationReport]) -> None:
    listing = Listing(ALL)
    with pytest.raises(RemoteProtocolError):
        listing.answered(reports)
    assert listing.request == replace(ALL, limit=LIMIT)
