"""SASL GSSAPI from the client's side: authentication with a Kerberos ticket.

Source: RFC 4752, section 3.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Protocol as Port

from yarnhub.base.errors import AuthenticationError, RemoteProtocolError
from yarnhub.hadoop.wire.protection import Protection

if TYPE_CHECKING:
    from yarnhub.hadoop.wire.protection import Layer

_MAX_BUFFER = 0xFFFFFF
"""The largest value of the three bytes: Java does not split its messages by it."""


class GssContext(Port):
    """A security context of a GSSAPI library."""

    @property
    def complete(self) -> bool:
        """Whether both sides are authenticated."""
        ...

    def step(self, token: bytes | None) -> bytes:
        """Process the peer's token, return the next one; empty if there is none."""
        ...

    def wrap(self, data: bytes, *, encrypt: bool) -> bytes:
        """Sign, and encrypt if requested."""
        ...

    def unwrap(self, data: bytes) -> tuple[bytes, bool]:
        """Verify; returns the message and whether it was encrypted."""
        ...


class Gssapi:
    """One exchange.

    First the context is set up, then the server names in a signed message the protections it
    offers and the client names the one it takes:

        +-----------+------------------------+
        | layers    | largest piece          |
        | 1 byte    | 3 bytes, big-endian    |
        +-----------+------------------------+
    """

    blocking = True

    def __init__(self, context: GssContext, *, minimum: Protection) -> None:
        self._context = context
        self._minimum = minimum
        self._chosen: Protection | None = None

    def step(self, challenge: bytes | None) -> bytes:
        """Respond to a challenge. May wait for the KDC."""
        if not self._context.complete:
            return self._context.step(challenge)
        if self._chosen is not None:
            raise RemoteProtocolError("the server continued the GSSAPI exchange after its end")
        offer, _ = self._context.unwrap(challenge or b"")
        if len(offer) != 4:
            raise RemoteProtocolError("the server's offer of GSSAPI protections cannot be read")
        self._chosen = Protection.choose(offer[0], self._minimum)
        # RFC 4752: the size is 0 where nothing is wrapped.
        size = 0 if self._chosen is Protection.AUTHENTICATION else _MAX_BUFFER
        answer = bytes((self._chosen,)) + size.to_bytes(3, "big")
        return self._context.wrap(answer, encrypt=False)

    def finish(self, final: bytes | None) -> Layer | None:
        """Refuse a premature success."""
        if not self._context.complete or self._chosen is None or final:
            raise AuthenticationError(
                "the server ended the GSSAPI exchange before it was authenticated"
            )
        if self._chosen is Protection.AUTHENTICATION:
            return None
        return GssLayer(self._context, encrypt=self._chosen is Protection.PRIVACY)


class GssLayer:
    """Signs or encrypts with the context of the exchange."""

    def __init__(self, context: GssContext, *, encrypt: bool) -> None:
        self._context = context
        self._encrypt = encrypt

    def wrap(self, data: bytes) -> bytes:
        """Protect one piece."""
        return self._context.wrap(data, encrypt=self._encrypt)

    def unwrap(self, data: bytes) -> bytes:
        """Remove the protection of one piece."""
        message, encrypted = self._context.unwrap(data)
        if self._encrypt and not encrypted:
            raise RemoteProtocolError("the server sent in the clear what it agreed to encrypt")
        return message
