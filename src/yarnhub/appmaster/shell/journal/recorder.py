"""Sees to it that what an application does is recorded before it is done."""

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
"""What the line of a change begins with, and what no text in JSON holds."""
_RETRY = RetryPolicy(first_delay=0.5, max_delay=30.0)
_MAX_HOLD = 60.0
"""Seconds that a heartbeat is held back for the journal. An application that is not heard of for
`yarn.am.liveness-monitor.expiry-interval-ms` (15 minutes) is ended by YARN."""


class Journal(Protocol):
    """The changes of one application, in order. One process writes at a time.

    What `append` has returned for is there after a kill at any moment; what it has not may be.
    Cancelling leaves that unknown. All raise `YarnhubError` or `OSError` where it cannot be
    reached.
    """

    async def load(self) -> list[bytes]:
        """All changes; from now on this process is the one that writes."""
        ...

    async def append(self, changes: Sequence[bytes]) -> None:
        """Add changes, none of which holds a line feed."""
        ...

    async def compact(self, snapshot: bytes) -> None:
        """Put one change in the place of all."""
        ...

    @property
    def overgrown(self) -> bool:
        """Whether `compact` is worth it."""
        ...

    async def delete(self) -> None:
        """Forget it all: the application has ended."""
        ...


async def restore(application: Application, journal: Journal) -> bool:
    """Make an application what its journal says; says whether that was anything.

    Raises:
        YarnhubError: The journal cannot be read, or is of another version of yarnhub.
    """
    lines = await journal.load()
    application.restore(_read(lines))
    return bool(lines)


def _read(lines: Sequence[bytes]) -> Iterator[Change]:
    """The changes of a journal's lines.

    Versions before wrote a line anew behind what a full disk had taken of it: its beginning is
    passed over where the repetition follows.
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
    """What of a line is whole, behind beginnings of lines that are written again; None if none."""
    cut, begin, rest = line.rpartition(_BEGIN)
    whole = begin + rest
    first, *more = cut.split(_BEGIN)
    pieces = [first, *(_BEGIN + each for each in more)]
    following = (whole, *later)
    repeated = all(any(each.startswith(piece) for each in following) for piece in pieces)
    return whole if begin and repeated else None


class Recorder:
    """Writes changes down, those that come meanwhile together, and then lets actions happen.

    Args:
        journal: Where; None for an application that nobody could take over.
        application: Whose changes.
        act: Carries an action out.
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
        """Whether changes are on their way that `_held` holds no more."""
        self._begun = journal is None

    def start(self) -> None:
        """Begin with a snapshot: changes wait for it, and what changes nothing is done meanwhile.

        It says again what the journal says, so that nothing can be seen that is not recorded.
        """
        if not self._begun:
            self._idle.clear()
            self._work.set()

    def put(self, actions: Sequence[Action]) -> None:
        """Have these actions follow the application's latest changes."""
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
        """Write until cancelled. What was not written by then has not been acted on."""
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
        """From now on nothing is recorded: the application is over, or this attempt is."""
        self._stopped = True

    async def written(self) -> None:
        """Return when all is recorded and done, or after a minute."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_MAX_HOLD):
                await self._idle.wait()

    async def _compact(self, journal: Journal) -> None:
        await journal.compact(json.dump(self._application.snapshot()))

    async def _persist(self, write: Callable[[Journal], Awaitable[None]]) -> None:
        """Write, as often as it takes: nothing may happen that is not recorded."""
        assert self._journal is not None
        for repetition in itertools.count():
            try:
                await write(self._journal)
            except (YarnhubError, OSError) as error:
                _log.warning("the application's state cannot be written, trying again: %s", error)
                if isinstance(error, OSError) and error.errno == errno.ESTALE:
                    write = self._compact  # nothing that was written is there: all of it, again
            else:
                return
            await asyncio.sleep(_RETRY.delay(repetition, random.random()))  # noqa: S311  # jitter


async def _append(changes: Sequence[bytes], journal: Journal) -> None:
    await journal.append(changes)
