"""What the keeper relies on of a server's tokens: played on the fake and on the real ones."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import AuthenticationError, RemoteError, YarnhubError
from yarnhub.hadoop.codec import encode
from yarnhub.hadoop.wire.identifiers import (
    RESOURCE_MANAGER,
    YARNDelegationTokenIdentifier,
    read_identifier,
)
from yarnhub.hadoop.wire.tokens import Token

if TYPE_CHECKING:
    from yarnhub.client.tokens.submission import TokenSource
    from yarnhub.hadoop.security.users import KerberosUser, User


@dataclass(frozen=True)
class Server:
    """A source with a user's login, and the service's that acts for the user."""

    source: TokenSource
    user: KerberosUser
    login: KerberosUser


class Contract:
    async def test_a_token_says_whose_it_is_and_who_may_renew_it(self, server: Server) -> None:
        token = await server.source.fetch(server.user, server.login.credential.principal)
        try:
            found = read_identifier(token)
            assert (found.owner, found.renewer) == ("alice", "jupyterhub")
            assert token.service
            assert (found.max_date or 0) > (found.issue_date or 0)
        finally:
            await server.source.cancel(server.login, token)

    async def test_a_renewal_tells_until_when_it_lives(self, server: Server) -> None:
        token = await server.source.fetch(server.user, server.login.credential.principal)
        try:
            found = read_identifier(token)
            expiry = await server.source.renew(server.login, token)
            assert (found.issue_date or 0) < expiry <= (found.max_date or 0)
            assert await server.source.renew(server.login, token) >= expiry
        finally:
            await server.source.cancel(server.login, token)

    async def test_each_token_is_a_new_one(self, server: Server) -> None:
        renewer = server.login.credential.principal
        one = await server.source.fetch(server.user, renewer)
        other = await server.source.fetch(server.user, renewer)
        assert one.identifier != other.identifier
        assert one.service == other.service
        await server.source.cancel(server.login, one)
        await server.source.renew(server.login, other)
        await server.source.cancel(server.login, other)

    async def test_a_token_that_was_cancelled_is_unknown(self, server: Server) -> None:
        token = await server.source.fetch(server.user, server.login.credential.principal)
        await server.source.cancel(server.login, token)
        with pytest.raises((AuthenticationError, RemoteError), match="unknown token"):
            await server.source.renew(server.login, token)


@dataclass(eq=False)
class FakeSource:
    """Tokens by the event loop's clock."""

    service: str = "10.0.0.1:8020"
    lifetime: float = 60.0
    renewal: float = 30.0
    refusals: list[YarnhubError] = field(default_factory=list)
    """Raised one by one in place of the next calls."""
    alive: dict[bytes, float] = field(default_factory=dict)
    """Until when each token lives, by its identifier."""
    calls: list[str] = field(default_factory=list)
    delay: float = 0.0
    issued: int = 0
    cancelled: int = 0

    async def fetch(self, user: User, renewer: str) -> Token:
        now = await self._call("fetch")
        self.issued += 1
        identifier = YARNDelegationTokenIdentifier(
            owner=getattr(user, "name", None),
            renewer=renewer.partition("@")[0],
            issue_date=int(now * 1000),
            max_date=int((now + self.lifetime) * 1000),
            sequence_number=self.issued,
        )
        token = Token(encode(identifier), b"secret", RESOURCE_MANAGER, self.service)
        self.alive[token.identifier] = now + self.renewal
        return token

    async def renew(self, user: User, token: Token) -> int:
        now = await self._call("renew")
        self.check(token)
        last = (read_identifier(token).max_date or 0) / 1000
        self.alive[token.identifier] = min(last, now + self.renewal)
        return int(self.alive[token.identifier] * 1000)

    async def cancel(self, user: User, token: Token) -> None:
        await self._call("cancel")
        self.check(token)
        del self.alive[token.identifier]
        self.cancelled += 1

    def check(self, token: Token) -> None:
        """What a server does with a token that somebody shows."""
        if self.alive.get(token.identifier, -1.0) < asyncio.get_running_loop().time():
            raise AuthenticationError("unknown token, or it has expired")

    async def _call(self, name: str) -> float:
        self.calls.append(name)
        await asyncio.sleep(self.delay)
        if self.refusals:
            raise self.refusals.pop(0)
        return asyncio.get_running_loop().time()
