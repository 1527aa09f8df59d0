"""The delegation tokens of a daemon: one set of records for the ResourceManager and the NameNode.

Source: Security.proto (Hadoop 3.4).
"""

from __future__ import annotations

from dataclasses import dataclass

from yarnhub.hadoop.codec import proto
from yarnhub.hadoop.scalars import STRING, UINT64
from yarnhub.hadoop.wire.tokens import Token


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDelegationTokenRequest:
    """Get a delegation token that `renewer` (a principal or user) may renew."""

    renewer: str = proto(1, STRING)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDelegationTokenResponse:
    """A delegation token; its service is empty: the client sets it."""

    token: Token | None = proto(1, Token, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewDelegationTokenRequest:
    """Renew a delegation token."""

    token: Token = proto(1, Token)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewDelegationTokenResponse:
    """Its new expiry, ms since 1970."""

    new_expiry_time: int = proto(1, UINT64)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelDelegationTokenRequest:
    """Cancel a delegation token."""

    token: Token = proto(1, Token)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelDelegationTokenResponse:
    """Canceled."""
