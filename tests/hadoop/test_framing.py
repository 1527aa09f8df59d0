"""Frames."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.hadoop.wire.framing import FrameReader, frame


@given(st.lists(st.binary(max_size=50)), st.data())
def test_any_pieces_give_the_same_frames(contents: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(frame(content[:3], content[3:]) for content in contents)
    cuts = data.draw(st.sets(st.integers(0, len(stream))))
    edges = [0, *sorted(cuts), len(stream)]
    reader = FrameReader(50)
    found = [each for a, b in itertools.pairwise(edges) for each in reader.feed(stream[a:b])]
    assert found == contents


def test_the_limit_is_for_one_frame() -> None:
    reader = FrameReader(3)
    assert list(reader.feed(frame(b"abc") * 10)) == [b"abc"] * 10
    with pytest.raises(RemoteProtocolError, match="4 bytes; the limit is 3"):
        list(reader.feed(frame(b"abcd")))
