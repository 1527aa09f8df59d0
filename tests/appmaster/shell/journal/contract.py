"""What every journal must do; one class of tests for each runs it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from yarnhub.appmaster.shell.journal.recorder import Journal


class Opened(Protocol):
    """Gives the journal as the next process finds it."""

    def __call__(self) -> Journal: ...


SMALL = b'{"records":[]}'
LARGE = random.Random(7).randbytes(50_000).replace(b"\n", b"")


class JournalContract:
    """Subclasses give the fixture `opened`."""

    async def test_a_new_one_is_empty(self, opened: Opened) -> None:
        journal = opened()
        assert await journal.load() == []
        assert not journal.overgrown

    async def test_the_next_process_finds_all_in_order(self, opened: Opened) -> None:
        journal = opened()
        await journal.load()
        await journal.compact(b"snapshot")
        written = [b"snapshot"]
        for number in range(60):
            changes = [b"%d" % number, LARGE if number == 7 else b"x" * number + b"y"]
            await journal.append(changes)
            written += changes
        assert await opened().load() == written

    async def test_a_snapshot_takes_the_place_of_all(self, opened: Opened) -> None:
        journal = opened()
        await journal.load()
        await journal.append([b"a", b"b"])
        await journal.compact(b"snapshot")
        await journal.append([b"c"])
        assert await opened().load() == [b"snapshot", b"c"]

    async def test_each_process_goes_on_where_the_last_one_was(self, opened: Opened) -> None:
        first = opened()
        await first.load()
        await first.append([b"a"])
        second = opened()
        assert await second.load() == [b"a"]
        await second.compact(b"b")
        await second.append([b"c"])
        third = opened()
        assert await third.load() == [b"b", b"c"]
        await third.append([b"d"])
        assert await opened().load() == [b"b", b"c", b"d"]

    async def test_it_is_overgrown_until_it_is_compact(self, opened: Opened) -> None:
        journal = opened()
        await journal.load()
        for _ in range(20):
            await journal.append([LARGE])
        assert journal.overgrown
        await journal.compact(SMALL)
        assert not journal.overgrown

    async def test_after_the_end_there_is_none(self, opened: Opened) -> None:
        journal = opened()
        await journal.load()
        await journal.append([b"a"])
        await journal.delete()
        assert await opened().load() == []
