"""The server's end of Hadoop RPC, for tests: written from the protocol, not from the client.

`Peer` is one connection without input or output; `Server` serves peers on a loopback port.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import re
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.hadoop.address import Address
from yarnhub.hadoop.codec import delimited, encode, read_delimited
from yarnhub.hadoop.scalars import read_varint
from yarnhub.hadoop.wire.headers import (
    IpcConnectionContext,
    RequestHeader,
    RpcRequestHeader,
    RpcResponseHeader,
    RpcStatus,
    SaslAuth,
    SaslMessage,
    SaslState,
)
from yarnhub.hadoop.wire.tokens import Token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

TOKEN = Token(b"\0\x01identifier", b"password\xff", "YARN_AM_RM_TOKEN", "")
NONCE = "n0nce+/=="
AUTHORIZATION = "org.apache.hadoop.security.authorize.AuthorizationException"
ACCESS_CONTROL = "org.apache.hadoop.security.AccessControlException"

CLOSE = object()
"""What a handler returns to have the connection closed."""


@dataclass(frozen=True)
class Call:
    """A request as the server reads it."""

    call_id: int
    client_id: bytes
    retry_count: int
    method: str
    body: bytes


def frame(content: bytes) -> bytes:
    return struct.pack(">i", len(content)) + content


def answer(call_id: int, body: bytes) -> bytes:
    header = RpcResponseHeader(call_id=call_id & 0xFFFFFFFF, status=RpcStatus.SUCCESS)
    return frame(delimited(encode(header)) + delimited(body))


def failure(
    call_id: int, java_class: str, message: str, status: RpcStatus = RpcStatus.ERROR
) -> bytes:
    header = RpcResponseHeader(
        call_id=call_id & 0xFFFFFFFF,
        status=status,
        exception_class_name=java_class,
        error_msg=f"{message}\n\tat org.apache.hadoop.Some.method(Some.java:1)",
    )
    return frame(delimited(encode(header)))


def fatal(call_id: int, java_class: str, message: str) -> bytes:
    return failure(call_id, java_class, message, RpcStatus.FATAL)


def sasl(state: SaslState, token: bytes | None = None, auths: tuple[SaslAuth, ...] = ()) -> bytes:
    header = RpcResponseHeader(call_id=-33 & 0xFFFFFFFF, status=RpcStatus.SUCCESS)
    message = SaslMessage(state=state, token=token, auths=auths)
    return frame(delimited(encode(header)) + delimited(encode(message)))


def challenge(qop: str = "auth", cipher: str = "3des,rc4,des,rc4-56,rc4-40") -> bytes:
    extra = f',cipher="{cipher}"' if "conf" in qop else ""
    text = f'realm="default",nonce="{NONCE}",qop="{qop}",charset=utf-8,algorithm=md5-sess{extra}'
    return text.encode()


def token_offer(qop: str = "auth", cipher: str = "3des,rc4,des,rc4-56,rc4-40") -> SaslAuth:
    return SaslAuth(
        method="TOKEN",
        mechanism="DIGEST-MD5",
        protocol="",
        server_id="default",
        challenge=challenge(qop, cipher),
    )


SIMPLE_OFFER = SaslAuth(method="SIMPLE", mechanism="")
KERBEROS_OFFER = SaslAuth(
    method="KERBEROS", mechanism="GSSAPI", protocol="rm", server_id="localhost"
)


def md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def keystream(key: bytes) -> Iterator[int]:
    """RC4, straight from its description."""
    s = list(range(256))
    j = 0
    for i in range(256):
        j = (j + s[i] + key[i % len(key)]) % 256
        s[i], s[j] = s[j], s[i]
    i = j = 0
    while True:
        i = (i + 1) % 256
        j = (j + s[i]) % 256
        s[i], s[j] = s[j], s[i]
        yield s[(s[i] + s[j]) % 256]


class DigestServer:
    """The server's side of DIGEST-MD5 (RFC 2831), for one user."""

    def __init__(self, user: str, password: str, realm: str, nonce: str) -> None:
        self.user, self.password, self.realm, self.nonce = user, password, realm, nonce
        self.qop = ""
        self.sent = self.received = 0

    @classmethod
    def for_token(cls, token: Token) -> DigestServer:
        user = base64.b64encode(token.identifier).decode()
        return cls(user, base64.b64encode(token.password).decode(), "default", NONCE)

    def check(self, response: bytes) -> bytes | None:
        """The server's proof, or None for a wrong response."""
        said = {
            match[1]: match[2] if match[2] is not None else match[3]
            for match in re.finditer(r'([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^,]*))', response.decode())
        }
        if (
            said["username"] != self.user
            or said["nonce"] != self.nonce
            or said["nc"] != "0" * 7 + "1"
        ):
            return None
        self.qop = said["qop"]
        secret = md5(f"{self.user}:{self.realm}:{self.password}".encode())
        session = md5(secret + f":{self.nonce}:{said['cnonce']}".encode())

        def value(verb: str) -> str:
            a2 = f"{verb}:{said['digest-uri']}" + ("" if self.qop == "auth" else ":" + "0" * 32)
            whole = ":".join(
                (
                    session.hex(),
                    self.nonce,
                    "00000001",
                    said["cnonce"],
                    self.qop,
                    md5(a2.encode()).hex(),
                )
            )
            return md5(whole.encode()).hex()

        if said["response"] != value("AUTHENTICATE"):
            return None
        self.client_sign = md5(
            session + b"Digest session key to client-to-server signing key magic constant"
        )
        self.server_sign = md5(
            session + b"Digest session key to server-to-client signing key magic constant"
        )
        if self.qop == "auth-conf":
            size = {"rc4": 16, "rc4-56": 7, "rc4-40": 5}[said["cipher"]]
            self.opening = keystream(
                md5(session[:size] + b"Digest H(A1) to client-to-server sealing key magic constant")
            )
            self.sealing = keystream(
                md5(session[:size] + b"Digest H(A1) to server-to-client sealing key magic constant")
            )
        return b"rspauth=" + value("").encode()

    def wrap(self, data: bytes) -> bytes:
        number = struct.pack(">I", self.sent)
        self.sent += 1
        sealed = data + hmac.digest(self.server_sign, number + data, "md5")[:10]
        if self.qop == "auth-conf":
            sealed = bytes(a ^ b for a, b in zip(sealed, self.sealing, strict=False))
        return sealed + b"\0\1" + number

    def unwrap(self, data: bytes) -> bytes:
        number = struct.pack(">I", self.received)
        self.received += 1
        opened = data[:-6]
        if self.qop == "auth-conf":
            opened = bytes(a ^ b for a, b in zip(opened, self.opening, strict=False))
        assert data[-6:] == b"\0\1" + number
        assert opened[-10:] == hmac.digest(self.client_sign, number + opened[:-10], "md5")[:10]
        return opened[:-10]


