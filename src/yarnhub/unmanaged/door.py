"""The door of a port that serves many applications, each with its own key."""

from __future__ import annotations

import ssl
import weakref
from typing import TYPE_CHECKING, Protocol, TypeVar

from yarnhub.appmaster.shell.tls import admit, bare_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnhub.appmaster.shell.callers import Callers

A = TypeVar("A")

_END = b"-----END CERTIFICATE-----"


class Resident(Protocol):
    """An application behind the door."""

    @property
    def pair(self) -> tuple[bytes, bytes]:
        """The certificate and key of those who may reach it, in PEM."""
        ...

    @property
    def callers(self) -> Callers:
        """Those who may reach it, what they are answered and what they may take."""
        ...


class SharedDoor:
    """Lets the holders of an application's key in to that application, and to no other.

    A context is made for an application's first handshake, and kept as long as the application: a
    thousand applications that nobody talks to cost nothing here.

    Args:
        find: The application of a server name, as `control.bootstrap.server_name` makes it.
    """

    def __init__(self, find: Callable[[str], Resident | None]) -> None:
        self._find = find
        self._contexts: weakref.WeakKeyDictionary[Resident, _ResidentContext] = (
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
        resident = self._find(name or "")
        if resident is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        context = self._contexts.get(resident)
        if context is None:
            context = self._contexts[resident] = _ResidentContext.of(resident)
        # OpenSSL takes certificate and trusted certificates from the new context, but whether
        # there is any question of trust from the old one: that asks, see `bare_context`.
        connection.context = context
        return None

    def callers(self, client: ssl.SSLObject) -> Callers | None:
        """Those of the application that a client named, if it has shown that very one's key."""
        context = client.context
        if not isinstance(context, _ResidentContext):
            return None
        # The handshake has verified it unless a session was resumed, which is verified for
        # whatever application it began with.
        resident = context.resident()
        if resident is None or client.getpeercert(binary_form=True) != context.leaf:
            return None
        return resident.callers


class _ResidentContext(ssl.SSLContext):
    """A context that knows whose it is, and keeps nothing that has ended."""

    resident: weakref.ReferenceType[Resident]
    leaf: bytes
    """The certificate, as it is sent."""

    @classmethod
    def of(cls, resident: Resident) -> _ResidentContext:
        """That of an application."""
        context = cls(ssl.PROTOCOL_TLS_SERVER)
        context.resident = weakref.ref(resident)
        context.leaf = _leaf(resident.pair[0])
        admit(context, *resident.pair)
        return context


def _leaf(certificate: bytes) -> bytes:
    """The first certificate of a PEM file, as it is sent."""
    end = certificate.index(_END) + len(_END)
    begin = certificate.index(b"-----BEGIN CERTIFICATE-----")
    return ssl.PEM_cert_to_DER_cert(certificate[begin:end].decode())
