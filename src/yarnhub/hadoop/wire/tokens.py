"""Tokens, and the HDTS format in which processes pass them on.

    +------+---------+--------------------------------------------------+
    | HDTS | format  | 0: Writable, the form that Hadoop itself writes    |
    | 4 b. | 1 byte  | 1: one length-prefixed CredentialsProto            |
    +------+---------+--------------------------------------------------+

Source: org.apache.hadoop.security.TokenStorage, Security.proto (Hadoop 3.4).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError, RemoteProtocolError
from yarnhub.hadoop.codec import proto, read_delimited, repeated
from yarnhub.hadoop.scalars import BYTES, STRING
from yarnhub.hadoop.wire.writable import Reader, sized, vint

if TYPE_CHECKING:
    from collections.abc import Mapping

AMRM_TOKEN = "YARN_AM_RM_TOKEN"  # noqa: S105  # a kind of token, not a token
"""The kind of an ApplicationMaster's token for the ResourceManager's scheduler."""
_MAGIC = b"HDTS"
_WRITABLE, _PROTOBUF = 0, 1


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """An identity issued by a daemon, with its secret (`TokenProto`).

    The password is in no `repr`.
    """

    identifier: bytes = proto(1, BYTES)
    password: bytes = proto(2, BYTES)
    kind: str = proto(3, STRING)
    service: str = proto(4, STRING)

    def __repr__(self) -> str:
        return f"Token(kind={self.kind!r}, service={self.service!r})"

    def to_url(self) -> str:
        """Its form in a URL, including its secret (`Token.encodeToUrlString`)."""
        fields = (self.identifier, self.password, self.kind.encode(), self.service.encode())
        packed = b"".join(map(sized, fields))
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")

    @classmethod
    def from_url(cls, text: str) -> Token:
        """The token that `to_url` wrote.

        Raises:
            ValueError: It is not base64.
            RemoteProtocolError: It is not a token.
        """
        reader = Reader(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return cls(reader.sized(), reader.sized(), reader.text(), reader.text())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """`CredentialsKVProto`."""

    alias: str = proto(1, STRING)
    token: Token | None = proto(2, Token, None)
    secret: bytes | None = proto(3, BYTES, None, secret=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entries:
    """`CredentialsProto`."""

    tokens: tuple[_Entry, ...] = repeated(1, _Entry)
    secrets: tuple[_Entry, ...] = repeated(2, _Entry)


@dataclass(frozen=True, slots=True, repr=False)
class TokenStorage:
    """Tokens and secrets by alias: the content of a token file, Hadoop's class `Credentials`.

    Secrets are stored with the tokens, in a file that only the container's user can read, and
    Hadoop never logs them: this is the way to pass a small secret to a container.
    """

    tokens: Mapping[str, Token] = field(default_factory=dict)
    secrets: Mapping[str, bytes] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"TokenStorage(tokens={dict(self.tokens)!r}, secrets={sorted(self.secrets)!r})"

    @classmethod
    def read(cls, data: bytes) -> TokenStorage:
        """Read the HDTS form.

        Raises:
            ConfigurationError: The bytes are not a token file, or are truncated.
        """
        if data[:4] != _MAGIC:
            raise ConfigurationError("this is not a Hadoop token file: it does not start with HDTS")
        version = data[4] if len(data) > 4 else None
        try:
            if version == _WRITABLE:
                return cls._read_writable(Reader(data, 5))
            if version == _PROTOBUF:
                entries, _ = read_delimited(_Entries, data, 5)
                return cls(
                    {entry.alias: entry.token for entry in entries.tokens if entry.token},
                    {entry.alias: entry.secret or b"" for entry in entries.secrets},
                )
        except RemoteProtocolError as error:
            raise ConfigurationError(f"the Hadoop token file is damaged: {error}") from error
        raise ConfigurationError(f"the Hadoop token file has the unknown format {version}")

    @classmethod
    def _read_writable(cls, reader: Reader) -> TokenStorage:
        tokens = {}
        for _ in range(reader.vint()):
            alias = reader.text()
            tokens[alias] = Token(reader.sized(), reader.sized(), reader.text(), reader.text())
        secrets = {}
        for _ in range(reader.vint()):
            alias = reader.text()
            secrets[alias] = reader.sized()
        return cls(tokens, secrets)

    def write(self) -> bytes:
        """The HDTS form that every Hadoop version reads (Writable)."""
        parts = [_MAGIC, bytes((_WRITABLE,)), vint(len(self.tokens))]
        for alias, token in self.tokens.items():
            parts += (sized(alias.encode()), sized(token.identifier), sized(token.password))
            parts += (sized(token.kind.encode()), sized(token.service.encode()))
        parts.append(vint(len(self.secrets)))
        for alias, secret in self.secrets.items():
            parts += (sized(alias.encode()), sized(secret))
        return b"".join(parts)

    def find(self, kind: str) -> Token | None:
        """The first token of a kind, such as `AMRM_TOKEN`.

        Tokens are looked up by kind because the service may be empty, as in the AMRMToken.
        """
        return next((token for token in self.tokens.values() if token.kind == kind), None)

    def merge(self, other: TokenStorage) -> TokenStorage:
        """Both combined; if an alias is in both, `other` takes precedence."""
        return TokenStorage({**self.tokens, **other.tokens}, {**self.secrets, **other.secrets})

    def without(self, kind: str) -> TokenStorage:
        """All except the tokens of one kind: for example, for an AM's containers."""
        kept = {alias: token for alias, token in self.tokens.items() if token.kind != kind}
        return TokenStorage(kept, self.secrets)
