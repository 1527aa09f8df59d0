"""Who may stay where there is no room for all."""

from __future__ import annotations

from yarnhub.appmaster.shell.crowd import Crowd


class Guest:
    def __init__(self, peer: str, *, idle: bool = True) -> None:
        self.peer, self.idle, self.expelled = peer, idle, False

    def expel(self) -> None:
        self.expelled = True


def test_who_has_been_idle_longest_of_the_host_with_the_most_goes() -> None:
    crowd = Crowd(4)
    one = Guest("one")
    busy = Guest("many", idle=False)
    first, second = Guest("many"), Guest("many")
    assert all(crowd.enter(each) for each in (one, busy, first, second))
    assert crowd.enter(Guest("new"))
    assert [each.expelled for each in (one, busy, first, second)] == [False, False, True, False]
    assert crowd.enter(Guest("new"))
    assert second.expelled


def test_where_nobody_is_idle_nobody_goes() -> None:
    crowd = Crowd(2)
    guests = [Guest("one", idle=False), Guest("two", idle=False)]
    assert all(crowd.enter(each) for each in guests)
    assert not crowd.enter(Guest("three"))
    crowd.leave(guests[0])
    crowd.leave(guests[0])
    assert crowd.enter(Guest("three"))
