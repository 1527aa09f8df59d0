"""Tests of what launchers and holders send each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.kernels.protocol import (
    Activity,
    Order,
    ProcessState,
    Report,
    line,
    pack_message,
    read_order,
    read_report,
    unpack_messages,
)


@given(st.lists(st.lists(st.binary(max_size=40), max_size=9), max_size=9))
def test_messages_are_what_they_were(messages: list[list[bytes]]) -> None:
    assert unpack_messages(b"".join(map(pack_message, messages))) == messages


@given(st.binary(max_size=200))
def test_other_bytes_are_refused_or_read_in_bounds(data: bytes) -> None:
    try:
        messages = unpack_messages(data)
    except RemoteProtocolError:
        return
    assert sum(len(part) for parts in messages for part in parts) <= len(data)


def test_messages_that_are_cut_are_refused() -> None:
    packed = pack_message([b"one", b"two"])

    for end in range(1, len(packed)):
        with pytest.raises(RemoteProtocolError, match="in the middle"):
            unpack_messages(packed[:end])


def test_a_message_of_countless_parts_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="1000 are allowed"):
        unpack_messages(b"\xff\xff\xff\xff")


def test_reports_and_orders_are_single_lines() -> None:
    report = Report(
        generation=2, state=ProcessState.ENDED, code=-11, error="a\nb", activity=Activity.BUSY
    )
    order = Order(number=7, signal=2)

    assert line(report).count(b"\n") == line(order).count(b"\n") == 1
    assert read_report(line(report)) == report
    assert read_order(line(order)) == order


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"number": "1"}', b"\xff", b"[" * 20_000])
def test_other_lines_are_refused(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        read_report(data)
    with pytest.raises(RemoteProtocolError):
        read_order(data)
