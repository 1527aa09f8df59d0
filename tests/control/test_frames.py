"""Frames in a stream of bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from yarnhub.control.frames import Frame, Frames

FRAMES = st.lists(
    st.builds(
        Frame,
        number=st.integers(0, (1 << 32) - 1),
        name=st.sampled_from(["", "GetKey", "Entries"]),
        body=st.binary(max_size=40),
    ),
    max_size=5,
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({min(place, len(data)) for place in places} | {len(data)})
    return [data[begin:end] for begin, end in zip([0, *ends[:-1]], ends, strict=True)]


@given(FRAMES, st.lists(st.integers(0, 300), max_size=10))
def test_the_same_frames_however_the_stream_is_cut(frames: list[Frame], places: list[int]) -> None:
    reader = Frames(limit=100)
    found = [
        each for piece in cut(b"".join(map(bytes, frames)), places) for each in reader.feed(piece)
    ]
    assert found == frames


@given(st.lists(st.integers(0, 300), max_size=10))
def test_what_is_too_long_is_told_at_once_and_passed_over(places: list[int]) -> None:
    reader = Frames(limit=10)
    long, next_one = bytes(Frame(7, "PutKey", b"x" * 100)), Frame(8, "GetKey", b"{}")
    assert reader.feed(long[:8]) == [Frame(7, "", None)]
    rest = cut(long[8:] + bytes(next_one), places)
    assert [each for piece in rest for each in reader.feed(piece)] == [next_one]


def test_a_number_without_a_name_is_a_frame() -> None:
    assert bytes(Frame(1, "")) == b"\0\0\0\1\0\0\0\1\n"
