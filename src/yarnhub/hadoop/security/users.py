"""Whom a connection acts for, and how that is proven."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Protocol as Port

if TYPE_CHECKING:
    from yarnhub.hadoop.wire.gssapi import GssContext
    from yarnhub.hadoop.wire.tokens import Token


class KerberosCredential(Port):
    """What `yarnhub.hadoop.security.kerberos` makes from a keytab or a ticket cache."""

    @property
    def principal(self) -> str:
        """Whose ticket it is, as far as that is known without asking."""
        ...

    def open(self, server: str) -> GssContext:
        """Begin a context with a server principal; must not wait for the network."""
        ...


@dataclass(frozen=True, slots=True)
class SimpleUser:
    """A user that is named and not proven: for clusters without security.

    With `real` set, `real` is who connects and `name` whom it acts for; the cluster's
    `hadoop.proxyuser.*` keys must allow it.
    """

    name: str
    real: str | None = None


@dataclass(frozen=True, slots=True)
class TokenUser:
    """The user that a token was given to."""

    token: Token


@dataclass(frozen=True, slots=True)
class KerberosUser:
    """The owner of a Kerberos ticket, or `name` if the owner acts for somebody else."""

    credential: KerberosCredential
    name: str | None = None


User = SimpleUser | TokenUser | KerberosUser
