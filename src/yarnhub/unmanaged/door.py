"""The door of a port that serves many applications, each with its own key."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from yarnhub.appmaster.shell.tls import admit, bare_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnhub.appmaster.shell.server import Answer
    from yarnhub.control.messages import Request

A = TypeVar("A")

_END = b"-----END CERTIFICATE-----"


class Resident(Protocol):
    """An application behind the door."""

    @property
    def pair(self) -> tuple[bytes, bytes]:
        """The certificate and key of those who may reach it, in PEM."""
        ...

    async def ask(self, request: Request[Any]) -> Any:  # the class depends on the request
        """Have it answer a request."""
        ...


class SharedDoor:
    """Lets the holders of an application's key in to that application, and to no other.

    A context is made for each handshake: a thousand applications that nobody talks to cost
    nothing here.

    Args:
        find: The application of a server name, as `control.bootstrap.server_name` makes it.
    """

    def __init__(self, find: Callable[[str], Resident | None]) -> None:
        self._find = find
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
        # OpenSSL takes certificate and trusted certificates from the new context, but whether
        # there is any question of trust from the old one: that asks, see `bare_context`.
        context = _ResidentContext(ssl.PROTOCOL_TLS_SERVER)
        context.resident = resident
        admit(context, *resident.pair)
        connection.context = context
        return None

    def answer(self, client: ssl.SSLObject) -> Answer | None:
        """The application that a client named, if it has shown that very application's key."""
        context = client.context
        if not isinstance(context, _ResidentContext):
            return None
        certificate, _ = context.resident.pair
        # The handshake has verified it unless a session was resumed, which is verified for
        # whatever application it began with.
        if client.getpeercert(binary_form=True) != _leaf(certificate):
            return None
        return context.resident.ask


class _ResidentContext(ssl.SSLContext):
    """A context that knows whose it is."""

    resident: Resident


def _leaf(certificate: bytes) -> bytes:
    """The first certificate of a PEM file, as it is sent."""
    end = certificate.index(_END) + len(_END)
    begin = certificate.index(b"-----BEGIN CERTIFICATE-----")
    return ssl.PEM_cert_to_DER_cert(certificate[begin:end].decode())
