"""TLS at the control port: only the holders of an application's key are admitted."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Protocol

from yarnhub.appmaster.shell.server.clients import ApplicationClients
from yarnhub.base.tls_pair import load_pair
from yarnhub.control.frames import PROTOCOLS

if TYPE_CHECKING:
    from yarnhub.appmaster.core.budgets import Budgets
    from yarnhub.appmaster.shell.server.clients import Answer


def bare_context() -> ssl.SSLContext:
    """A server's context that requires a certificate from every client, and trusts none yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    # A resumed session is not verified again: OpenSSL would admit the client of one application to
    # any other on this port.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    return context


def admit(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Authenticate with this pair, in PEM, and trust its holders."""
    context.set_alpn_protocols(PROTOCOLS)
    context.load_verify_locations(cadata=certificate.decode())
    load_pair(context, certificate, key)


class Admission(Protocol):
    """Decides which clients are admitted to which application."""

    @property
    def context(self) -> ssl.SSLContext:
        """The TLS context of the port."""
        ...

    def clients(self, client: ssl.SSLObject) -> ApplicationClients | None:
        """The clients to which a client belongs, after the handshake; None refuses it."""
        ...


class OwnAdmission:
    """The admission of a port that serves one application."""

    def __init__(self, certificate: bytes, key: bytes, answer: Answer, budgets: Budgets) -> None:
        self.context = bare_context()
        admit(self.context, certificate, key)
        self._clients = ApplicationClients(answer, budgets)

    def clients(self, client: ssl.SSLObject) -> ApplicationClients:  # noqa: ARG002  # the handshake said who
        """The application's clients: the handshake has verified the key."""
        return self._clients
