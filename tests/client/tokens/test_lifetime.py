"""When a token is renewed and fetched anew, for lifetimes of a week and of seconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnhub.client.tokens.lifetime import NextStep, TokenLife
from yarnhub.hadoop.wire.identifiers import YARNDelegationTokenIdentifier

DAY = 86400
SERVER = 1795575330908
"""The server's clock at issue, in ms: hours before or behind ours."""


def begin(lifetime: float, renewal: float, now: float = 1000.0) -> TokenLife:
    """A token that was fetched and renewed at once."""
    identifier = YARNDelegationTokenIdentifier(
        issue_date=SERVER, max_date=SERVER + int(lifetime * 1000)
    )
    life = TokenLife.begin(identifier, now)
    return life.renewal(SERVER + int(min(lifetime, renewal) * 1000), now)


def renewed(life: TokenLife, now: float, renewal: float) -> TokenLife:
    """The server's answer to a renewal: never beyond the maximum date."""
    expiry = min(life.ends - life.fetched, now - life.fetched + renewal)
    return life.renewal(SERVER + int(expiry * 1000), now)


@pytest.mark.parametrize(
    ("lifetime", "renewal", "chance", "expected"),
    [
        # Hadoop's defaults: renewed each day, replaced in the sixth.
        (7 * DAY, DAY, 0.0, (0.75 * DAY, NextStep.RENEW)),
        (7 * DAY, DAY, 1.0, (0.65 * DAY, NextStep.RENEW)),
        (60, 30, 0.0, (22.5, NextStep.RENEW)),
        (20, 10, 0.5, (7.0, NextStep.RENEW)),
        # Nothing is won by a renewal.
        (60, 60, 0.0, (45.0, NextStep.FETCH)),
        (60, 3600, 0.0, (45.0, NextStep.FETCH)),
        (60, 60, 1.0, (39.0, NextStep.FETCH)),
    ],
)
def test_the_first_step(
    lifetime: float, renewal: float, chance: float, expected: tuple[float, NextStep]
) -> None:
    at, step = begin(lifetime, renewal).next(chance)
    assert at - 1000.0 == pytest.approx(expected[0])
    assert step is expected[1]


def test_a_week_with_a_renewal_each_day() -> None:
    life = begin(7 * DAY, DAY)
    steps: list[tuple[float, NextStep]] = []
    while not steps or steps[-1][1] is not NextStep.FETCH:
        now, step = life.next(0.0)
        steps.append((now - 1000.0, step))
        assert now < life.expires
        life = renewed(life, now, DAY)
    assert [step for _, step in steps[:-1]] == [NextStep.RENEW] * (len(steps) - 1)
    assert steps[-1][0] == pytest.approx(5.25 * DAY)
    assert len(steps) == 7


def test_the_clocks_of_server_and_keeper_may_differ() -> None:
    assert begin(60, 30, now=0.0).next(0.0) == (22.5, NextStep.RENEW)
    assert begin(60, 30, now=1e9).next(0.0) == (1e9 + 22.5, NextStep.RENEW)


@given(
    lifetime=st.floats(10, 30 * DAY),
    part=st.floats(0.05, 2.0),
    chances=st.lists(st.floats(0, 1), min_size=200, max_size=200),
)
def test_a_token_is_always_replaced_well_before_it_ends(
    lifetime: float, part: float, chances: list[float]
) -> None:
    renewal = lifetime * part
    life = begin(lifetime, renewal)
    before = now = life.fetched
    step = NextStep.RENEW
    for chance in chances:
        now, step = life.next(chance)
        now = max(now, before)
        assert now - life.renewed <= 0.76 * (life.expires - life.renewed) + 0.002
        if step is NextStep.FETCH:
            break
        life, before = renewed(life, now, renewal), now
    assert step is NextStep.FETCH
    assert life.ends - now >= 0.24 * lifetime


@pytest.mark.parametrize(
    ("now", "seconds"),
    [(1000.0, 3.0), (1040.0, 1.0), (1059.0, 0.5), (1060.0, 0.5), (1200.0, 7.0), (9e9, 60.0)],
)
def test_what_failed_is_tried_again_many_times_before_the_end(now: float, seconds: float) -> None:
    assert begin(60, 60).pause(now) == pytest.approx(seconds)
