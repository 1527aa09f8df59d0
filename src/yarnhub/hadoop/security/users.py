"""The user of a connection, and how it is authenticated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Protocol as Port

if TYPE_CHECKING:
    from yarnhub.hadoop.wire.gssapi import GssContext
    from yarnhub.hadoop.wire.tokens import Token


class KerberosCredential(Port):
    """A keytab or a ticket cache of `yarnhub.hadoop.security.kerberos`."""

    @property
    def principal(self) -> str:
        """The ticket's principal, as far as known without the network."""
        ...

    def open(self, server: str) -> GssContext:
        """Create a context with a server principal; must not wait for the network."""
        ...


@dataclass(frozen=True, slots=True)
class SimpleUser:
    """An unauthenticated user: for clusters without security.

    With `real` set, `real` connects and acts for `name`; the cluster's
    `hadoop.proxyuser.*` keys must allow it.
    """

    name: str
    real: str | None = None


@dataclass(frozen=True, slots=True)
class TokenUser:
    """The owner of a token."""

    token: Token


@dataclass(frozen=True, slots=True)
class KerberosUser:
    """The owner of a Kerberos ticket, or `name` if the owner acts for another user."""

    credential: KerberosCredential
    name: str | None = None


User = SimpleUser | TokenUser | KerberosUser
