"""Requests of users' own servers for the states of their kernels, which wait for changes."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from yarnhub.base.errors import YarnhubError
from yarnhub.base.tasks import task_group
from yarnhub.kernels.programs import CONNECT
from yarnhub.kernels.service_protocol import KernelModel, dump_kernels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.kernels.kernel import Kernel, KernelHolder

_MAX_WAITING = 100
"""Requests of one user that wait at the same time: one for each of their servers."""


class TooManyRequestsError(YarnhubError):
    """A user has too many requests at the same time."""


class StatePolls:
    """Requests that are answered when something has changed.

    Attributes:
        waiting: By user, how many are being answered.
    """

    def __init__(self) -> None:
        self.waiting = Counter[str]()
        self._news: dict[str, asyncio.Event] = {}
        """By owner: set when a kernel was added or removed."""

    async def states(
        self, holder: KernelHolder, owner: str, tag: str, wait: float
    ) -> tuple[bytes, str]:
        """A user's kernels, and a tag for their states.

        Args:
            holder: What holds all kernels.
            owner: The user's name.
            tag: What the client has seen.
            wait: Seconds to wait for other states; the tag is the same if there are none.

        Raises:
            TooManyRequestsError: Too many requests wait.
        """
        if wait and self.waiting[owner] >= _MAX_WAITING:
            raise TooManyRequestsError(
                f"{_MAX_WAITING} requests of {owner} wait for changes already"
            )
        self.waiting[owner] += 1
        try:
            end = asyncio.get_running_loop().time() + wait
            while True:
                kernels = [
                    each
                    for each in holder.kernels()
                    # Servers of Jupyter have no use for one of Spark Connect.
                    if each.request.owner == owner and each.request.program != CONNECT
                ]
                body = dump_kernels(map(KernelModel.of, kernels))
                found = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
                left = end - asyncio.get_running_loop().time()
                if found != tag or left <= 0:
                    return body, found
                await self._change(owner, kernels, left)
        finally:
            self.waiting -= Counter({owner: 1})

    async def _change(self, owner: str, kernels: Sequence[Kernel], seconds: float) -> None:
        """Wait until something may have changed."""
        news = self._news.setdefault(owner, asyncio.Event())
        async with task_group() as group:
            waits: list[asyncio.Task[Any]] = [
                group.create_task(each.changed(each.status)) for each in kernels
            ]
            waits.append(group.create_task(news.wait()))
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            for each in waits:
                each.cancel()

    def notify(self, owner: str) -> None:
        """Note that a kernel of a user was added or removed."""
        news = self._news.pop(owner, None)
        if news is not None:
            news.set()
