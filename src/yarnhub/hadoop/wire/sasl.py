"""Authentication: a client's credentials, a server's offers, and the choice of a mechanism.

A mechanism creates the tokens of one exchange; a layer, if one was negotiated, signs or encrypts
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
    """Whether `step` may wait for the network and must not run on an event loop."""

    def step(self, challenge: bytes | None) -> bytes:
        """Respond to a challenge; None starts the exchange without one."""
        ...

    def finish(self, final: bytes | None) -> Layer | None:
        """Verify the server's last message; returns the negotiated layer, if any."""
        ...


@dataclass(frozen=True, slots=True)
class KerberosLogin:
    """A Kerberos identity and the only server that may see it."""

    open: Callable[[str], GssContext]
    """Creates a context with a server: `service/host@REALM`, or without the realm."""
    server: str
    """The server's expected principal, `_HOST` replaced; may be a pattern (`rm/*@REALM`)."""
    effective_user: str | None = None
    """The user to act for, if not the ticket's owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A client's credentials and requirements."""

    simple: UserInformation | None = None
    """The user name without authentication; None refuses that."""
    token: Token | None = None
    kerberos: KerberosLogin | None = None
    minimum: Protection = Protection.AUTHENTICATION
    cnonce: str = ""
    """New and unguessable for each connection; only used with a token."""

    @property
    def negotiates(self) -> bool:
        """Whether to negotiate with the server. A login with only a user name does not."""
        return self.token is not None or self.kerberos is not None


@dataclass(frozen=True, slots=True)
class ChosenMechanism:
    """The chosen mechanism."""

    auth: SaslAuth
    mechanism: Mechanism | None
    """None for no authentication (SIMPLE)."""
    user: UserInformation
    """The user information that the connection must still send."""


def choose(offers: Sequence[SaslAuth], login: Login) -> ChosenMechanism:
    """Choose the first offer for which the client has credentials, in the server's order.

    Raises:
        AuthenticationError: There is none, or the server is not the configured one.
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
    """The principal to get a ticket for; verified before a ticket is sent.

    Otherwise a false server could name another service and relay our authentication to it.

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
    """The offers of a server, for messages."""
    return ", ".join(f"{auth.method}/{auth.mechanism}".rstrip("/") for auth in offers) or "nothing"


def _explain(offers: Sequence[SaslAuth], login: Login) -> str:
    names = {auth.method for auth in offers}
    have = []
    if login.token is not None:
        have.append(f"a token of kind {login.token.kind}")
    if login.kerberos is not None:
        have.append("a Kerberos ticket")
    reason = f"the server accepts {named(offers)}; the client has {' and '.join(have)}"
    if "KERBEROS" not in names and login.kerberos is not None:
        return f"{reason}. {NO_KERBEROS}"
    if "KERBEROS" in names and login.kerberos is None:
        return f"{reason}. Use a Kerberos ticket: run kinit, or give a keytab"
    return reason
