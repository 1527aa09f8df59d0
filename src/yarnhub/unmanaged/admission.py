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
        """The certificate and key of its clients, in PEM."""
        ...

    @property
    def clients(self) -> ApplicationClients:
        """Its clients: their requests, and the limits on what they use."""
        ...


class SharedAdmission:
    """Admits the holders of an application's key to that application only.

    A context is created for an application's first handshake, and kept as long as the application:
    applications without clients need no memory here.

    Args:
        find: Returns the application of a server name from `control.bootstrap.server_name`.
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
        # OpenSSL takes certificate and trusted certificates from the new context, but whether to
        # verify the client from the old one, which requires it: see `bare_context`.
        connection.context = context
        return None

    def clients(self, client: ssl.SSLObject) -> ApplicationClients | None:
        """The clients of the application that a client named, if the client has its key."""
        context = client.context
        if not isinstance(context, _ApplicationContext):
            return None
        # The handshake has verified it unless a session was resumed, which was verified for the
        # application with which it began.
        application = context.application()
        if application is None or client.getpeercert(binary_form=True) != context.leaf:
            return None
        return application.clients


class _ApplicationContext(ssl.SSLContext):
    """A context with its application, which it does not keep alive."""

    application: weakref.ReferenceType[ServedApplication]
    leaf: bytes
    """The certificate, in DER."""

    @classmethod
    def of(cls, application: ServedApplication) -> _ApplicationContext:
        """Create the context of an application."""
        context = cls(ssl.PROTOCOL_TLS_SERVER)
        context.application = weakref.ref(application)
        context.leaf = _leaf(application.pair[0])
        admit(context, *application.pair)
        context.set_alpn_protocols((*PROTOCOLS, STREAM))
        return context


def _leaf(certificate: bytes) -> bytes:
    """The first certificate of a PEM file, in DER."""
    end = certificate.index(_END) + len(_END)
    begin = certificate.index(b"-----BEGIN CERTIFICATE-----")
    return ssl.PEM_cert_to_DER_cert(certificate[begin:end].decode())
