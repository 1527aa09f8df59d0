"""Admission at a port that serves many applications, each with its own key."""

from __future__ import annotations

import ssl
import weakref
from typing import TYPE_CHECKING, Protocol, TypeVar

from yarnhub.appmaster.shell.server.admission import admit, bare_context
from yarnhub.control.frames import PROTOCOLS, STREAM

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnhub.appmaster.shell.server.clients import ApplicationClients

A = TypeVar("A")

_END = b"-----END CERTIFICATE-----"


class ServedApplication(Protocol):
    """An application that clients reach at the port."""

    @property
    def pair(self) -> tuple[bytes, bytes]:
        """The certificate and key of those who may reach it, in PEM."""
        ...

    @property
    def clients(self) -> ApplicationClients:
        """Those who may reach it, what they are answered and what they may take."""
        ...


class SharedAdmission:
    """Lets the holders of an application's key in to that application, and to no other.

    A context is made for an application's first handshake, and kept as long as the application: a
    thousand applications that nobody talks to cost nothing here.

    Args:
        find: The application of a server name, as `control.bootstrap.server_name` makes it.
    """

    def __init__(self, find: Callable[[str], ServedApplication | None]) -> None:
        self._find = find
        self._contexts: weakref.WeakKeyDictionary[ServedApplication, _ApplicationContext] = (
            weakref.WeakKeyDictionary()
        )
        self.context = bare_context()
        self.context.sni_callback = self._choose

    def _choose(
        self,
        connection: ssl.SSLSocket | ssl.SSLObject,
        name: str | None,
        _: ssl.SSLContext,
    ) -> int | None:
        application = self._find(name or "")
        if application is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        context = self._contexts.get(application)
        if context is None:
            context = self._contexts[application] = _ApplicationContext.of(application)
        # OpenSSL takes certificate and trusted certificates from the new context, but whether
        # there is any question of trust from the old one: that asks, see `bare_context`.
        connection.context = context
        return None

    def clients(self, client: ssl.SSLObject) -> ApplicationClients | None:
        """Those of the application that a client named, if it has shown that very one's key."""
        context = client.context
        if not isinstance(context, _ApplicationContext):
            return None
        # The handshake has verified it unless a session was resumed, which is verified for
        # whatever application it began with.
        application = context.application()
        if application is None or client.getpeercert(binary_form=True) != context.leaf:
            return None
        return application.clients


class _ApplicationContext(ssl.SSLContext):
    """A context that knows whose it is, and keeps nothing that has ended."""

    application: weakref.ReferenceType[ServedApplication]
    leaf: bytes
    """The certificate, as it is sent."""

    @classmethod
    def of(cls, application: ServedApplication) -> _ApplicationContext:
        """That of an application."""
        context = cls(ssl.PROTOCOL_TLS_SERVER)
        context.application = weakref.ref(application)
        context.leaf = _leaf(application.pair[0])
        admit(context, *application.pair)
        context.set_alpn_protocols((*PROTOCOLS, STREAM))
        return context


def _leaf(certificate: bytes) -> bytes:
    """The first certificate of a PEM file, as it is sent."""
    end = certificate.index(_END) + len(_END)
    begin = certificate.index(b"-----BEGIN CERTIFICATE-----")
    return ssl.PEM_cert_to_DER_cert(certificate[begin:end].decode())
