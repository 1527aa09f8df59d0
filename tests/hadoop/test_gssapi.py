"""The GSSAPI exchange, where it is not as it should be; `test_wire_connection.py` has the rest."""

from __future__ import annotations

import pytest

from hadoop.server import FakeContext
from yarnhub.base.errors import AuthenticationError, RemoteProtocolError
from yarnhub.hadoop.wire.gssapi import Gssapi
from yarnhub.hadoop.wire.protection import Protection


def proven(minimum: Protection = Protection.AUTHENTICATION) -> Gssapi:
    exchange = Gssapi(FakeContext("rm/localhost"), minimum=minimum)
    assert exchange.step(None) == b"client-token"
    assert exchange.step(b"server-token") == b""
    return exchange


@pytest.mark.parametrize(
    ("offered", "answer"),
    [
        (1, b"S\x01\0\0\0"),
        (2, b"S\x02\xff\xff\xff"),
        (3, b"S\x02\xff\xff\xff"),
        (7, b"S\x04\xff\xff\xff"),
    ],
)
def test_the_highest_layer_is_taken(offered: int, answer: bytes) -> None:
    assert proven().step(b"S" + bytes((offered, 0, 16, 0))) == answer


@pytest.mark.parametrize("offer", [b"S", b"S\x01\0\0", b"S\x01\0\0\0\0", b""])
def test_an_offer_that_cannot_be_read(offer: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="cannot be read"):
        proven().step(offer)


def test_too_little_protection_is_refused() -> None:
    with pytest.raises(AuthenticationError, match="requires privacy"):
        proven(Protection.PRIVACY).step(b"S\x03\0\x10\0")


def test_nothing_comes_after_the_offer() -> None:
    exchange = proven()
    exchange.step(b"S\x01\0\x10\0")
    with pytest.raises(RemoteProtocolError, match="continued"):
        exchange.step(b"S\x01\0\x10\0")


def test_integrity_takes_what_is_signed_and_what_is_encrypted() -> None:
    exchange = proven()
    exchange.step(b"S\x02\0\x10\0")
    layer = exchange.finish(None)
    assert layer is not None
    assert layer.wrap(b"x") == b"Sx"
    assert layer.unwrap(b"Sx") == layer.unwrap(b"Ex") == b"x"
