"""Kerberos logins of tests without a KDC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yarnhub.hadoop.wire.gssapi import GssContext


@dataclass(frozen=True)
class Ticket:
    """A login of which only the name is used."""

    principal: str = "alice@EXAMPLE.COM"

    def open(self, server: str) -> GssContext:
        raise AssertionError("nobody is logged in here")


@dataclass
class SpnegoTicket:
    """A credential whose tokens say for whom they are."""

    principal: str = "alice@REALM"

    def open(self, server: str) -> SpnegoProof:
        return SpnegoProof(server)


@dataclass
class SpnegoProof:
    server: str
    answered: bytes | None = None
    complete: bool = False

    def step(self, token: bytes | None) -> bytes:
        self.answered = token
        return b"" if token else f"ticket for {self.server}".encode()

    # HTTP takes a ticket to log in with; nothing that it carries is sealed with it.

    def wrap(self, data: bytes, *, encrypt: bool) -> bytes:
        raise AssertionError("sealed a message over HTTP")

    def unwrap(self, data: bytes) -> tuple[bytes, bool]:
        raise AssertionError("opened a message over HTTP")
