"""SASL DIGEST-MD5 from the client's side: how a token is authenticated.

The user name is the token's identifier and the password its password, both in base64. The
password itself is never sent. MD5 and RC4 are broken by today's standards, but Hadoop uses them.
Source: RFC 2831; org.apache.hadoop.security.SaslRpcServer.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from functools import partial
from typing import TYPE_CHECKING

from yarnhub.base.errors import AuthenticationError, RemoteProtocolError
from yarnhub.hadoop.wire.protection import Protection
from yarnhub.hadoop.wire.rc4 import Rc4

if TYPE_CHECKING:
    from yarnhub.hadoop.wire.protection import Layer
    from yarnhub.hadoop.wire.tokens import Token

# Hosts in FIPS mode refuse MD5 unless it is declared as not used for security.
_md5 = partial(hashlib.md5, usedforsecurity=False)

_CIPHERS = {"rc4": 16, "rc4-56": 7, "rc4-40": 5}
"""The supported ciphers, strongest first, with the number of bytes of H(A1) in their keys."""

_MAX_BUFFER = 65536
"""The value that Java announces. Neither side splits its messages by it."""

_DIRECTIVE = re.compile(r'\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)\s*')

_CLIENT_SIGNING = b"Digest session key to client-to-server signing key magic constant"
_SERVER_SIGNING = b"Digest session key to server-to-client signing key magic constant"
_CLIENT_SEALING = b"Digest H(A1) to client-to-server sealing key magic constant"
_SERVER_SEALING = b"Digest H(A1) to server-to-client sealing key magic constant"


def parse_challenge(challenge: bytes) -> dict[str, str]:
    """The directives of a challenge.

    Raises:
        RemoteProtocolError: It is not in the format of RFC 2831, section 2.1.1.
    """
    text = challenge.decode(errors="replace")
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _DIRECTIVE.match(text, at)
        if match is None or match.end() == at:
            raise RemoteProtocolError("the server's DIGEST-MD5 challenge cannot be read")
        name, quoted, plain = match.groups()
        found[name.lower()] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        at = match.end()
    return found


class DigestMd5:
    """One exchange. `cnonce` must be new and unguessable."""

    blocking = False

    @classmethod
    def of(cls, token: Token, digest_uri: str, *, cnonce: str, minimum: Protection) -> DigestMd5:
        """The exchange that authenticates with a token."""
        user = base64.b64encode(token.identifier).decode()
        password = base64.b64encode(token.password).decode()
        return cls(user, password, digest_uri, cnonce=cnonce, minimum=minimum)

    def __init__(
        self, user: str, password: str, digest_uri: str, *, cnonce: str, minimum: Protection
    ) -> None:
        self._user = user
        self._password = password
        self._uri = digest_uri
        self._cnonce = cnonce
        self._minimum = minimum
        self._proof: bytes | None = None
        self._proven = False
        self._layer: Layer | None = None

    def step(self, challenge: bytes | None) -> bytes:
        """Respond to the challenge; without one the response is empty."""
        if challenge is None:
            return b""
        if self._proof is not None:
            # Some servers send their proof as a challenge, with an empty response.
            self._check(challenge)
            return b""
        directives = parse_challenge(challenge)
        if directives.get("algorithm") != "md5-sess" or "nonce" not in directives:
            raise RemoteProtocolError("the server's DIGEST-MD5 challenge has no nonce or algorithm")
        realm, nonce = directives.get("realm", ""), directives["nonce"]
        protection = self._choose(directives.get("qop", "auth"))
        secret = f"{self._user}:{realm}:{self._password}".encode()
        session = _md5(_md5(secret).digest() + f":{nonce}:{self._cnonce}".encode())
        tail = "" if protection is Protection.AUTHENTICATION else ":" + "0" * 32

        def response(verb: str) -> str:
            a2 = _md5(f"{verb}:{self._uri}{tail}".encode()).hexdigest()
            middle = f"{nonce}:00000001:{self._cnonce}:{protection.qop}"
            return _md5(f"{session.hexdigest()}:{middle}:{a2}".encode()).hexdigest()

        self._proof = b"rspauth=" + response("").encode()
        answer = (
            f'charset=utf-8,username="{_quote(self._user)}",realm="{_quote(realm)}",'
            f'nonce="{_quote(nonce)}",nc=00000001,cnonce="{self._cnonce}",'
            f'digest-uri="{_quote(self._uri)}",maxbuf={_MAX_BUFFER},'
            f"response={response('AUTHENTICATE')},qop={protection.qop}"
        )
        if protection is Protection.PRIVACY:
            cipher = _choose_cipher(directives.get("cipher", ""))
            answer += f',cipher="{cipher}"'
            self._layer = Privacy(session.digest(), _CIPHERS[cipher])
        elif protection is Protection.INTEGRITY:
            self._layer = Integrity(session.digest())
        return answer.encode()

    def _choose(self, offered: str) -> Protection:
        names = {name.strip() for name in offered.split(",")}
        bits = sum(each for each in Protection if each.qop in names)
        return Protection.choose(bits, self._minimum)

    def _check(self, proof: bytes | None) -> None:
        if self._proof is None or not hmac.compare_digest(proof or b"", self._proof):
            raise AuthenticationError("the server did not prove that it has the token's password")
        self._proven = True

    def finish(self, final: bytes | None) -> Layer | None:
        """Check the server's proof (`rspauth`), unless it came before."""
        if not self._proven or final:
            self._check(final)
        return self._layer


