"""Kerberos tickets: from a keytab, or from a ticket cache that `kinit` fills.

Needs the `gssapi` package and MIT Kerberos (`pip install yarnhub[kerberos]`); imported when the
first credential is created, so that programs without Kerberos do not load it. Each connection gets
the ticket again: a ticket cache is read again, and for a keytab the library gets a new ticket after
half of the old one's lifetime.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnhub.base.errors import AuthenticationError, ConfigurationError, RemoteProtocolError

if TYPE_CHECKING:
    from types import ModuleType

_KRB5 = -1765328384
"""The first error code of MIT Kerberos (`ERROR_TABLE_BASE_krb5`)."""

_MEANINGS = {
    _KRB5 + 6: "the KDC has no such principal",
    _KRB5 + 7: "the KDC has no principal for the server: check its host name",
    _KRB5 + 14: "the KDC does not support the keytab's encryption types",
    _KRB5 + 24: "the keytab holds an old or wrong key: export it again",
    _KRB5 + 31: "the keytab holds an old or wrong key: export it again",
    _KRB5 + 32: "it has expired",
    _KRB5 + 37: "the clocks of this host and of the KDC differ by more than 5 minutes",
    _KRB5 + 141: "the ticket cache does not exist",
    _KRB5 + 154: "no KDC is configured for the realm: see krb5.conf",
    _KRB5 + 156: "no KDC of the realm can be reached",
    _KRB5 + 181: "the keytab has no key of this principal",
    _KRB5 + 195: "the ticket cache does not exist",
}


def _gssapi() -> ModuleType:
    try:
        import gssapi
    except ImportError as error:
        raise ConfigurationError(
            "Kerberos needs the gssapi package: install yarnhub[kerberos]"
        ) from error
    except OSError as error:
        raise ConfigurationError(
            f"Kerberos needs the libraries of MIT Kerberos: {error}"
        ) from error
    module: ModuleType = gssapi
    return module


def default_realm() -> str:
    """The default realm of krb5.conf; empty if there is none."""
    gssapi = _gssapi()
    try:
        # MIT Kerberos adds it to a principal without one.
        name = gssapi.Name("user", gssapi.NameType.kerberos_principal)
        return str(name.canonicalize(gssapi.MechType.kerberos)).partition("@")[2]
    except gssapi.exceptions.GSSError:
        return ""


@dataclass(frozen=True, slots=True)
class TicketCache:
    """The tickets from `kinit`.

    Args:
        path: The cache's name, such as `/tmp/krb5cc_1000`; None for the user's default.
    """

    path: str | None = None

    def __post_init__(self) -> None:
        _gssapi()

    @property
    def principal(self) -> str:
        """The tickets' principal; reads the cache."""
        return str(self.acquire().name)

    def open(self, server: str) -> KerberosContext:
        """Create a context with a server; its first step uses the network."""
        return KerberosContext(self, server)

    def acquire(self) -> Any:  # gssapi is untyped here
        """The ticket, as a `gssapi.Credentials`.

        Raises:
            AuthenticationError: There is none, or it has expired.
        """
        gssapi = _gssapi()
        store = {"ccache": self.path} if self.path else None
        where = f"in {self.path}" if self.path else "in the default ticket cache"
        try:
            credentials = gssapi.Credentials(usage="initiate", store=store)
            if credentials.lifetime > 0:
                return credentials
        except gssapi.exceptions.GSSError as error:
            expired = isinstance(error, gssapi.exceptions.ExpiredCredentialsError)
            reason = "it has expired" if expired else _explain(error)
            raise AuthenticationError(
                f"no valid Kerberos ticket {where}: {reason}: run kinit"
            ) from error
        raise AuthenticationError(f"no valid Kerberos ticket {where}: it has expired: run kinit")


