"""Reads what many users own: a few at a time, in turns, and for a limited time."""

from __future__ import annotations

import asyncio
import collections
from typing import TYPE_CHECKING, TypeVar

from yarnhub.base.tasks import task_group

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE, OF_ONE = 16, 4
"""Items that are read at the same time: of all owners, and of one."""


async def read_in_turns(
    items: Mapping[str, Sequence[T]], read: Callable[[T], Awaitable[R]], seconds: float
) -> tuple[list[R], dict[str, int]]:
    """Read the first item of each owner, then the second of each, and so on.

    Items that do not respond occupy at most `OF_ONE` of the `AT_ONCE` places for each owner. The
    first error cancels the rest. Cancelling leaves nothing behind.

    Args:
        items: What each owner has.
        read: Reads one.
        seconds: The time for all; what was read by then is returned.

    Returns:
        What was read, and the number of items that were not, by owner.
    """
    turns = collections.deque((owner, collections.deque(each)) for owner, each in items.items())
    running: collections.Counter[str] = collections.Counter()
    unread = collections.Counter({owner: len(each) for owner, each in items.items()})
    found: list[R] = []

    async def take_turns() -> None:
        while turns:
            owner, rest = turns.popleft()
            if not rest:
                continue
            item = rest.popleft()
            running[owner] += 1
            if running[owner] < OF_ONE:
                turns.append((owner, rest))
            found.append(await read(item))
            unread[owner] -= 1
            if running[owner] == OF_ONE:
                turns.append((owner, rest))
            running[owner] -= 1

    limit = asyncio.timeout(seconds)
    try:
        async with limit, task_group() as group:
            for _ in range(AT_ONCE):
                group.create_task(take_turns())
    except TimeoutError:
        if not limit.expired():  # it is an error of `read`
            raise
    return found, {owner: count for owner, count in unread.items() if count}