def _quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _choose_cipher(offered: str) -> str:
    names = {name.strip() for name in offered.split(",")}
    for cipher in _CIPHERS:
        if cipher in names:
            return cipher
    raise AuthenticationError(
        f"the server supports only {offered or 'an unnamed cipher'}; for tokens yarnhub supports"
        f" {', '.join(_CIPHERS)}"
    )


class Integrity:
    """Signs outgoing messages and verifies incoming ones.

    +---------+----------------------+---------+------------+
    | message | HMAC-MD5, 10 bytes   | 00 01   | sequence   |
    +---------+----------------------+---------+------------+
    """

    def __init__(self, session: bytes) -> None:
        self._sign = hmac.new(_md5(session + _CLIENT_SIGNING).digest(), digestmod=_md5)
        self._check = hmac.new(_md5(session + _SERVER_SIGNING).digest(), digestmod=_md5)
        self._sent = self._received = 0

    def wrap(self, data: bytes) -> bytes:
        """Sign one piece."""
        sequence = self._sent.to_bytes(4, "big")
        self._sent = (self._sent + 1) & 0xFFFFFFFF
        return self._seal(data + _mac(self._sign, sequence, data)) + b"\0\1" + sequence

    def unwrap(self, data: bytes) -> bytes:
        """Verify one piece."""
        sequence = self._received.to_bytes(4, "big")
        self._received = (self._received + 1) & 0xFFFFFFFF
        opened = self._open(data[:-6])
        message, mac = opened[:-10], opened[-10:]
        expected = _mac(self._check, sequence, message)
        if data[-6:] != b"\0\1" + sequence or not hmac.compare_digest(mac, expected):
            raise RemoteProtocolError(
                "a response was changed on its way, repeated or left out: its signature is wrong"
            )
        return message

    def _seal(self, data: bytes) -> bytes:
        return data

    def _open(self, data: bytes) -> bytes:
        return data


class Privacy(Integrity):
    """Like `Integrity`, with message and signature encrypted.

    The ciphers' state continues over the whole connection: no piece may be lost.
    """

    def __init__(self, session: bytes, key_bytes: int) -> None:
        super().__init__(session)
        key = session[:key_bytes]
        self._seal = Rc4(_md5(key + _CLIENT_SEALING).digest()).update  # type: ignore[method-assign]
        self._open = Rc4(_md5(key + _SERVER_SEALING).digest()).update  # type: ignore[method-assign]


def _mac(key: hmac.HMAC, sequence: bytes, message: bytes) -> bytes:
    mac = key.copy()
    mac.update(sequence)
    mac.update(message)
    return mac.digest()[:10]
