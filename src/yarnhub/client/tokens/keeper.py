"""Renews delegation tokens in a long-lived process that can log in with Kerberos."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from yarnhub.base.closing import Closing
from yarnhub.base.errors import ConfigurationError, LocalProtocolError, YarnhubError
from yarnhub.base.tasks import task_group
from yarnhub.client.tokens.lifetime import NextStep, TokenLife
from yarnhub.client.tokens.submission import beside_default, by_alias, cancel_tokens, token_sources
from yarnhub.hadoop.security.users import KerberosUser
from yarnhub.hadoop.wire.identifiers import read_identifier
from yarnhub.hadoop.wire.tokens import TokenStorage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
    from typing import Self

    from yarnhub.client.access.settings import Settings
    from yarnhub.client.tokens.submission import TokenSource
    from yarnhub.hadoop.security.users import User
    from yarnhub.hadoop.wire.tokens import Token

_log = logging.getLogger(__name__)

_CANCEL_TIMEOUT = 10.0
"""Seconds to cancel unused tokens: otherwise they expire."""


class KeptTokens:
    """The tokens of one user for one set of file systems, as seen by one holder.

    Attributes:
        ended: Whether everything that used the tokens has ended. If it is not set on exit, the
            tokens may still be in use.
    """

    def __init__(self, share: _Share) -> None:
        self._share = share
        self.ended = False

    @property
    def number(self) -> int:
        """The number of sets of tokens so far."""
        return self._share.number

    @property
    def tokens(self) -> Mapping[str, Token]:
        """The tokens by alias; empty on a cluster without security."""
        return by_alias(self._share.tokens.values())

    @property
    def content(self) -> bytes:
        """The tokens as a token file, for `UpdateTokens`."""
        return TokenStorage(self.tokens).write()

    async def newer(self, number: int) -> int:
        """Wait for a set with a number greater than this; returns it. Cancelling loses nothing."""
        while self.number <= number:
            await self._share.news.wait()
        return self.number


class TokenKeeper(Closing):
    """Fetches tokens as users through its own login, and keeps them fresh; a context manager.

    They are renewed by the login, and replaced by new ones well before their maximum lifetime.
    Holders with the same user and file systems share them. They are canceled when the last holder
    has left and everything that used them has ended; otherwise they expire. If a server does not
    respond, this is logged and retried.

    Args:
        settings: The cluster and the login: a keytab, or a ticket that is renewed elsewhere; for
            other users it acts as a proxy user.
        sources: The sources of the tokens.
    """

    def __init__(
        self,
        settings: Settings,
        sources: Callable[[Settings, Iterable[str]], Awaitable[Sequence[TokenSource]]] = (
            token_sources
        ),
    ) -> None:
        self._settings = settings
        self._sources = sources
        self._shares: dict[tuple[str, frozenset[str]], _Share] = {}
        self._stack = contextlib.AsyncExitStack()
        self._group: asyncio.TaskGroup | None = None

    async def __aenter__(self) -> Self:
        self._group = await self._stack.enter_async_context(task_group())
        return self

    async def aclose(self) -> None:
        """Cancel the tokens that nothing uses; returns when that has been tried."""
        for share in self._shares.values():
            share.in_use = True
            self._end(share)
        # Not told what went wrong in the block: it is not the tasks' to wrap.
        await self._stack.aclose()

    @contextlib.asynccontextmanager
    async def kept(self, user: str, file_systems: Iterable[str] = ()) -> AsyncIterator[KeptTokens]:
        """A user's tokens, renewed within the block, which starts when they are fetched.

        Args:
            user: The user; empty for the login's own.
            file_systems: URLs of file systems in addition to `fs.defaultFS`.

        Raises:
            AccessDeniedError: The login may not act for the user.
            AuthenticationError: The login was refused, or has expired.
            ConnectError: A server cannot be reached at the start; later failures are retried.
        """
        further = frozenset(beside_default(self._settings, file_systems))
        key = (user or self._settings.user_name, further)
        share = self._shares.get(key)
        if share is None:
            share = self._shares[key] = self._begin(*key)
        share.holders += 1
        kept = KeptTokens(share)
        try:
            await share.ready()
            yield kept
        finally:
            share.in_use |= share.number > 0 and not kept.ended
            share.holders -= 1
            if not share.holders:
                del self._shares[key]
                self._end(share)

    def _begin(self, name: str, file_systems: frozenset[str]) -> _Share:
        acting = self._settings.acting_for(name)
        sources = functools.partial(self._sources, self._settings, sorted(file_systems))
        share = _Share(sources, acting.user, self._settings.user)
        share.task = self._tasks.create_task(share.run(), name=f"keep tokens of {name}")
        return share

    def _end(self, share: _Share) -> None:
        if share.task is not None:
            share.task.cancel()
        if not share.in_use:
            self._tasks.create_task(share.cancel_tokens(), name="cancel tokens")

    @property
    def _tasks(self) -> asyncio.TaskGroup:
        if self._group is None:
            raise LocalProtocolError("tokens are renewed only within `async with TokenKeeper(...)`")
        return self._group


@dataclass(frozen=True, slots=True)
class _Held:
    """A token and its source."""

    source: TokenSource
    token: Token
    life: TokenLife


class _Share:
    """Tokens with several holders, and their renewal."""

    def __init__(
        self, sources: Callable[[], Awaitable[Sequence[TokenSource]]], user: User, login: User
    ) -> None:
        self.tokens: dict[TokenSource, Token] = {}
        self.number = 0
        self.news = asyncio.Event()
        self.holders = 0
        self.in_use = False
        """Whether the tokens may still be in use after their holder has left."""
        self.task: asyncio.Task[None] | None = None
        self._sources = sources
        self._user, self._login = user, login
        self._fetched: list[_Held] = []
        """All tokens that may be in use, including replaced ones until they expire."""
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._now = asyncio.get_running_loop().time

    async def ready(self) -> None:
        """Wait for the first tokens; raises the error of fetching them."""
        await asyncio.shield(self._first)

    async def run(self) -> None:
        """Renew the tokens until cancelled; returns if there are none at first."""
        try:
            sources = await self._sources()
            if sources and not isinstance(self._login, KerberosUser):
                raise ConfigurationError("delegation tokens need a login with Kerberos")
            async with task_group() as group:
                tasks = [group.create_task(self._fetch(source)) for source in sources]
        except YarnhubError as error:
            self._first.set_exception(error)
            self._first.exception()  # retrieved: the one who waits may have left
            return
        held = [task.result() for task in tasks]
        self._put({each.source: each.token for each in held})
        self._first.set_result(None)
        async with task_group() as group:
            for each in held:
                group.create_task(self._keep_fresh(each), name=f"keep {each.token}")

    def _put(self, tokens: Mapping[TokenSource, Token]) -> None:
        """Replace older tokens of the same sources."""
        self.tokens |= tokens
        self.number += 1
        self.news.set()
        self.news = asyncio.Event()

    async def _keep_fresh(self, held: _Held) -> None:
        failed = False
        chance = random.random()  # noqa: S311  # jitter
        while True:
            at, step = held.life.next(chance)
            if failed:
                # What cannot be renewed may be unknown to its server: only a new one is sure.
                at, step = self._now() + held.life.pause(self._now()), NextStep.FETCH
            await asyncio.sleep(at - self._now())
            try:
                if step is NextStep.FETCH:
                    held = await self._fetch(held.source)
                    self._put({held.source: held.token})
                else:
                    held = await self._renewed(held)
            except YarnhubError as error:
                failed = True
                left = held.life.expires - self._now()
                _log.warning(
                    "cannot %s %s, which expires in %.0f s: %s", step.value, held.token, left, error
                )
            else:
                failed = False
                _log.info("%s is fresh: %s", held.token, step.value)

    async def _fetch(self, source: TokenSource) -> _Held:
        token = await source.fetch(self._user, _renewer(self._login))
        held = _Held(source, token, TokenLife.begin(read_identifier(token), self._now()))
        self._fetched = [each for each in self._fetched if each.life.ends > self._now()]
        self._fetched.append(held)
        return await self._renewed(held)

    async def _renewed(self, held: _Held) -> _Held:
        expiry = await held.source.renew(self._login, held.token)
        return replace(held, life=held.life.renewal(expiry, self._now()))

    async def cancel_tokens(self) -> None:
        """Cancel all tokens; on servers that do not respond they expire."""
        await cancel_tokens([(held.source, held.token) for held in self._fetched], self._login)


def _renewer(login: User) -> str:
    return login.credential.principal if isinstance(login, KerberosUser) else ""
