"""A limit on the clients of a port that are not authenticated yet."""

from __future__ import annotations

from typing import Protocol


class LimitedClient(Protocol):
    """A client that can be disconnected in favor of another one."""

    peer: str
    """Its host."""

    @property
    def idle(self) -> bool:
        """Whether it has no request."""
        ...

    def expel(self) -> None:
        """Disconnect it."""
        ...


class ClientLimit:
    """The connected clients. If the limit is reached, an idle one is disconnected for a new one.

    It is the oldest of the host with the most clients. So idle connections, however many, cannot
    keep out other clients, neither from other hosts nor from the same: those that authenticate
    leave this list long before they are the oldest.

    Args:
        most: The limit.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._peers: dict[str, dict[LimitedClient, None]] = {}

    def enter(self, client: LimitedClient) -> bool:
        """Add a client; returns whether that was possible."""
        if self._count >= self._most and not self.expel_one():
            return False
        self._peers.setdefault(client.peer, {})[client] = None
        self._count += 1
        return True

    def leave(self, client: LimitedClient) -> None:
        """Remove a client that has left or authenticated."""
        theirs = self._peers.get(client.peer, {})
        if client in theirs:
            del theirs[client]
            self._count -= 1
            if not theirs:
                del self._peers[client.peer]

    def expel_one(self) -> bool:
        """Disconnect an idle client; returns whether there was one."""
        for theirs in sorted(self._peers.values(), key=len, reverse=True):
            for client in theirs:
                if client.idle:
                    self.leave(client)
                    client.expel()
                    return True
        return False
