"""Takes over the applications of the previous process, from their stored state."""

from __future__ import annotations

import asyncio
import enum
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import ConfigurationError, YarnhubError
from yarnhub.unmanaged.application import UnmanagedApplication
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from yarnhub.appmaster.core.budgets import Budgets
    from yarnhub.client.client import Client
    from yarnhub.unmanaged.runs import Runs
    from yarnhub.unmanaged.state_folder import StateFolder
    from yarnhub.yarn.records.applications import ApplicationReport

_log = logging.getLogger(__name__)

_RETRY_PAUSE = 60.0
"""Seconds until a file that could not be read is read again."""
_NOT_ENDED = tuple(state for state in YarnApplicationState if not state.ended)
_KILL_TIMEOUT = 30.0
"""Seconds for each response of YARN about applications that no process can run."""


class _Attempt(enum.Enum):
    """The result of an attempt to take over an application."""

    SETTLED = enum.auto()
    """It is taken over, or it cannot be, because its state is damaged."""
    RETRY = enum.auto()
    """Its state could not be read; a later attempt may succeed."""


class Takeover:
    """Takes over each application in the folder, and kills those that are lost.

    Args:
        folder: The folder with the applications' state.
        budgets: The limits of each application.
        runs: Cleans up applications whose submission was interrupted.
        client: A client that acts for a user.
        begin: Starts to run an application.
        spawn: Starts a task with a name.
    """

    def __init__(
        self,
        folder: StateFolder,
        budgets: Budgets,
        runs: Runs,
        client: Callable[[str], Client],
        begin: Callable[[UnmanagedApplication], object],
        spawn: Callable[[str, Callable[[], Coroutine[Any, Any, None]]], None],
    ) -> None:
        self._folder = folder
        self._budgets = budgets
        self._runs = runs
        self._client = client
        self._begin = begin
        self._spawn = spawn

    async def begin(self, tag: str) -> None:
        """Start to run all stored applications; those that cannot be read are retried.

        Args:
            tag: The tag of the folder's applications on YARN; empty if it is not set.
        """
        for application_id in await asyncio.to_thread(self._folder.applications):
            if await self._take_over(application_id) is _Attempt.RETRY:
                self._spawn(application_id, partial(self._take_over_later, application_id))
        if tag:
            self._spawn("kill of unstored applications", partial(self._kill_unstored, tag))

    async def _take_over(self, application_id: str) -> _Attempt:
        """Run an application of the folder, or undo its interrupted submission."""
        try:
            kept = await asyncio.to_thread(self._folder.read, application_id)
            application = UnmanagedApplication(
                kept, self._folder.journal(application_id), self._budgets
            )
            if application.id != application_id:
                raise ConfigurationError(f"the stored state belongs to {application.id}")
            await application.restore()
            if application.am_rm_token is None:
                # Its submission was interrupted, before its caller got a result.
                self._spawn(application_id, partial(self._undo_submission, application))
            else:
                self._begin(application)
        except OSError as error:
            _log.error("%s cannot be taken over yet: %s", application_id, error)
            return _Attempt.RETRY
        except Exception as error:  # noqa: BLE001  # damage can cause any error
            _log.error(
                "%s cannot be taken over: its stored state is damaged: %s: %s",
                *(application_id, type(error).__name__, error),
            )
        return _Attempt.SETTLED

    async def _take_over_later(self, application_id: str) -> None:
        """Retry: an error of the disk or the system may be temporary."""
        while True:
            await asyncio.sleep(_RETRY_PAUSE)
            if await self._take_over(application_id) is _Attempt.SETTLED:
                return

    async def _kill_unstored(self, tag: str) -> None:
        """Kill applications with our tag that are not stored, as after restoring an older backup.

        No process can run such an application: its token and keys are lost.
        """
        request = GetApplicationsRequest(application_tags=(tag,), application_states=_NOT_ENDED)
        try:
            async with Deadline(_KILL_TIMEOUT, f"no response within {_KILL_TIMEOUT:g} s"):
                found = await self._client("").applications(request)
        except YarnhubError as error:
            _log.warning("applications without a holder could not be determined: %s", error)
            return
        for report in found:
            application_id = str(report.application_id)
            # Applications that are submitted meanwhile are stored before that.
            if not await asyncio.to_thread(self._folder.keeps, application_id):
                _log.warning("%s is killed: its keys are not in this folder", application_id)
                await self._kill(report)

    async def _kill(self, report: ApplicationReport) -> None:
        client = self._client(report.user)
        try:
            await client.kill(report.application_id, deadline=_KILL_TIMEOUT)
        except YarnhubError as error:
            _log.warning("%s may still be running: %s", report.application_id, error)

    async def _undo_submission(self, application: UnmanagedApplication) -> None:
        if await self._runs.force_kill(application) is not None:
            await self._runs.clean_up(application)
