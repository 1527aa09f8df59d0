"""The messages around and between calls.

Source: RpcHeader.proto, IpcConnectionContext.proto, ProtobufRpcEngine2.proto (Hadoop 3.4).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from yarnhub.hadoop.codec import proto, repeated
from yarnhub.hadoop.scalars import BYTES, SINT32, STRING, UINT32, UINT64

CALL_ID_REFUSED = -1
CALL_ID_CONTEXT = -3
CALL_ID_PING = -4
CALL_ID_SASL = -33
NO_RETRY_COUNT = -1
"""Call ids of frames that are not calls."""


class RpcKind(enum.IntEnum):
    """How the request is serialized; the other values are older than protobuf."""

    RPC_PROTOCOL_BUFFER = 2


class RpcOperation(enum.IntEnum):
    """Whether this is the whole request; the only value in use."""

    RPC_FINAL_PACKET = 0


class RpcStatus(enum.IntEnum):
    """How a request ended."""

    SUCCESS = 0
    ERROR = 1
    FATAL = 2
    """Like ERROR, and the server closes the connection."""


class SaslState(enum.IntEnum):
    """The kind of a `SaslMessage`."""

    SUCCESS = 0
    NEGOTIATE = 1
    INITIATE = 2
    CHALLENGE = 3
    RESPONSE = 4
    WRAP = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcRequestHeader:
    """Precedes everything that the client sends."""

    rpc_kind: RpcKind = proto(1, RpcKind)
    rpc_op: RpcOperation = proto(2, RpcOperation)
    call_id: int = proto(3, SINT32)
    client_id: bytes = proto(4, BYTES)
    retry_count: int = proto(5, SINT32, NO_RETRY_COUNT)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHeader:
    """Precedes a call's parameter."""

    method_name: str = proto(1, STRING)
    declaring_class_protocol_name: str = proto(2, STRING)
    client_protocol_version: int = proto(3, UINT64)


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcResponseHeader:
    """Precedes everything that the server sends."""

    call_id: int = proto(1, UINT32)
    status: RpcStatus = proto(2, RpcStatus)
    exception_class_name: str = proto(4, STRING, "")
    error_msg: str = proto(5, STRING, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInformation:
    """The user of a connection, without what was authenticated."""

    effective_user: str | None = proto(1, STRING, None)
    real_user: str | None = proto(2, STRING, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class IpcConnectionContext:
    """The first frame of an authenticated connection."""

    user_info: UserInformation | None = proto(2, UserInformation, None)
    protocol: str = proto(3, STRING)


@dataclass(frozen=True, slots=True, kw_only=True)
class SaslAuth:
    """One way to authenticate that a server offers."""

    method: str = proto(1, STRING)
    mechanism: str = proto(2, STRING)
    protocol: str | None = proto(3, STRING, None)
    server_id: str | None = proto(4, STRING, None)
    challenge: bytes | None = proto(5, BYTES, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SaslMessage:
    """One step of the authentication, or one wrapped piece of the stream after it."""

    version: int = proto(1, UINT32, 0)
    state: SaslState = proto(2, SaslState)
    token: bytes | None = proto(3, BYTES, None)
    auths: tuple[SaslAuth, ...] = repeated(4, SaslAuth)
