from __future__ import annotations

import datetime as dt

import pytest

from skein.applications import is_same_queue, parse_time

NOW = dt.datetime(2026, 1, 31, 18, 0, 5, tzinfo=dt.UTC).astimezone()


@pytest.mark.parametrize(
    ("reported", "asked"),
    [
        ("root.default", "default"),
        ("root.default", "root.default"),
        ("default", "root.default"),
        ("root.fruit.apples", "apples"),
        ("root.fruit.apples", "fruit.apples"),
    ],
)
def test_a_queue_is_known_by_all_of_its_names(reported: str, asked: str) -> None:
    assert is_same_queue(reported, asked)


@pytest.mark.parametrize(
    ("reported", "asked"),
    [("root.default", "fault"), ("root.fruit.apples", "fruit"), ("root.apples", "fruit.apples")],
)
def test_other_queues_are_others(reported: str, asked: str) -> None:
    assert not is_same_queue(reported, asked)


def test_times() -> None:
    def local(*numbers: int) -> dt.datetime:
        return dt.datetime(*numbers).astimezone()  # type: ignore[arg-type]  # six at most

    assert parse_time("2026-01-30", NOW) == local(2026, 1, 30)
    assert parse_time("2026-01-30 12:01", NOW) == local(2026, 1, 30, 12, 1)
    assert parse_time(" 2026-01-30 12:01:02 ", NOW) == local(2026, 1, 30, 12, 1, 2)
    assert parse_time("12:01", NOW) == NOW.replace(hour=12, minute=1, second=0)
    assert parse_time("12:01:02", NOW) == NOW.replace(hour=12, minute=1, second=2)


@pytest.mark.parametrize("text", ["", "yesterday", "25:00", "2026-13-01", "2026-01-30T12:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time: write it like"):
        parse_time(text, NOW)