@dataclass(frozen=True, slots=True)
class Keytab:
    """A keytab, from which services get tickets.

    Args:
        path: The keytab file.
        principal: The principal whose key is used.
    """

    path: str | Path
    principal: str
    _cache: str = field(
        default_factory=lambda: f"MEMORY:yarnhub-{uuid.uuid4()}", repr=False, compare=False
    )

    def __post_init__(self) -> None:
        _gssapi()

    def open(self, server: str) -> KerberosContext:
        """Create a context with a server; its first step uses the network."""
        return KerberosContext(self, server)

    def acquire(self) -> Any:  # gssapi is untyped here
        """A ticket from the KDC, or the cached one, as a `gssapi.Credentials`.

        Raises:
            ConfigurationError: The keytab cannot be read.
            AuthenticationError: The KDC issued no ticket.
        """
        gssapi = _gssapi()
        try:
            with Path(self.path).open("rb"):
                pass
        except OSError as error:
            raise ConfigurationError(
                f"the keytab {self.path} cannot be read: {error.strerror}"
            ) from error
        try:
            return gssapi.Credentials(
                name=gssapi.Name(self.principal, gssapi.NameType.kerberos_principal),
                usage="initiate",
                store={"client_keytab": f"FILE:{self.path}", "ccache": self._cache},
            )
        except gssapi.exceptions.GSSError as error:
            # Without a key for the principal, the library falls back to an empty cache.
            keyless = _signed(error.min_code) in (_KRB5 + 141, _KRB5 + 195)
            reason = "the keytab has no key of this principal" if keyless else _explain(error)
            raise AuthenticationError(
                f"no Kerberos ticket for {self.principal} from the keytab {self.path}: {reason}"
            ) from error


class KerberosContext:
    """A security context of the `gssapi` package; see `yarnhub.hadoop.wire.gssapi.GssContext`."""

    def __init__(self, credential: TicketCache | Keytab, server: str) -> None:
        self._credential = credential
        self._server = server
        self._context: Any = None  # gssapi is untyped here

    @property
    def complete(self) -> bool:
        """Whether both sides are authenticated."""
        return self._context is not None and self._context.complete

    def step(self, token: bytes | None) -> bytes:
        """Process the server's token, return the next one. The first step may wait for the KDC."""
        gssapi = _gssapi()
        if self._context is None:
            self._context = self._begin(self._credential.acquire())
        try:
            return self._context.step(token) or b""
        except gssapi.exceptions.GSSError as error:
            raise AuthenticationError(
                f"no Kerberos ticket for the server {self._server}: {_explain(error)}"
            ) from error

    def _begin(self, credentials: Any) -> Any:  # gssapi is untyped here
        gssapi = _gssapi()
        if "@" in self._server:
            name = gssapi.Name(self._server, gssapi.NameType.kerberos_principal)
        else:
            host_based = self._server.replace("/", "@", 1)
            name = gssapi.Name(host_based, gssapi.NameType.hostbased_service)
        flag = gssapi.RequirementFlag
        return gssapi.SecurityContext(
            name=name,
            creds=credentials,
            usage="initiate",
            mech=gssapi.MechType.kerberos,
            flags=flag.mutual_authentication
            | flag.integrity
            | flag.confidentiality
            | flag.replay_detection
            | flag.out_of_sequence_detection,
        )

    def wrap(self, data: bytes, *, encrypt: bool) -> bytes:
        """Sign, and encrypt if requested.

        Raises:
            AuthenticationError: The context has expired.
        """
        try:
            wrapped: bytes = self._context.wrap(data, encrypt).message
        except _gssapi().exceptions.GSSError as error:
            raise AuthenticationError(f"a call cannot be wrapped: {_explain(error)}") from error
        return wrapped

    def unwrap(self, data: bytes) -> tuple[bytes, bool]:
        """Verify; returns the message and whether it was encrypted.

        Raises:
            RemoteProtocolError: It was modified, repeated or omitted.
        """
        try:
            message, encrypted, _ = self._context.unwrap(data)
        except _gssapi().exceptions.GSSError as error:
            raise RemoteProtocolError(
                f"a wrapped response cannot be unwrapped: {_explain(error)}"
            ) from error
        return message, encrypted


def _explain(error: Any) -> str:  # gssapi is untyped here
    known = _MEANINGS.get(_signed(error.min_code))
    return known or " ".join(str(error.gen_message()).split())


def _signed(code: int) -> int:
    return code - (1 << 32) if code >> 31 else code
