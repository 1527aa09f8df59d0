"""Tokens and token files."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yarnhub.base.errors import ConfigurationError
from yarnhub.hadoop.codec import decode, delimited, encode
from yarnhub.hadoop.wire.tokens import Token, TokenStorage

TOKENS = st.builds(Token, st.binary(), st.binary(), st.text(), st.text())
CREDENTIALS = st.builds(
    TokenStorage,
    st.dictionaries(st.text(), TOKENS, max_size=4),
    st.dictionaries(st.text(), st.binary(), max_size=4),
)

SAMPLE = TokenStorage(
    {
        "rm": Token(b"i", b"p", "YARN_AM_RM_TOKEN", ""),
        "nn": Token(b"", b"", "HDFS", "1.2.3.4:8020"),
    },
    {"key": b"\0\xff"},
)
SAMPLE_WRITABLE = (
    b"HDTS\x00\x02"
    b"\x02rm\x01i\x01p\x10YARN_AM_RM_TOKEN\x00"
    b"\x02nn\x00\x00\x04HDFS\x0c1.2.3.4:8020"
    b"\x01\x03key\x02\x00\xff"
)


def as_protobuf(credentials: TokenStorage) -> bytes:
    """Format 1, by hand: CredentialsProto{tokens = 1, secrets = 2} of CredentialsKVProto."""
    entries = [
        b"\x0a" + delimited(_field(1, alias.encode()) + _field(2, encode(token)))
        for alias, token in credentials.tokens.items()
    ] + [
        b"\x12" + delimited(_field(1, alias.encode()) + _field(3, secret))
        for alias, secret in credentials.secrets.items()
    ]
    return b"HDTS\x01" + delimited(b"".join(entries))


def _field(number: int, value: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + delimited(value)


def test_the_form_that_hadoop_writes() -> None:
    assert SAMPLE.write() == SAMPLE_WRITABLE
    assert TokenStorage.read(SAMPLE_WRITABLE) == SAMPLE


@given(CREDENTIALS)
def test_what_was_written_is_read(credentials: TokenStorage) -> None:
    assert TokenStorage.read(credentials.write()) == credentials


@given(CREDENTIALS)
def test_the_protobuf_form_is_read(credentials: TokenStorage) -> None:
    assert TokenStorage.read(as_protobuf(credentials)) == credentials


@given(TOKENS)
def test_a_token_is_a_message(token: Token) -> None:
    assert decode(Token, encode(token)) == token


@pytest.mark.parametrize("written", [SAMPLE_WRITABLE, as_protobuf(SAMPLE)])
def test_a_cut_file_is_refused_at_every_byte(written: bytes) -> None:
    for end in range(len(written)):
        with pytest.raises(ConfigurationError):
            TokenStorage.read(written[:end])


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for version in (b"", b"HDTS\0", b"HDTS\1"):
        with contextlib.suppress(ConfigurationError):
            TokenStorage.read(version + data)


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(ConfigurationError, match="unknown format 9"):
        TokenStorage.read(b"HDTS\x09")


def test_tokens_are_found_joined_and_left_out() -> None:
    assert SAMPLE.find("YARN_AM_RM_TOKEN") == SAMPLE.tokens["rm"]
    assert SAMPLE.find("other") is None
    assert set(SAMPLE.without("YARN_AM_RM_TOKEN").tokens) == {"nn"}
    other = TokenStorage({"nn": Token(b"new", b"", "HDFS", "")}, {"more": b""})
    joined = SAMPLE.merge(other)
    assert joined.tokens["nn"].identifier == b"new"
    assert set(joined.secrets) == {"key", "more"}
    assert set(SAMPLE.tokens) == {"rm", "nn"}, "the first is as it was"


def test_a_secret_is_in_no_representation() -> None:
    secret = TokenStorage({"a": Token(b"id", b"hunter2", "K", "s")}, {"k": b"hunter3"})
    assert "hunter" not in repr(secret)
    assert repr(secret) == "TokenStorage(tokens={'a': Token(kind='K', service='s')}, secrets=['k'])"
