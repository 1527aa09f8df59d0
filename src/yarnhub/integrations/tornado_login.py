"""Authentication for handlers of tornado, as in Hadoop's own web pages.

Needs the package `tornado`; `KerberosAuthMixin` needs `gssapi` as well.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from yarnhub.hadoop.security.acceptor import TicketAcceptor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


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


_service: TicketAcceptor | None = None
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
    host = hostname or socket.gethostname()
    global _service  # noqa: PLW0603  # one service is one process
    _service = TicketAcceptor(named, service, host)


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
        accepted = _service.accept(self.request.headers.get("Authorization", ""))
        if accepted is None:
            _require(self, "Negotiate")
        principal, answer = accepted
        if answer:  # authenticates the server
            self.set_header("WWW-Authenticate", answer)
        name, _, realm = principal.rpartition("@")
        return name if realm == _service.realm else principal


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
