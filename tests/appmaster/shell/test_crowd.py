"""Who may stay where there is no room for all, and whose turn it is."""

from __future__ import annotations

import asyncio
import contextlib

from yarnhub.appmaster.shell.crowd import Crowd, Turns


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


async def test_so_many_at_once_and_who_came_last_is_next() -> None:
    turns = Turns(most=3, of_peer=2)
    inside: list[str] = []
    leave = asyncio.Event()

    async def work(name: str, peer: str) -> None:
        async with turns.turn(peer):
            inside.append(name)
            await leave.wait()

    async with asyncio.TaskGroup() as group:
        for name in ("a1", "a2", "a3", "a4", "b1", "b2"):
            group.create_task(work(name, name[0]))
        for _ in range(3):
            await asyncio.sleep(0)
        assert inside == ["a1", "a2", "b1"]
        leave.set()
    assert inside == ["a1", "a2", "b1", "b2", "a4", "a3"]


async def test_who_gives_up_his_turn_takes_none() -> None:
    turns = Turns(most=1, of_peer=1)
    async with asyncio.TaskGroup() as group:
        async with turns.turn("a"):
            waiting = group.create_task(turns.turn("b").__aenter__())
            await asyncio.sleep(0)
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiting
        async with asyncio.timeout(1), turns.turn("c"):
            pass
