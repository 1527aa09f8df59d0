"""Ranges of files."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnhub.server.platform.byte_ranges import ByteRange, RangeError


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=2-4", 2, 5),
        ("bytes=5-", 5, 10),
        ("bytes=8-100", 8, 10),
        ("bytes=-3", 7, 10),
        ("bytes=-100", 2, 10),
        ("bytes=0-", 0, 8),
        (" Bytes = 1 - 2 ", 1, 3),
    ],
)
def test_a_range_is_what_the_file_has_of_it_and_not_too_long(
    text: str, start: int, end: int
) -> None:
    found = ByteRange.parse(text, 10, most=8)
    assert found == ByteRange(start, end)
    assert found.content_range(10) == f"bytes {start}-{end - 1}/10"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "bytes=",
            "bytes=-",
            "bytes=-0",
            "bytes=10-",
            "bytes=10-20",
            "bytes=5-4",
            "bytes=0-1,3-4",
        ),
        *("bytes=a-b", "bytes=--1", "lines=0-1", "0-1", "bytes=\u0661-", f"bytes={'9' * 30}-"),
    ],
)
def test_what_is_no_range_of_the_file_is_refused(text: str) -> None:
    with pytest.raises(RangeError):
        ByteRange.parse(text, 10, most=8)


@pytest.mark.parametrize("text", ["bytes=0-", "bytes=0-0", "bytes=-1"])
def test_an_empty_file_has_no_range(text: str) -> None:
    with pytest.raises(RangeError, match="0 bytes"):
        ByteRange.parse(text, 0, most=8)


@given(
    st.one_of(st.text(max_size=100), st.from_regex(r"bytes=\d{0,20}-\d{0,20}", fullmatch=True)),
    st.integers(0, 1 << 62),
    st.integers(1, 1 << 20),
)
def test_any_text_is_a_range_of_the_file_or_refused(text: str, size: int, most: int) -> None:
    with contextlib.suppress(RangeError):
        found = ByteRange.parse(text, size, most)
        assert 0 <= found.start < found.end <= min(size, found.start + most)