@dataclass
class Peer:
    """One connection seen from the server: bytes in, bytes out."""

    handler: Callable[[Call], bytes | object | None] = lambda call: answer(call.call_id, call.body)
    offers: tuple[SaslAuth, ...] = (token_offer(), SIMPLE_OFFER)
    token: Token = TOKEN
    refusal: bytes = b""
    """Sent in place of an answer to the connection context."""
    auth: int | None = None
    context: IpcConnectionContext | None = None
    calls: list[Call] = field(default_factory=list)
    pings: int = 0
    closed: bool = False
    _buffer: bytearray = field(default_factory=bytearray)
    _inner: bytearray = field(default_factory=bytearray)
    _digest: DigestServer | None = None
    _wrapping: bool = False

    def feed(self, data: bytes) -> bytes:
        """Take bytes in, give the bytes of the answers."""
        self._buffer += data
        if self.auth is None:
            if len(self._buffer) < 7:
                return b""
            assert self._buffer[:6] == b"hrpc\x09\x00"
            self.auth = self._buffer[6]
            del self._buffer[:7]
        out = b""
        for content in self._frames(self._buffer):
            out += self._frame(content)
        return out

    def protect(self, data: bytes) -> bytes:
        """Under a layer, a piece of the stream as it goes over the wire."""
        if not self._wrapping or not data:
            return data
        assert self._digest is not None
        return sasl(SaslState.WRAP, self._digest.wrap(data))

    def _frames(self, buffer: bytearray) -> Iterator[bytes]:
        while len(buffer) >= 4 and len(buffer) - 4 >= (size := struct.unpack(">i", buffer[:4])[0]):
            content = bytes(buffer[4 : 4 + size])
            del buffer[: 4 + size]
            yield content

    def _frame(self, content: bytes) -> bytes:
        header, at = read_delimited(RpcRequestHeader, content)
        if header.call_id == -33:
            message, _ = read_delimited(SaslMessage, content, at)
            return self._sasl(message)
        if header.call_id == -4:
            self.pings += 1
            return b""
        if header.call_id == -3:
            self.context, _ = read_delimited(IpcConnectionContext, content, at)
            self.closed = bool(self.refusal)
            return self.protect(self.refusal)
        assert header.call_id >= 0
        request, at = read_delimited(RequestHeader, content, at)
        assert self.context is not None
        assert request.declaring_class_protocol_name == self.context.protocol
        length, at = read_varint(content, at, len(content))
        assert length == len(content) - at
        call = Call(
            header.call_id,
            header.client_id,
            header.retry_count,
            request.method_name,
            content[at:],
        )
        self.calls.append(call)
        said = self.handler(call)
        if said is CLOSE:
            self.closed = True
            return b""
        assert said is None or isinstance(said, bytes)
        return self.protect(said or b"")

    def _sasl(self, message: SaslMessage) -> bytes:
        if message.state is SaslState.NEGOTIATE:
            return sasl(SaslState.NEGOTIATE, auths=self.offers)
        if message.state is SaslState.WRAP:
            assert self._digest is not None
            self._inner += self._digest.unwrap(message.token or b"")
            return b"".join(map(self._frame, self._frames(self._inner)))
        if message.auths and message.auths[0].method == "SIMPLE":
            return b""
        assert message.auths[0].challenge is None
        self._digest = DigestServer.for_token(self.token)
        proof = self._digest.check(message.token or b"")
        if proof is None:
            self.closed = True
            return fatal(-33, "javax.security.sasl.SaslException", "DIGEST-MD5: wrong response")
        self._wrapping = self._digest.qop != "auth"
        return sasl(SaslState.SUCCESS, proof)


