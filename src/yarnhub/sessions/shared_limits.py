"""Limits that administrators change while services run, which read them every few seconds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from yarnhub.base.background import BackgroundTasks
from yarnhub.base.errors import YarnhubError
from yarnhub.sessions.limits import Limit, Scope, Whom

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from typing import NoReturn

    from yarnhub.sessions.limits import Limits

_log = logging.getLogger(__name__)

INTERVAL = 3.0
"""Seconds between two times that they are read."""

Entries = Mapping[str, Mapping[Whom, Limit]]
"""The limits that administrators have set, by the name of several of what is limited."""
Read = Callable[[], Coroutine[Any, Any, Entries]]
"""Reads them; raises `YarnhubError`."""


class SharedLimits:
    """The limits that administrators have set, as they were some seconds ago.

    If they cannot be read, the last ones that could be apply, and before that only those of the
    configuration: no start fails because of that.

    Args:
        opened: Opens what they are read from; None if there is nothing to read.
        interval: Seconds between two times that they are read.

    Attributes:
        entries: The limits.
    """

    def __init__(
        self,
        opened: Callable[[], AbstractAsyncContextManager[Read]] | None = None,
        *,
        interval: float = INTERVAL,
    ) -> None:
        self.entries: Entries = {}
        self._opened = opened
        self._interval = interval
        self._is_started = False
        self._has_tried = asyncio.Event()
        self._has_read = False
        self._failure: Exception | None = None
        self._looks = BackgroundTasks()

    def over(self, configured: Limits) -> Limits:
        """The limits of a configuration, with what administrators have set instead or besides."""
        return configured.changed(self.entries.get(configured.kind.many, {}))

    def has_groups(self, kind: str) -> bool:
        """Whether there is a limit of a group, by the name of several of what is limited."""
        return any(whom.scope is Scope.GROUP for whom in self.entries.get(kind, ()))

    async def start(self, tasks: BackgroundTasks) -> None:
        """Begin to read them, unless that has begun; returns when it was tried once.

        Args:
            tasks: Holds the task that reads them, until it is closed.
        """
        if self._opened is None:
            return
        if not self._is_started:
            self._is_started = True
            _ = tasks.start(self._run(self._opened), "limits")
        await self._has_tried.wait()

    async def _run(self, opened: Callable[[], AbstractAsyncContextManager[Read]]) -> NoReturn:
        try:
            async with opened() as read:
                while True:
                    await self._look(read)
                    self._has_tried.set()
                    await asyncio.sleep(self._interval)
        finally:
            self._has_tried.set()

    async def _look(self, read: Read) -> None:
        """Read them to the end, also if it is cancelled: no connection may stay in the middle."""
        looking = self._looks.start(self._read(read), "limits are read")
        try:
            await asyncio.shield(looking)
        except asyncio.CancelledError:
            await asyncio.wait([looking])
            raise

    async def _read(self, read: Read) -> None:
        try:
            self.entries = await read()
        except Exception as error:  # noqa: BLE001  # else nobody would read them from then on
            if self._failure is None:
                is_fault = not isinstance(error, YarnhubError)
                kept = (
                    "the last known ones" if self._has_read else "only those of the configuration"
                )
                _log.warning(
                    "the limits cannot be read, %s apply: %s", kept, error, exc_info=is_fault
                )
            self._failure = error
            return
        if self._failure is not None:
            _log.info("the limits can be read again")
        self._failure, self._has_read = None, True
