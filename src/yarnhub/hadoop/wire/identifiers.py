"""The identifier of a delegation token: its owner, its renewer, and its expiry.

An identifier is not secret, and not authenticated by itself: that needs the token's password.

Source: org.apache.hadoop.security.token.delegation.AbstractDelegationTokenIdentifier;
yarn_security_token.proto, org.apache.hadoop.yarn.security.client.YARNDelegationTokenIdentifier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.hadoop.codec import decode, proto
from yarnhub.hadoop.scalars import INT32, INT64, STRING
from yarnhub.hadoop.wire.writable import Reader

if TYPE_CHECKING:
    from yarnhub.hadoop.wire.tokens import Token

HDFS = "HDFS_DELEGATION_TOKEN"
RESOURCE_MANAGER = "RM_DELEGATION_TOKEN"
KEY_SERVER = "kms-dt"
"""Kinds of tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YARNDelegationTokenIdentifier:
    """`YARNDelegationTokenIdentifierProto`; HDFS has the same fields in a form of its own.

    Times are milliseconds since 1970 by the server's clock. It cannot be renewed beyond `max_date`.
    """

    owner: str | None = proto(1, STRING, None)
    renewer: str | None = proto(2, STRING, None)
    real_user: str | None = proto(3, STRING, None)
    issue_date: int | None = proto(4, INT64, None)
    max_date: int | None = proto(5, INT64, None)
    sequence_number: int | None = proto(6, INT32, None)
    master_key_id: int | None = proto(7, INT32, None)


def read_identifier(token: Token) -> YARNDelegationTokenIdentifier:
    """The identifier of a delegation token, of HDFS, a key server or the ResourceManager.

    Raises:
        RemoteProtocolError: It is invalid, or has an unknown version.
    """
    if token.kind == RESOURCE_MANAGER:
        return decode(YARNDelegationTokenIdentifier, token.identifier)
    reader = Reader(token.identifier)
    version = reader.take(1)[0]
    if version != 0:
        raise RemoteProtocolError(f"a {token.kind} has an identifier of unknown version {version}")
    return YARNDelegationTokenIdentifier(
        owner=reader.text(),
        renewer=reader.text(),
        real_user=reader.text(),
        issue_date=reader.vint(),
        max_date=reader.vint(),
        sequence_number=reader.vint(),
        master_key_id=reader.vint(),
    )
