"""Clients of a port that have proven nothing yet: who may stay, and whose turn it is."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Guest(Protocol):
    """A client that may have to make room for another one."""

    peer: str
    """Its host."""

    @property
    def idle(self) -> bool:
        """Whether it has asked for nothing."""
        ...

    def expel(self) -> None:
        """Have it go."""
        ...


class Crowd:
    """Those who are here. Where there is no room for another one, an idle one goes.

    It is the one of the host with the most that has been here longest: so whoever opens many
    connections and says nothing keeps nobody out, neither from other hosts nor from its own.

    Args:
        most: How many there is room for.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._peers: dict[str, dict[Guest, None]] = {}

    def enter(self, guest: Guest) -> bool:
        """Let one in; says whether there was room, or one who made room."""
        if self._count >= self._most and not self.expel_one():
            return False
        self._peers.setdefault(guest.peer, {})[guest] = None
        self._count += 1
        return True

    def leave(self, guest: Guest) -> None:
        """One is gone, or is no longer of those who may have to go."""
        theirs = self._peers.get(guest.peer, {})
        if guest in theirs:
            del theirs[guest]
            self._count -= 1
            if not theirs:
                del self._peers[guest.peer]

    def expel_one(self) -> bool:
        """Have an idle one go; says whether there was one."""
        for theirs in sorted(self._peers.values(), key=len, reverse=True):
            for guest in theirs:
                if guest.idle:
                    self.leave(guest)
                    guest.expel()
                    return True
        return False


class Turns:
    """Lets so many do something at once, and so many of one host.

    Who came last is next: of many who wait, that one is the likeliest to be still there.

    Args:
        most: At once.
        of_peer: Of them, of one host.
    """

    def __init__(self, most: int, of_peer: int) -> None:
        self._free = most
        self._of_peer = of_peer
        self._busy: dict[str, int] = {}
        self._waiting: dict[asyncio.Future[None], str] = {}

    @contextlib.asynccontextmanager
    async def turn(self, peer: str) -> AsyncIterator[None]:
        """A turn of a host's for a block; cancelling while it waits gives it up."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting[turn] = peer
        self._call()
        try:
            await turn
            yield
        finally:
            if self._waiting.pop(turn, None) is None:
                self._free += 1
                self._busy[peer] -= 1
                if not self._busy[peer]:
                    del self._busy[peer]
            self._call()

    def _call(self) -> None:
        """Call the next ones, as far as there is room."""
        for turn, peer in reversed(tuple(self._waiting.items())) if self._free else ():
            if self._free and self._busy.get(peer, 0) < self._of_peer:
                del self._waiting[turn]
                self._free -= 1
                self._busy[peer] = self._busy.get(peer, 0) + 1
                if not turn.done():
                    turn.set_result(None)
