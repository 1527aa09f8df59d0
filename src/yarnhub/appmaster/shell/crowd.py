"""Clients of a port that have proven nothing yet, and who of them may stay."""

from __future__ import annotations

from typing import Protocol


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

    It is the one of the host with the most that has been here longest. So whoever opens many
    connections and goes no further keeps nobody out, neither from other hosts nor from its own: who
    does go further is gone from here long before it is the oldest.

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
