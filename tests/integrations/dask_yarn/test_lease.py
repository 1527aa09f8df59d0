"""The time limit that a client extends: YARN's clock counts, not ours."""

from __future__ import annotations

import pytest

from yarnhub.integrations.dask_yarn.lease import expiry, stored_lease
from yarnhub.yarn.records.applications import (
    ApplicationReport,
    ApplicationTimeout,
    ApplicationTimeoutType,
)

LIFETIME = ApplicationTimeoutType.LIFETIME
START = 1_000_000_000_000  # 2001-09-09T01:46:40 UTC


def report(**limit: object) -> ApplicationReport:
    timeouts = {LIFETIME: ApplicationTimeout(**limit)} if limit else {}  # type: ignore[arg-type]
    return ApplicationReport(start_time=START, app_timeouts=timeouts)


def test_the_first_limit_counts_from_the_submission() -> None:
    unlimited = report(expire_time="UNLIMITED", remaining_time=-1)
    for each in (report(), unlimited):
        assert expiry(each, 900, since=20) == "2001-09-09T02:02:00.000+0000"


def test_a_later_one_counts_from_now() -> None:
    in_zone = report(expire_time="2026-11-29T12:00:00.000+0200", remaining_time=300)
    assert expiry(in_zone, 900, since=5) == "2026-11-29T10:10:00.000+0000"


def test_a_limit_that_is_just_over_counts_too() -> None:
    over = report(expire_time="2026-11-29T12:00:00.000+0000", remaining_time=0)
    assert expiry(over, 60, since=5) == "2026-11-29T12:01:00.000+0000"


@pytest.mark.parametrize("value", [b"", b"x", b"\xff", b"0.01", b"-5", b"nan", b"inf", b"9" * 40])
def test_a_container_cannot_set_any_lease(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"a lease has|could not convert|decode"):
        stored_lease(value)
    assert stored_lease(b"900") == 900
