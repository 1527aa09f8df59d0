"""A guard between a server and a Kerberos client that accepts anything: pure.

hdfs-native accepts any offer of a server: SIMPLE, any service principal, a success before either
side is authenticated, any protection. The bytes of both sides pass through here, and are forwarded
only as long as the exchange is the one that the configuration requires:

    client                         guard                         server
    hrpc, NEGOTIATE        ->      as it is              ->
                           <-      without other offers  <-      NEGOTIATE: offers
    INITIATE: ticket       ->      for Kerberos alone    ->
                           <-                            <-      CHALLENGE, twice
    RESPONSE: signed       ->      noted: now the client ->
                                   knows who this is
                           <-      not before that       <-      SUCCESS
    first frame            ->      protected enough      ->
    all else               <->     as it is              <->

The client signs its last RESPONSE with the key that it shares with an authenticated server, and not
before. So the guard needs no key, and has no secrets.

Source: SaslRpcClient and SaslRpcServer (Hadoop 3.4); RFC 4752; RFC 4121, 4.2.6.2; RFC 4757, 7.3.
"""

from __future__ import annotations

from dataclasses import replace

from yarnhub.base.errors import AuthenticationError, RemoteProtocolError
from yarnhub.hadoop.codec import delimited, encode, read_delimited
from yarnhub.hadoop.wire.framing import frame
from yarnhub.hadoop.wire.headers import (
    CALL_ID_SASL,
    RpcRequestHeader,
    RpcResponseHeader,
    RpcStatus,
    SaslAuth,
    SaslMessage,
    SaslState,
)
from yarnhub.hadoop.wire.protection import Protection
from yarnhub.hadoop.wire.sasl import NO_KERBEROS, check_principal, named

MAX_FRAME = 1 << 20
"""Bytes of one step of the exchange: a ticket with many groups has 64 kB."""

_PREAMBLE = 7
_SASL = 0xDF
_OID = bytes.fromhex("06092a864886f712010202")
"""Kerberos 5, the prefix of the older form of tokens."""


