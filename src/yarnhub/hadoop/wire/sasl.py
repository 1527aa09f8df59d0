"""Authentication: what a client can prove, what a server offers, and which of it is taken.

A mechanism makes the tokens of one exchange; a layer, where one was agreed on, signs or encrypts
all that follows. Source: RFC 4422; org.apache.hadoop.security.SaslRpcClient.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from typing import Protocol as Port

from yarnhub.base.errors import AuthenticationError
from yarnhub.hadoop.wire.digest_md5 import DigestMd5
from yarnhub.hadoop.wire.gssapi import Gssapi
from yarnhub.hadoop.wire.headers import UserInformation
from yarnhub.hadoop.wire.protection import Protection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from yarnhub.hadoop.wire.gssapi import GssContext
    from yarnhub.hadoop.wire.headers import SaslAuth
    from yarnhub.hadoop.wire.protection import Layer
    from yarnhub.hadoop.wire.tokens import Token


NO_KERBEROS = (
    "The server does not require Kerberos but the configuration does: "
    "set ipc.client.fallback-to-simple-auth-allowed to true if that is intended"
)


class Mechanism(Port):
    """One authentication exchange."""

    blocking: bool
    """Whether `step` may wait for the network: then it does not belong on an event loop."""

    def step(self, challenge: bytes | None) -> bytes:
        """Answer a challenge; None begins the exchange without one."""
        ...

    def finish(self, final: bytes | None) -> Layer | None:
        """Check the server's last word; returns the layer that was agreed on, if any."""
        ...


@dataclass(frozen=True, slots=True)
class KerberosLogin:
    """A Kerberos identity and the only server that it may be shown to."""

    open: Callable[[str], GssContext]
    """Begins a context with a server: `service/host@REALM`, or without the realm."""
    server: str
    """The server's expected principal, `_HOST` filled in; may be a pattern (`rm/*@REALM`)."""
    effective_user: str | None = None
    """Whom to act for, if not the ticket's owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """All that a client can prove, and the least that it accepts."""

    simple: UserInformation | None = None
    """The user to name where nothing has to be proven; None refuses to."""
    token: Token | None = None
    kerberos: KerberosLogin | None = None
    minimum: Protection = Protection.AUTHENTICATION
    cnonce: str = ""
    """New and unguessable for each connection; only used with a token."""

    @property
    def negotiates(self) -> bool:
        """Whether the server is asked what it wants. One that names a user only does not."""
        return self.token is not None or self.kerberos is not None


@dataclass(frozen=True, slots=True)
class ChosenMechanism:
    """The way that is taken."""

    auth: SaslAuth
    mechanism: Mechanism | None
    """None where there is nothing to prove (SIMPLE)."""
    user: UserInformation
    """What the connection still has to say of its user."""


def choose(offers: Sequence[SaslAuth], login: Login) -> ChosenMechanism:
    """Take the first offer that the client has the means for, in the server's order.

    Raises:
        AuthenticationError: There is none, or the server is not the one that was configured.
    """
    for auth in offers:
        match auth.method, auth.mechanism:
            case "TOKEN", "DIGEST-MD5" if login.token is not None:
                uri = f"{auth.protocol or ''}/{auth.server_id or ''}"
                digest = DigestMd5.of(login.token, uri, cnonce=login.cnonce, minimum=login.minimum)
                return ChosenMechanism(auth, digest, UserInformation())
            case "KERBEROS", "GSSAPI" if login.kerberos is not None:
                context = login.kerberos.open(check_principal(auth, login.kerberos.server))
                user = UserInformation(effective_user=login.kerberos.effective_user)
                return ChosenMechanism(auth, Gssapi(context, minimum=login.minimum), user)
            case "SIMPLE", _ if login.simple is not None:
                return ChosenMechanism(auth, None, login.simple)
            case _:
                continue
    raise AuthenticationError(_explain(offers, login))


def check_principal(auth: SaslAuth, expected: str) -> str:
    """The principal to ask a ticket for; checked before any ticket leaves the house.

    Else a false server could name another service and pass our proof on to it.

    Raises:
        AuthenticationError: The server is not the expected one.
    """
    offered = f"{auth.protocol or ''}/{auth.server_id or ''}"
    name, _, realm = expected.partition("@")
    if not fnmatchcase(offered.lower(), name.lower()):
        raise AuthenticationError(
            f"the server's principal is {offered}, the configuration expects {expected}"
        )
    return f"{offered}@{realm}" if realm and not set(realm) & set("*?[") else offered


def named(offers: Sequence[SaslAuth]) -> str:
    """What a server offers, for messages."""
    return ", ".join(f"{auth.method}/{auth.mechanism}".rstrip("/") for auth in offers) or "nothing"


def _explain(offers: Sequence[SaslAuth], login: Login) -> str:
    names = {auth.method for auth in offers}
    have = []
    if login.token is not None:
        have.append(f"a token of kind {login.token.kind}")
    if login.kerberos is not None:
        have.append("a Kerberos ticket")
    said = f"the server accepts {named(offers)}; the client has {' and '.join(have)}"
    if "KERBEROS" not in names and login.kerberos is not None:
        return f"{said}. {NO_KERBEROS}"
    if "KERBEROS" in names and login.kerberos is None:
        return f"{said}. Use a Kerberos ticket: run kinit, or give a keytab"
    return said
