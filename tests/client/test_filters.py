# ruff: noqa: DTZ001, DTZ005  # users' times are local, without a zone
from __future__ import annotations

import datetime as dt

import pytest

from yarnhub.client.filters import parse_time


def test_times() -> None:
    today = dt.datetime.now().replace(hour=12, minute=1, second=0, microsecond=0)
    assert parse_time("2026-01-30", "x") == dt.datetime(2026, 1, 30)
    assert parse_time("2026-1-3 12:01", "x") == dt.datetime(2026, 1, 3, 12, 1)
    assert parse_time(" 2026-01-30 12:01:02 ", "x") == dt.datetime(2026, 1, 30, 12, 1, 2)
    assert parse_time("12:01", "x") == today
    assert parse_time("12:01:02", "x") == today.replace(second=2)
    assert parse_time(today, "x") is today
    assert parse_time(None, "x") is None


@pytest.mark.parametrize("text", ["", "yesterday", "25:00", "2026-13-01", "2026-01-30T12:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"started_end: .* is not a time: write it like"):
        parse_time(text, "started_end")
    with pytest.raises(TypeError, match="started_end must be a datetime or a str, not int"):
        parse_time(12, "started_end")  # type: ignore[arg-type]  # what is tested
