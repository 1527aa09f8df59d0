"""Users who look at the platform all the time, whatever is killed under it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from hub.hub import POLL
from hub.platform_pages import PAGES
from yarnhub.base.tasks import task_group

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import httpx

NO_DATABASE = "The database of the service does not respond. Try again."
NO_HUB = "JupyterHub does not respond as expected. Try again."


@contextlib.asynccontextmanager
async def onlookers(*looks: Callable[[], Awaitable[httpx.Response]]) -> AsyncIterator[None]:
    """Have several look for as long as the block, which fails if one is not answered in words.

    Args:
        looks: What each of them does, again and again.
    """

    async def look_on(look: Callable[[], Awaitable[httpx.Response]]) -> None:
        while True:
            in_words(await look())
            await asyncio.sleep(POLL)

    async with task_group() as group:
        tasks = [group.create_task(look_on(each)) for each in looks]
        try:
            yield
        finally:
            for each in tasks:
                each.cancel()


def in_words(answer: httpx.Response) -> None:
    """Fail if the platform has answered with an error of a server, but not with what is away."""
    for each in (*answer.history, answer):
        if each.url.path.startswith(PAGES) and each.is_server_error:
            assert NO_DATABASE in each.text or NO_HUB in each.text, f"{each.url}: {each.text}"
            assert each.status_code == 503, f"{each.url}: {each.text}"
