"""Authentication for handlers of tornado, as in Hadoop's own web pages.

Needs the package `tornado`; `KerberosAuthMixin` needs `gssapi` as well.
"""

from __future__ import annotations

import base64
import logging
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger("tornado.application")


class _Handler(Protocol):
    """The part of `tornado.web.RequestHandler` that is used here."""

    request: Any  # tornado has types only if it is installed

    def set_status(self, status_code: int) -> None: ...
    def set_header(self, name: str, value: str) -> None: ...
    def write(self, chunk: str) -> None: ...
    def get_argument(self, name: str, default: str) -> str: ...


class _KerberosHandler(_Handler, Protocol):
    def get_current_user_kerberos(self) -> str: ...


class _SimpleHandler(_Handler, Protocol):
    def get_current_user_simple(self) -> str: ...


@dataclass(frozen=True, slots=True)
class _Service:
    """The identity of this process: its credentials, and the realm of its principal."""

    credentials: Any  # gssapi has no types
    realm: str


_service: _Service | None = None
"""Set by `init_kerberos`, once for the process, as mixins have no object of their own."""


def init_kerberos(
    environment: Mapping[str, str],
    keytab: str | Path | None = None,
    service: str = "HTTP",
    hostname: str | None = None,
) -> None:
    """Set the identity of this process's `KerberosAuthMixin` handlers: a service on a host.

    Args:
        environment: The variables of the process.
        keytab: The file with the service's key; None takes the variable `KRB5_KTNAME`.
        service: The service's name; browsers use `HTTP`.
        hostname: The host's name in the principal; None takes this host's.

    Raises:
        ValueError: There is no keytab, or the service's key is not in it.
        FileNotFoundError: The keytab does not exist.
        ImportError: The package `gssapi` is not installed.
    """
    named = str(keytab or environment.get("KRB5_KTNAME", "")).removeprefix("FILE:")
    if not named:
        raise ValueError("give a keytab, or set the variable KRB5_KTNAME to one")
    import gssapi

    path = Path(named).expanduser().absolute()
    if not path.exists():
        raise FileNotFoundError(f"No keytab found at {path}")
    name = f"{service}@{hostname or socket.gethostname()}"
    wanted = gssapi.Name(name, gssapi.NameType.hostbased_service)
    try:
        credentials = gssapi.Credentials(
            name=wanted, usage="accept", store={"keytab": f"FILE:{path}"}
        )
        principal = str(credentials.name)
    except gssapi.raw.GSSError as error:
        raise ValueError(f"{path} has no key for {name.replace('@', '/')}: {error}") from error
    global _service  # noqa: PLW0603  # one service is one process
    _service = _Service(credentials, principal.rpartition("@")[2])


def _require(handler: _Handler, scheme: str) -> NoReturn:
    """Respond that authentication is required."""
    from tornado import web

    handler.set_status(401)
    handler.set_header("WWW-Authenticate", scheme)
    handler.write("Authentication required")
    raise web.Finish


class KerberosAuthMixin:
    """A `tornado.web.RequestHandler` whose `current_user` is authenticated by Kerberos (SPNEGO).

    ```
    class HelloHandler(KerberosAuthMixin, web.RequestHandler):
        @web.authenticated
        def get(self):
            self.write(f"Hello {self.current_user}")

    init_kerberos(keytab="service.keytab")
    web.Application([("/", HelloHandler)]).listen(8888)
    ```
    """

    def get_current_user(self: _KerberosHandler) -> str:
        """The user; override it to authenticate users in other ways too."""
        return self.get_current_user_kerberos()

    def get_current_user_kerberos(self: _Handler) -> str:
        """The user's short name; a principal of another realm is named in full.

        Users who are not authenticated get status 401.
        """
        if _service is None:
            raise RuntimeError("call init_kerberos before requests are served")
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "negotiate":
            _require(self, "Negotiate")
        principal, answer = _accept(_service, token) or (None, "")
        if principal is None:
            _require(self, "Negotiate")
        if answer:  # authenticates the server
            self.set_header("WWW-Authenticate", f"Negotiate {answer}")
        name, _, realm = principal.rpartition("@")
        return name if realm == _service.realm else principal


def _accept(service: _Service, token: str) -> tuple[str, str] | None:
    """The principal of a token, and the response to it; None if it is not valid."""
    import gssapi

    try:
        context = gssapi.SecurityContext(creds=service.credentials, usage="accept")
        answer = context.step(base64.b64decode(token, validate=True)) or b""
        # An error with a response for the client is raised only here.
        if not context.complete:
            return None
        return str(context.initiator_name), base64.b64encode(answer).decode()
    except (ValueError, gssapi.raw.GSSError) as error:
        _log.info("a client failed to authenticate: %s", error)
        return None


class SimpleAuthMixin:
    """A `tornado.web.RequestHandler` whose `current_user` is the one in `?user.name=`.

    Without authentication: anyone can use any name, as on a cluster without Kerberos.

    ```
    class HelloHandler(SimpleAuthMixin, web.RequestHandler):
        @web.authenticated
        def get(self):
            self.write(f"Hello {self.current_user}")
    ```
    """

    def get_current_user(self: _SimpleHandler) -> str:
        """The user; override it to authenticate users in other ways too."""
        return self.get_current_user_simple()

    def get_current_user_simple(self: _Handler) -> str:
        """The user in the request; a request without one gets status 401."""
        return self.get_argument("user.name", "") or _require(self, "PseudoAuth")
