"""Stores what the watch reports of usage, and deletes old usage."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError, YarnhubError
from yarnhub.watch.ledger import Ledger
from yarnhub.watch.usage import HOUR

if TYPE_CHECKING:
    from typing import NoReturn

    from yarnhub.database.connections import Database
    from yarnhub.database.usage import UsageStore
    from yarnhub.watch.application_watch import ApplicationWatch

_log = logging.getLogger(__name__)

_START = 15.0
"""Seconds for which the start of the service waits for the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderOptions:
    """How often usage is stored, and how long it is kept."""

    interval: float = 30.0
    """Seconds from one batch to the next."""
    hours: int = 2 * 366 * 24
    """For how many hours usage is kept."""


class UsageRecorder:
    """Stores usage, as long as it runs.

    If the database does not respond, usage is counted until too much waits to be stored, and then
    stored later. What has not been stored when the process ends is counted by the next process from
    the counters of the applications.

    Args:
        watch: The watch whose table it reads.
        database: The database. `open` or `run` opens it; the caller closes it.
        store: Usage in it.
        options: Times.

    Attributes:
        failure: Why the database could not be used when that was last tried; None if it could.
        stored: Up to when usage is stored, ms since 1970; None before the first time.
    """

    def __init__(
        self,
        watch: ApplicationWatch,
        database: Database,
        store: UsageStore,
        options: RecorderOptions | None = None,
    ) -> None:
        self.failure: YarnhubError | None = None
        self.stored: int | None = None
        self._watch = watch
        self._database = database
        self._store = store
        self._options = options or RecorderOptions()
        self._is_open = False
        self._ledger: Ledger | None = None
        self._deleted_before = 0

    async def open(self) -> None:
        """Open the database; if it does not respond, `run` tries it again.

        Raises:
            ConfigurationError: It cannot be used by this version or user.
        """
        try:
            await self._database.open(_START)
        except ConfigurationError:
            raise
        except YarnhubError as error:
            self._failed(error)
        else:
            self._is_open = True

    async def run(self) -> NoReturn:
        """Store usage until cancelled; a batch that is being stored is stored completely or not."""
        while True:
            await self.record()
            await asyncio.sleep(self._options.interval)

    async def record(self) -> None:
        """Count and store once."""
        try:
            if not self._is_open:
                await self._database.open()
                self._is_open = True
            if self._ledger is None:
                self._ledger = Ledger(await self._store.load())
            looked = await self._observe(self._ledger)
            if await self._write(self._ledger):
                self.stored = looked
            else:
                _log.warning("another process stores usage, too: counting again")
                self._ledger = None
            await self._delete()
        except YarnhubError as error:
            self._failed(error)
        else:
            if self.failure is not None:
                _log.info("usage can be stored again")
            self.failure = None

    async def _observe(self, ledger: Ledger) -> int | None:
        """Count what the watch has seen; returns when it last looked, ms since 1970."""
        looked = self._watch.freshness.looked
        if looked is not None:
            for _ in ledger.observe(list(self._watch.table), looked):
                await asyncio.sleep(0)
        return looked

    async def _write(self, ledger: Ledger) -> bool:
        """Store all that waits; returns False if another process has stored something."""
        while (batch := ledger.batch(secrets.token_hex(16))) is not None:
            if not await self._store.store(batch):
                return False
            ledger.stored()
        return True

    async def _delete(self) -> None:
        """Delete a part of what is too old: all of it takes many intervals."""
        looked = self._watch.freshness.looked or 0
        before = looked - looked % HOUR - self._options.hours * HOUR
        if before > self._deleted_before and not await self._store.delete_before(before):
            self._deleted_before = before

    def _failed(self, error: YarnhubError) -> None:
        if self.failure is None:
            _log.warning("usage cannot be stored: %s", error)
        self.failure = error
