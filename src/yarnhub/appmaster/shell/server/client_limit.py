"""A limit on the clients of a port that have proven nothing yet, and which of them may stay."""

from __future__ import annotations

from typing import Protocol


class LimitedClient(Protocol):
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


class ClientLimit:
    """The clients that are connected. Where there is no room for another one, an idle one goes.

    It is the one of the host with the most that has been here longest. So whoever opens many
    connections and goes no further keeps nobody out, neither from other hosts nor from its own: who
    does go further is gone from here long before it is the oldest.

    Args:
        most: How many there is room for.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._peers: dict[str, dict[LimitedClient, None]] = {}

    def enter(self, client: LimitedClient) -> bool:
        """Let one in; says whether there was room, or one who made room."""
        if self._count >= self._most and not self.expel_one():
            return False
        self._peers.setdefault(client.peer, {})[client] = None
        self._count += 1
        return True

    def leave(self, client: LimitedClient) -> None:
        """One is gone, or is no longer of those who may have to go."""
        theirs = self._peers.get(client.peer, {})
        if client in theirs:
            del theirs[client]
            self._count -= 1
            if not theirs:
                del self._peers[client.peer]

    def expel_one(self) -> bool:
        """Have an idle one go; says whether there was one."""
        for theirs in sorted(self._peers.values(), key=len, reverse=True):
            for client in theirs:
                if client.idle:
                    self.leave(client)
                    client.expel()
                    return True
        return False
