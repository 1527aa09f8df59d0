"""Viewers who have a page open, and read the stream of its changes."""

from __future__ import annotations

import asyncio
import contextlib

import httpx
from part import Task

from yarnhub.base.tasks import task_group

STREAMS = (
    "/applications/changes?since=0",
    "/home/changes",
    "/applications/changes?user={user}",
    "/applications/changes?state=running",
    "/cluster/changes",
)
"""Those of the pages that change, one viewer after the other."""
AGAIN = 1.0
"""Seconds after which a stream that has ended is opened again, as browsers do."""
PATIENCE = 60.0
"""Seconds for all streams to be open."""


class Viewers:
    """What the viewers have received.

    Args:
        address: The platform's.

    Attributes:
        events: How often something came.
        size: Bytes of it.
        ends: How many streams have ended.
    """

    def __init__(self, address: str) -> None:
        self.events = self.size = self.ends = 0
        self._address = address

    async def view(self, stream: str, cookies: dict[str, str], opened: asyncio.Event) -> None:
        """Read a stream until cancelled."""
        url = f"{self._address}{stream}"
        async with httpx.AsyncClient(cookies=cookies, timeout=None, trust_env=False) as http:
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    async with http.stream("GET", url) as response:
                        response.raise_for_status()
                        async for part in response.aiter_bytes():
                            opened.set()
                            self.events += 1
                            self.size += len(part)
                self.ends += 1
                await asyncio.sleep(AGAIN)


async def main() -> None:
    """Open the streams, and read them until that is to end."""
    task = await Task.receive()
    words = task.words
    viewers, logins = Viewers(words["address"]), list(words["logins"].items())
    async with task_group() as group:
        opened = [asyncio.Event() for _ in range(words["count"])]
        viewing = []
        for number, each in enumerate(opened):
            user, cookies = logins[number % len(logins)]
            # Each user has streams of several kinds.
            stream = STREAMS[(number + number // len(logins)) % len(STREAMS)]
            viewing.append(group.create_task(viewers.view(stream.format(user=user), cookies, each)))
        async with asyncio.timeout(PATIENCE):
            for each in opened:
                await each.wait()
        task.say(viewers=len(opened))
        viewers.events = viewers.size = 0
        await task.ended()
        task.say(events=viewers.events, size=viewers.size, ends=viewers.ends)
        for each in viewing:
            each.cancel()


if __name__ == "__main__":
    asyncio.run(main())