class Guard:
    """The guard of one connection. Every method raises `AuthenticationError` if it must be closed.

    Args:
        server: The principal that the server must have; may be a pattern.
        minimum: The weakest protection of what the client sends.
        allow_simple: Whether a server may require no authentication at all.
    """

    def __init__(self, server: str, minimum: Protection, *, allow_simple: bool = False) -> None:
        self._server = server
        self._minimum = minimum
        self._allow_simple = allow_simple
        self._up, self._down = bytearray(), bytearray()
        self._greeted = self._proven = self._agreed = False
        self._offered: tuple[SaslAuth, ...] = ()
        self._up_is_free = self._down_is_free = False

    @property
    def agreed(self) -> bool:
        """Whether the authentication is complete."""
        return self._agreed

    def from_client(self, data: bytes) -> bytes:
        """Process bytes from the client; returns the bytes for the server."""
        self._up += data
        out = bytearray()
        if not self._greeted:
            if len(self._up) < _PREAMBLE:
                return b""
            if self._up[_PREAMBLE - 1] != _SASL:
                raise AuthenticationError(
                    "the client does not require authentication from the server"
                )
            out += self._up[:_PREAMBLE]
            del self._up[:_PREAMBLE]
            self._greeted = True
        while not self._up_is_free and (content := _cut(self._up)) is not None:
            self._check_request(content)
            out += frame(content)
        if self._up_is_free:
            out += self._up
            self._up.clear()
        return bytes(out)

    def from_server(self, data: bytes) -> bytes:
        """Process bytes from the server; returns the bytes for the client."""
        self._down += data
        out = bytearray()
        while not self._down_is_free and (content := _cut(self._down)) is not None:
            out += frame(self._checked_response(content))
        if self._down_is_free:
            out += self._down
            self._down.clear()
        return bytes(out)

    def _check_request(self, content: bytes) -> None:
        header, at = read_delimited(RpcRequestHeader, content)
        if header.call_id != CALL_ID_SASL:
            raise AuthenticationError(
                "the client would send a call in the clear; hadoop.rpc.protection requires"
                f" {self._minimum.name.lower()}"
                if self._agreed
                else "the client would send a call to a server that is not authenticated"
            )
        message, _ = read_delimited(SaslMessage, content, at)
        match message.state:
            case SaslState.WRAP if self._agreed:
                _check_protection(message.token or b"", self._minimum)
                self._up_is_free = True
            case SaslState.NEGOTIATE:
                pass
            case SaslState.INITIATE if message.auths and message.auths[0].method == "SIMPLE":
                if not any(auth.method == "SIMPLE" for auth in self._offered):
                    raise AuthenticationError("the client would not authenticate itself")
                self._agreed = self._up_is_free = self._down_is_free = True
            case SaslState.INITIATE:
                if [_name(auth) for auth in message.auths] != [_name(a) for a in self._offered]:
                    raise AuthenticationError(
                        "the client chose a method that the server did not offer"
                    )
            case SaslState.RESPONSE:
                self._proven = self._proven or _sealing(message.token or b"") is not None
            case _:
                raise AuthenticationError(f"the client sends {message.state.name} too early")

    def _checked_response(self, content: bytes) -> bytes:
        header, at = read_delimited(RpcResponseHeader, content)
        if header.status is not RpcStatus.SUCCESS:
            return content  # why it refuses
        if header.call_id != CALL_ID_SASL & 0xFFFFFFFF:
            raise RemoteProtocolError("the server responded before it was authenticated")
        message, _ = read_delimited(SaslMessage, content, at)
        match message.state:
            case SaslState.NEGOTIATE:
                self._offered = self._acceptable(message.auths)
                offer = replace(message, auths=self._offered)
                return delimited(encode(header)) + delimited(encode(offer))
            case SaslState.CHALLENGE:
                return content
            case SaslState.SUCCESS if self._proven:
                self._agreed = self._down_is_free = True
                self._up_is_free = self._minimum is Protection.AUTHENTICATION
                return content
            case SaslState.SUCCESS:
                raise AuthenticationError(
                    "the server ended the exchange before it was authenticated"
                )
            case _:
                raise RemoteProtocolError(f"the server sends {message.state.name} too early")

    def _acceptable(self, offers: tuple[SaslAuth, ...]) -> tuple[SaslAuth, ...]:
        """The offer of Kerberos by the expected server."""
        for auth in offers:
            if (auth.method, auth.mechanism) == ("KERBEROS", "GSSAPI"):
                check_principal(auth, self._server)
                return (auth,)
        simple = tuple(auth for auth in offers if auth.method == "SIMPLE")
        if simple and self._allow_simple and self._minimum is Protection.AUTHENTICATION:
            return simple[:1]
        raise AuthenticationError(
            f"the server accepts {named(offers)}; the client has a Kerberos ticket. {NO_KERBEROS}"
        )


def _name(auth: SaslAuth) -> tuple[str, str, str | None, str | None]:
    return auth.method, auth.mechanism, auth.protocol, auth.server_id


def _cut(buffer: bytearray) -> bytes | None:
    """Remove the first frame from a buffer; None while it is incomplete."""
    if len(buffer) < 4:
        return None
    length = int.from_bytes(buffer[:4], "big", signed=True)
    if not 0 <= length <= MAX_FRAME:
        raise RemoteProtocolError(f"an authentication message of {length} bytes")
    if len(buffer) < 4 + length:
        return None
    content = bytes(buffer[4 : 4 + length])
    del buffer[: 4 + length]
    return content


def _check_protection(token: bytes, minimum: Protection) -> None:
    sealed = _sealing(token)
    if sealed is None or (minimum is Protection.PRIVACY and not sealed):
        raise AuthenticationError(
            f"the server offers {'integrity' if sealed is not None else 'no known protection'},"
            f" hadoop.rpc.protection requires {minimum.name.lower()} or more: the two sides'"
            " hadoop.rpc.protection must have a value in common"
        )


def _sealing(token: bytes) -> bool | None:
    """Whether a message's token is encrypted; None if it is not a message.

    +-------+-------+------------+    +----+--------+-----+-------+---------+----------+------+
    | 05 04 | flags | numbers... |    | 60 | length | OID | 02 01 | SGN_ALG | SEAL_ALG | ...  |
    +-------+-------+------------+    +----+--------+-----+-------+---------+----------+------+
    """
    if token.startswith(b"\x05\x04") and len(token) >= 16:
        return bool(token[2] & 0x02)
    start = token.find(_OID, 0, 16) + len(_OID)
    if token.startswith(b"\x60") and start >= len(_OID) and token[start:].startswith(b"\x02\x01"):
        return token[start + 4 : start + 6] != b"\xff\xff"
    return None
