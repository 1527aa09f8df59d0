"""Records changes of an application before their actions are executed."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import itertools
import logging
import random
from typing import TYPE_CHECKING, Protocol

from yarnhub.appmaster.core.records import Change
from yarnhub.base.errors import RemoteProtocolError, YarnhubError
from yarnhub.base.retry import RetryPolicy
from yarnhub.control import json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from yarnhub.appmaster.core.actions import Action
    from yarnhub.appmaster.core.application import Application

_log = logging.getLogger(__name__)

_BEGIN = b'{"records":['
"""The start of a change's line, which no JSON string can contain."""
_RETRY = RetryPolicy(first_delay=0.5, max_delay=30.0)
_MAX_HOLD = 60.0
"""Seconds that a heartbeat waits for the journal. YARN ends an application without a heartbeat for
`yarn.am.liveness-monitor.expiry-interval-ms` (15 minutes)."""


class Journal(Protocol):
    """The changes of one application, in order. One process writes at a time.

    Changes for which `append` has returned survive a kill at any moment; others may, too, also
    after a cancellation. All methods raise `YarnhubError` or `OSError` if the journal is not
    available.
    """

    async def load(self) -> list[bytes]:
        """All changes; from now on, only this process can write."""
        ...

    async def append(self, changes: Sequence[bytes]) -> None:
        """Add changes, none of which contains a line feed."""
        ...

    async def compact(self, snapshot: bytes) -> None:
        """Replace all changes with one."""
        ...

    @property
    def overgrown(self) -> bool:
        """Whether `compact` saves enough."""
        ...

    async def delete(self) -> None:
        """Delete everything: the application has ended."""
        ...


async def restore(application: Application, journal: Journal) -> bool:
    """Restore an application from its journal; returns whether the journal had any changes.

    Raises:
        YarnhubError: The journal cannot be read, or is of another version of yarnhub.
    """
    lines = await journal.load()
    application.restore(_read(lines))
    return bool(lines)


def _read(lines: Sequence[bytes]) -> Iterator[Change]:
    """The changes of a journal's lines.

    After a full disk, earlier versions wrote a line again after the part that was written: this
    part is ignored.
    """
    for at, line in enumerate(lines):
        try:
            change = json.load(Change, line)
        except RemoteProtocolError:
            whole = _after_cut(line, lines[at + 1 :])
            if whole is None:
                raise
            change = json.load(Change, whole)
        yield change


def _after_cut(line: bytes, later: Sequence[bytes]) -> bytes | None:
    """The complete part of a line, without incomplete writes before it; None if there is none."""
    cut, begin, rest = line.rpartition(_BEGIN)
    whole = begin + rest
    first, *more = cut.split(_BEGIN)
    pieces = [first, *(_BEGIN + each for each in more)]
    following = (whole, *later)
    repeated = all(any(each.startswith(piece) for each in following) for piece in pieces)
    return whole if begin and repeated else None


class Recorder:
    """Writes changes, several at a time, and then executes their actions.

    Args:
        journal: The journal; None for an application that cannot be taken over.
        application: The application.
        act: Executes an action.
    """

    def __init__(
        self, journal: Journal | None, application: Application, act: Callable[[Action], None]
    ) -> None:
        self._journal = journal
        self._application = application
        self._act = act
        self._held: list[tuple[bytes | None, Sequence[Action]]] = []
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopped = False
        self._writing = False
        """Whether changes are being written that are no longer in `_held`."""
        self._begun = journal is None

    def start(self) -> None:
        """Start with a snapshot: changes wait for it; actions without changes do not.

        It contains the same state as the journal, so that no unrecorded state is visible.
        """
        if not self._begun:
            self._idle.clear()
            self._work.set()

    def put(self, actions: Sequence[Action]) -> None:
        """Execute these actions after the application's latest changes are written."""
        change = None
        if self._journal is not None and not self._stopped:
            change = self._application.changes()
        if self._stopped or (change is None and not self._held and not self._writing):
            for action in actions:
                self._act(action)
            return
        self._held.append((None if change is None else json.dump(change), actions))
        self._idle.clear()
        self._work.set()

    async def run(self) -> None:
        """Write until cancelled. Actions of changes that were not written are not executed."""
        while True:
            await self._work.wait()
            self._work.clear()
            if not self._begun:
                await self._persist(self._compact)
                self._begun = True
            while self._held:
                held, self._held = self._held, []
                changes = [change for change, _ in held if change is not None]
                self._writing = True
                if changes:
                    await self._persist(functools.partial(_append, changes))
                self._writing = False
                for _, actions in held:
                    for action in actions:
                        self._act(action)
                if self._journal is not None and self._journal.overgrown:
                    await self._persist(self._compact)
            self._idle.set()

    def stop(self) -> None:
        """Stop recording: the application, or this attempt, has ended."""
        self._stopped = True

    async def written(self) -> None:
        """Return when everything is recorded and executed, or after a minute."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_MAX_HOLD):
                await self._idle.wait()

    async def _compact(self, journal: Journal) -> None:
        await journal.compact(json.dump(self._application.snapshot()))

    async def _persist(self, write: Callable[[Journal], Awaitable[None]]) -> None:
        """Write, with any number of retries: actions must not be executed before."""
        assert self._journal is not None
        for repetition in itertools.count():
            try:
                await write(self._journal)
            except (YarnhubError, OSError) as error:
                _log.warning("the application's state cannot be written, retrying: %s", error)
                if isinstance(error, OSError) and error.errno == errno.ESTALE:
                    write = self._compact  # the journal was deleted: write everything again
            else:
                return
            await asyncio.sleep(_RETRY.delay(repetition, random.random()))  # noqa: S311  # jitter


async def _append(changes: Sequence[bytes], journal: Journal) -> None:
    await journal.append(changes)
