"""DIGEST-MD5 against the example of RFC 2831 and against a server of the tests' own."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadoop.server import TOKEN, DigestServer, challenge
from yarnhub.base.errors import AuthenticationError, RemoteProtocolError
from yarnhub.hadoop.wire.digest_md5 import DigestMd5, parse_challenge
from yarnhub.hadoop.wire.protection import Protection

AUTH = Protection.AUTHENTICATION


def exchange(minimum: Protection = AUTH) -> DigestMd5:
    return DigestMd5.of(TOKEN, "/default", cnonce="c", minimum=minimum)


def test_the_example_of_rfc_2831() -> None:
    # Section 4, IMAP.
    digest = DigestMd5(
        "chris", "secret", "imap/elwood.innosoft.com", cnonce="OA6MHXh6VqTrRk", minimum=AUTH
    )
    said = (
        b'realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",'
        b"algorithm=md5-sess,charset=utf-8"
    )
    answer = digest.step(said)
    assert b"response=d388dad90d4bbd760a152321f2143af7" in answer
    assert b'username="chris",realm="elwood.innosoft.com"' in answer
    assert digest.finish(b"rspauth=ea40f60335c427b5527b84dbabcdfffd") is None


@pytest.mark.parametrize("cipher", ["rc4", "rc4-56", "rc4-40"])
@pytest.mark.parametrize("qop", ["auth-int", "auth-conf"])
@given(messages=st.lists(st.binary(max_size=300), max_size=5))
def test_both_ends_understand_each_other(qop: str, cipher: str, messages: list[bytes]) -> None:
    server, digest = DigestServer.for_token(TOKEN), exchange()
    proof = server.check(digest.step(challenge(qop, f"des,{cipher}")))
    layer = digest.finish(proof)
    assert layer is not None
    for message in messages:
        wrapped = layer.wrap(message)
        if qop == "auth-conf" and len(message) > 8:
            assert message not in wrapped
        assert server.unwrap(wrapped) == message
        assert layer.unwrap(server.wrap(message)) == message


def test_a_lost_repeated_or_changed_message_is_noticed() -> None:
    for spoil in range(3):
        server, digest = DigestServer.for_token(TOKEN), exchange()
        layer = digest.finish(server.check(digest.step(challenge("auth-int"))))
        assert layer is not None
        first, second = server.wrap(b"first"), server.wrap(b"second")
        if spoil == 0:
            wrong = second
        elif spoil == 1:
            assert layer.unwrap(first) == b"first"
            wrong = first
        else:
            wrong = b"F" + first[1:]
        with pytest.raises(RemoteProtocolError, match="signature"):
            layer.unwrap(wrong)


@given(st.binary(max_size=40))
def test_a_short_message_is_refused(data: bytes) -> None:
    server, digest = DigestServer.for_token(TOKEN), exchange()
    layer = digest.finish(server.check(digest.step(challenge("auth-conf"))))
    assert layer is not None
    with pytest.raises(RemoteProtocolError):
        layer.unwrap(data)


def test_another_password_is_refused_and_a_false_proof_noticed() -> None:
    digest = DigestMd5("user", "wrong", "/default", cnonce="c", minimum=AUTH)
    assert DigestServer.for_token(TOKEN).check(digest.step(challenge())) is None
    for proof in (None, b"", b"rspauth=" + b"0" * 32):
        with pytest.raises(AuthenticationError, match="did not prove"):
            digest.finish(proof)


def test_a_proof_may_come_as_a_challenge() -> None:
    server, digest = DigestServer.for_token(TOKEN), exchange()
    assert digest.step(None) == b""
    proof = server.check(digest.step(challenge()))
    assert proof is not None
    with pytest.raises(AuthenticationError):
        digest.step(b"rspauth=")
    assert digest.step(proof) == b""
    assert digest.finish(None) is None


def test_ciphers_that_we_lack_are_named() -> None:
    with pytest.raises(AuthenticationError, match="supports only 3des,des"):
        exchange().step(challenge("auth-conf", "3des,des"))


def test_too_little_protection_is_refused() -> None:
    with pytest.raises(AuthenticationError, match="offers integrity"):
        exchange(Protection.PRIVACY).step(challenge("auth,auth-int"))


@pytest.mark.parametrize(
    "text", [b"realm", b'realm="x', b"=", b'nonce="n"', b"algorithm=md5-sess", b",,", b'a="b"c="d"']
)
def test_a_challenge_that_is_none_is_refused(text: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        exchange().step(text)


@given(st.binary(max_size=100))
def test_any_challenge_is_read_or_refused(text: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        parse_challenge(text)


def test_quotes_are_taken_off() -> None:
    assert parse_challenge(rb'a="x\"y\\z", b=plain ,C="with, comma"') == {
        "a": r'x"y\z',
        "b": "plain",
        "c": "with, comma",
    }
