"""The retry policy."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from yarnhub.base.retry import RetryPolicy


def test_delays_double_up_to_a_limit() -> None:
    policy = RetryPolicy(first_delay=1, max_delay=5)
    assert [policy.delay(n, 1.0) for n in range(5)] == [1, 2, 4, 5, 5]
    assert policy.delay(3, 0.5) == 2.5


@given(st.integers(0, 10**9), st.floats(0, 1))
def test_a_delay_is_within_its_limits(repetition: int, chance: float) -> None:
    assert 0 <= RetryPolicy().delay(repetition, chance) <= RetryPolicy().max_delay
