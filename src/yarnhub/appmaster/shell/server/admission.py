"""TLS at the control port: an application lets in the holders of its own key, and nobody else."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Protocol

from yarnhub.appmaster.shell.server.clients import ApplicationClients
from yarnhub.base.key_pairs import load_pair
from yarnhub.control.frames import PROTOCOLS

if TYPE_CHECKING:
    from yarnhub.appmaster.core.budgets import Budgets
    from yarnhub.appmaster.shell.server.clients import Answer


def bare_context() -> ssl.SSLContext:
    """A server's context that asks every client for a certificate, and trusts none yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    # A session that is resumed is not verified again: OpenSSL lets in whoever was let in once,
    # to whichever application of this port.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    return context


def admit(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Have a context prove this pair, in PEM, and trust its holders."""
    context.set_alpn_protocols(PROTOCOLS)
    context.load_verify_locations(cadata=certificate.decode())
    load_pair(context, certificate, key)


class Admission(Protocol):
    """Who is let in, and to what."""

    @property
    def context(self) -> ssl.SSLContext:
        """Decides the handshake."""
        ...

    def clients(self, client: ssl.SSLObject) -> ApplicationClients | None:
        """Who a client is of, whose handshake is done; None turns it away."""
        ...


class OwnAdmission:
    """The admission of a port that serves one application."""

    def __init__(self, certificate: bytes, key: bytes, answer: Answer, budgets: Budgets) -> None:
        self.context = bare_context()
        admit(self.context, certificate, key)
        self._clients = ApplicationClients(answer, budgets)

    def clients(self, client: ssl.SSLObject) -> ApplicationClients:  # noqa: ARG002  # the handshake said who
        """The application's: whoever came through the handshake holds its key."""
        return self._clients
