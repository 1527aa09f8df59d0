"""The protection of a connection after authentication."""

from __future__ import annotations

import enum
from typing import Protocol as Port

from yarnhub.base.errors import AuthenticationError, ConfigurationError


class Protection(enum.IntEnum):
    """The values of `hadoop.rpc.protection`, weakest first; the numbers are RFC 4752's bits."""

    AUTHENTICATION = 1
    INTEGRITY = 2
    PRIVACY = 4

    @property
    def qop(self) -> str:
        """The name in DIGEST-MD5."""
        return _QOPS[self]

    @classmethod
    def parse(cls, text: str) -> Protection:
        """The weakest protection in a list such as `authentication,privacy`.

        Raises:
            ConfigurationError: A name in it is unknown.
        """
        names = [name.strip().upper() for name in text.split(",") if name.strip()]
        unknown = [name for name in names if name not in cls.__members__]
        if unknown or not names:
            raise ConfigurationError(
                f"hadoop.rpc.protection is {text!r}: expected authentication, integrity or privacy"
            )
        return min(cls[name] for name in names)

    @classmethod
    def choose(cls, offered: int, minimum: Protection) -> Protection:
        """The strongest of the offered protections (bits).

        Raises:
            AuthenticationError: It is weaker than the minimum.
        """
        best = max((each for each in cls if each & offered), default=None)
        if best is None or best < minimum:
            raise AuthenticationError(
                f"the server offers {best.name.lower() if best else 'no known protection'}, "
                f"hadoop.rpc.protection requires {minimum.name.lower()} or more: "
                "the two sides' hadoop.rpc.protection must have a value in common"
            )
        return best


_QOPS = {
    Protection.AUTHENTICATION: "auth",
    Protection.INTEGRITY: "auth-int",
    Protection.PRIVACY: "auth-conf",
}


class Layer(Port):
    """Signs or encrypts outgoing data, verifies or decrypts incoming data."""

    def wrap(self, data: bytes) -> bytes:
        """Protect one piece."""
        ...

    def unwrap(self, data: bytes) -> bytes:
        """Remove the protection of one piece.

        Raises:
            RemoteProtocolError: It was modified, repeated or omitted.
        """
        ...
