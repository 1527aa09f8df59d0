"""A limit on an application's time that its client extends, so that YARN ends what nobody holds."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError
from yarnhub.yarn.records.applications import ApplicationTimeoutType

if TYPE_CHECKING:
    from yarnhub.client.client import Client
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId

_SHORTEST, _LONGEST = 1.0, 1e8
"""Seconds of a lease, in which an application's limit is extended four times."""
_LIFETIME = ApplicationTimeoutType.LIFETIME
_log = logging.getLogger(__name__)


class Lease:
    """Extends the limit of one application for as long as this process runs.

    Args:
        client: Who may modify the application.
        number: Its id.
        seconds: How long it may run after the last extension.
    """

    def __init__(self, client: Client, number: ApplicationId, seconds: float) -> None:
        self._client = client
        self._number = number
        self._seconds = seconds

    async def hold(self) -> None:
        """Extend the limit again and again; returns when the application has ended."""
        began, told = time.monotonic(), False
        while True:
            try:
                report = await self._client.application_report(self._number)
                if report.yarn_application_state.ended:
                    return
                await self._client.resource_manager.update_application_timeouts(
                    self._number,
                    {_LIFETIME: expiry(report, self._seconds, time.monotonic() - began)},
                )
                told = False
            except YarnhubError as error:
                if not told:
                    _log.warning(
                        "%s: its time limit is not extended, retrying: %s", self._number, error
                    )
                told = True
            await asyncio.sleep(self._seconds / 4)


def stored_lease(value: bytes) -> float:
    """The seconds of a lease from the application's key, which all its containers can set.

    Raises:
        ValueError: It is not a duration of at least a second.
    """
    seconds = float(value)
    if not _SHORTEST <= seconds <= _LONGEST:
        raise ValueError(f"a lease has {_SHORTEST:g} to {_LONGEST:g} s, not {seconds:g} s")
    return seconds


def expiry(report: ApplicationReport, seconds: float, since: float) -> str:
    """A time in the future by the clock of the ResourceManager, in YARN's form.

    Args:
        report: A new report of the application.
        seconds: How long from now.
        since: Seconds since it was submitted, for one that has no limit yet.
    """
    limit = report.app_timeouts.get(_LIFETIME)
    if limit is not None and limit.expire_time and limit.remaining_time not in (None, -1):
        expires = dt.datetime.strptime(limit.expire_time, "%Y-%m-%dT%H:%M:%S.%f%z")
        now = expires - dt.timedelta(seconds=limit.remaining_time or 0)
    else:
        now = dt.datetime.fromtimestamp(report.start_time / 1000 + since, dt.UTC)
    end = (now + dt.timedelta(seconds=seconds)).astimezone(dt.UTC)
    return f"{end:%Y-%m-%dT%H:%M:%S}.{end.microsecond // 1000:03}+0000"
