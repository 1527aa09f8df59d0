"""Addresses."""

from __future__ import annotations

import pytest

from yarnhub.hadoop.address import Address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("rm:8032", "rm", 8032),
        (" rm ", "rm", 1),
        ("hdfs://nn:9000", "nn", 9000),
        ("[::1]:8032", "::1", 8032),
        ("[::1]", "::1", 1),
        ("::1", "::1", 1),
    ],
)
def test_read(text: str, host: str, port: int) -> None:
    address = Address.parse(text, 1)
    assert address == (host, port)
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize("text", ["", ":1", "rm", "rm:", "rm:x", "rm:65536", "rm:-1"])
def test_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Address.parse(text)
