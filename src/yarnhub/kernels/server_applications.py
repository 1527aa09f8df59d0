"""YARN applications that kernels of users' servers start themselves, such as Spark's."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError
from yarnhub.kernels.companions import Companions
from yarnhub.kernels.protocol import TAGS
from yarnhub.kernels.requests import Requests
from yarnhub.kernels.why_waiting import WhyWaiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.base.background import BackgroundTasks
    from yarnhub.client.access.settings import Settings
    from yarnhub.sessions.tags import HubTags

_log = logging.getLogger(__name__)

_RETRY = 10.0
_ATTEMPTS = 100
"""To end what a server has left: after 15 minutes, YARN has ended it by itself."""


class ServerApplications:
    """Answers what kernels of servers ask for, and ends applications with their servers.

    Args:
        settings: The cluster's configuration, and the hub's login; it acts for its users.
        tags: The hub's.
        tasks: The hub's.
    """

    def __init__(self, settings: Settings, tags: HubTags, tasks: BackgroundTasks) -> None:
        self._settings = settings
        self._waiting = WhyWaiting(settings)
        self._companions = Companions(settings, f"{tags.all_sessions}-companion")
        self._tasks = tasks
        self._requests: dict[str, Requests] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}

    async def begin(self, identity: str, user: str) -> dict[str, str]:
        """End what a former server has left; returns the variables for kernels of the next one.

        Args:
            identity: The server's tag.
            user: The cluster's name of its user.

        Raises:
            YarnhubError: YARN does not respond, or refuses.
        """
        ending = self._ending.get(identity)
        if ending is not None:  # it would also end what the next server's kernels start
            ending.cancel()
            await asyncio.wait([ending])
        await self._companions.end(identity, user)
        return {TAGS: ",".join(self._companions.tags(identity))}

    async def answer(
        self, identity: str, user: str, received: bytes, file_systems: Sequence[str]
    ) -> bytes:
        """The answer to a request of a server's kernel; errors are answers, too.

        Cancelling leaves what was asked for undone, or partly done.

        Args:
            identity: The server's tag.
            user: The cluster's name of its user.
            received: The request.
            file_systems: URLs of file systems for which tokens are needed, besides `fs.defaultFS`.
        """
        if identity not in self._requests:
            self._requests[identity] = Requests(
                identity,
                user,
                settings=self._settings,
                companions=self._companions,
                waiting=self._waiting,
                clock=time.monotonic,
                file_systems=file_systems,
            )
        return await self._requests[identity].answer(received, lambda: None)

    def end(self, identity: str, user: str) -> asyncio.Task[None]:
        """End the applications of a server that has ended.

        Args:
            identity: The server's tag.
            user: The cluster's name of its user.

        Returns:
            The task that does it, which repeats it until YARN responds.
        """
        self._requests.pop(identity, None)
        task = self._ending.get(identity)
        if task is None:
            work = self._until_ended(identity, user)
            task = self._tasks.start(work, f"applications of {identity}")
            self._ending[identity] = task
            task.add_done_callback(lambda _: self._ending.pop(identity))
        return task

    async def _until_ended(self, identity: str, user: str) -> None:
        for _ in range(_ATTEMPTS):
            try:
                await self._companions.end(identity, user)
            except YarnhubError as error:
                _log.warning("applications of a server of %s may still run: %s", user, error)
            else:
                return
            await asyncio.sleep(_RETRY)