class FakeContext:
    """A context of three tokens; it marks what it wrapped."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.steps = 0

    @property
    def complete(self) -> bool:
        return self.steps == 2

    def step(self, token: bytes | None) -> bytes:
        self.steps += 1
        assert token == (None if self.steps == 1 else b"server-token")
        return b"client-token" if self.steps == 1 else b""

    def wrap(self, data: bytes, *, encrypt: bool) -> bytes:
        return (b"E" if encrypt else b"S") + data

    def unwrap(self, data: bytes) -> tuple[bytes, bool]:
        return data[1:], data[:1] == b"E"


@dataclass
class KerberosPeer(Peer):
    """A peer that `FakeContext` can log in to."""

    offers: tuple[SaslAuth, ...] = (KERBEROS_OFFER,)
    tokens: list[bytes] = field(default_factory=list)

    def protect(self, data: bytes) -> bytes:
        return sasl(SaslState.WRAP, b"E" + data) if self.context and data else data

    def _sasl(self, message: SaslMessage) -> bytes:
        if message.state is SaslState.NEGOTIATE:
            return sasl(SaslState.NEGOTIATE, auths=self.offers)
        assert message.token is not None
        if message.state is SaslState.WRAP:
            assert message.token[:1] == b"E"
            self._inner += message.token[1:]
            return b"".join(map(self._frame, self._frames(self._inner)))
        self.tokens.append(message.token)
        if len(self.tokens) == 1:
            assert message.state is SaslState.INITIATE
            return sasl(SaslState.CHALLENGE, b"server-token")
        assert message.state is SaslState.RESPONSE
        if len(self.tokens) == 2:
            return sasl(SaslState.CHALLENGE, b"S" + bytes((7, 1, 0, 0)))
        assert self.tokens == [b"client-token", b"", b"S" + bytes((4, 255, 255, 255))]
        return sasl(SaslState.SUCCESS)


@dataclass
class Server:
    """A listening server; `peers` are the connections that it had, in their order."""

    make: Callable[[], Peer]
    address: Address = field(default_factory=lambda: Address("127.0.0.1", 0))
    peers: list[Peer] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    gone: int = 0
    listener: asyncio.Server | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = self.make()
        self.peers.append(peer)
        self.writers.append(writer)
        try:
            while not peer.closed and (data := await reader.read(65536)):
                writer.write(peer.feed(data))
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            self.gone += 1
            writer.close()

    def send(self, data: bytes, peer: int = -1) -> None:
        """Send something that is no answer to what came last."""
        self.writers[peer].write(self.peers[peer].protect(data))


@contextlib.asynccontextmanager
async def serving(
    handler: Callable[[Call], bytes | object | None] | None = None,
    make: Callable[[], Peer] | None = None,
) -> AsyncIterator[Server]:
    """A server on a free loopback port."""
    default = Peer if handler is None else (lambda: Peer(handler=handler))
    server = Server(make or default)
    listener = server.listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.address = Address(*listener.sockets[0].getsockname()[:2])
    try:
        yield server
    finally:
        listener.close()
        for writer in server.writers:
            writer.close()
        for writer in server.writers:
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
