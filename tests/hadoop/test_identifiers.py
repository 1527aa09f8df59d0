"""Identifiers as Hadoop 3.4.2's NameNode and ResourceManager gave them to jupyterhub for alice."""

from __future__ import annotations

import pytest

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.hadoop.wire.identifiers import (
    HDFS,
    RESOURCE_MANAGER,
    YARNDelegationTokenIdentifier,
    read_identifier,
)
from yarnhub.hadoop.wire.tokens import Token

WRITABLE = (
    b"\x00\x05alice\njupyterhub\x17jupyterhub@YARNHUB.TEST"
    b"\x8a\x01\xa2\x10\xa18\\\x8a\x01\xa24\xad\xbc\\\x08\x02"
)
PROTOBUF = (
    b"\n\x05alice\x12\njupyterhub\x1a\x17jupyterhub@YARNHUB.TEST"
    b" \xe0\xf0\x84\x85\xa14(\xe0\xf8\xb6\xa5\xa340\x018\x02"
)


@pytest.mark.parametrize(
    ("kind", "data", "dates", "sequence"),
    [
        (HDFS, WRITABLE, (1795575330908, 1796180130908), 8),
        (RESOURCE_MANAGER, PROTOBUF, (1795575330912, 1796180130912), 1),
    ],
)
def test_recorded(kind: str, data: bytes, dates: tuple[int, int], sequence: int) -> None:
    assert read_identifier(Token(data, b"", kind, "")) == YARNDelegationTokenIdentifier(
        owner="alice",
        renewer="jupyterhub",
        real_user="jupyterhub@YARNHUB.TEST",
        issue_date=dates[0],
        max_date=dates[1],
        sequence_number=sequence,
        master_key_id=2,
    )


@pytest.mark.parametrize("kind", [HDFS, RESOURCE_MANAGER])
@pytest.mark.parametrize("data", [b"\x00\x05al", b"\x0a\x05al", b"\x07\x05alice"])
def test_what_is_damaged_is_no_identifier(kind: str, data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        read_identifier(Token(data, b"", kind, ""))


def test_an_empty_one_of_hdfs_is_none() -> None:
    with pytest.raises(RemoteProtocolError):
        read_identifier(Token(b"", b"", HDFS, ""))
