"""Hadoop's variable integers and the reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.hadoop.wire.writable import Reader, sized, vint


@pytest.mark.parametrize(
    ("value", "written"),
    [
        # From the rule in WritableUtils.writeVLong.
        (0, "00"), (127, "7f"), (-1, "ff"), (-112, "90"),
        (128, "8f80"), (255, "8fff"), (256, "8e0100"), (-113, "8770"), (-257, "860100"),
        (2**63 - 1, "887fffffffffffffff"), (-(2**63), "807fffffffffffffff"),
    ],
)  # fmt: skip
def test_integers_as_hadoop_writes_them(value: int, written: str) -> None:
    assert vint(value).hex() == written
    assert Reader(bytes.fromhex(written)).vint() == value


@given(st.integers(-(2**63), 2**63 - 1), st.binary())
def test_what_was_written_is_read(value: int, rest: bytes) -> None:
    reader = Reader(vint(value) + rest)
    assert reader.vint() == value
    assert reader.left == len(rest)


@given(st.text())
def test_texts(text: str) -> None:
    reader = Reader(sized(text.encode()))
    assert reader.text() == text
    assert reader.left == 0


@pytest.mark.parametrize("data", [b"", b"\x8f", b"\x05abc", b"\xff", b"\x02\xff\xfe"])
def test_what_is_cut_off_or_not_utf8_is_refused(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        Reader(data).text()
