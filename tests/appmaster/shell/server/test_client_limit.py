"""Who may stay where there is no room for all."""

from __future__ import annotations

from yarnhub.appmaster.shell.server.client_limit import ClientLimit


class LimitedClient:
    def __init__(self, peer: str, *, idle: bool = True) -> None:
        self.peer, self.idle, self.expelled = peer, idle, False

    def expel(self) -> None:
        self.expelled = True


def test_who_has_been_idle_longest_of_the_host_with_the_most_goes() -> None:
    limit = ClientLimit(4)
    one = LimitedClient("one")
    busy = LimitedClient("many", idle=False)
    first, second = LimitedClient("many"), LimitedClient("many")
    assert all(limit.enter(each) for each in (one, busy, first, second))
    assert limit.enter(LimitedClient("new"))
    assert [each.expelled for each in (one, busy, first, second)] == [False, False, True, False]
    assert limit.enter(LimitedClient("new"))
    assert second.expelled


def test_where_nobody_is_idle_nobody_goes() -> None:
    limit = ClientLimit(2)
    clients = [LimitedClient("one", idle=False), LimitedClient("two", idle=False)]
    assert all(limit.enter(each) for each in clients)
    assert not limit.enter(LimitedClient("three"))
    limit.leave(clients[0])
    limit.leave(clients[0])
    assert limit.enter(LimitedClient("three"))
