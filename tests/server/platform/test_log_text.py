"""Text that arrives in pieces of bytes."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from yarnhub.server.platform.log_text import LogText, cut_at_end, cut_at_start

TEXT = "aä€😀\n" * 3


@given(st.lists(st.integers(0, len(TEXT.encode()))), st.binary())
def test_text_is_the_same_however_it_is_cut_and_can_be_continued_at_each_offset(
    cuts: list[int], noise: bytes
) -> None:
    data = TEXT.encode() + noise
    edges = [0, *sorted(cuts), len(data)]
    text, found = LogText(7), ""
    for begin, end in itertools.pairwise(edges):
        found += text.feed(data[begin:end])
        before = data[: text.offset - 7]
        assert before.decode(errors="replace") == found
    assert found + text.end() == data.decode(errors="replace")
    assert text.offset == 7 + len(data)


@given(st.text(st.characters(codec="utf-8")), st.integers(0, 40))
def test_a_part_of_a_text_is_cut_to_whole_characters(text: str, at: int) -> None:
    data = text.encode()
    head, tail = data[:at], data[at:]
    end, start = len(head) - cut_at_end(head), len(head) + cut_at_start(tail)
    split = data[end:start].decode()
    assert data[:end].decode() + split + data[start:].decode() == text
    assert len(split) <= 1, "no more than the one character is cut off"


def test_what_is_not_text_is_not_cut() -> None:
    assert (cut_at_start(b"\x80" * 9), cut_at_end(b"\xff\x80" * 9)) == (0, 0)
    assert (cut_at_start(b""), cut_at_end(b"")) == (0, 0)
