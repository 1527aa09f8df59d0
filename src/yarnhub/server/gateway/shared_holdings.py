"""What users hold at each of several processes of the service, in a folder that they share.

Each process writes one file, again whenever it starts a kernel, and every few seconds. The file of
a process that is being restarted counts until the next one has found its kernels; YARN ends the
kernels of a process that does not come back, and then its file does not count any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import logging
import os
import time
from typing import TYPE_CHECKING, Any

from yarnhub.base.errors import ConfigurationError, YarnhubError
from yarnhub.base.files import read_regular, write_private
from yarnhub.sessions.limits import NOTHING, Held, Size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

_log = logging.getLogger(__name__)

_REPEAT = 10.0
"""Seconds between two times that a process writes its file."""
_EXPIRY = 15 * 60.0
"""Seconds after which YARN ends what a process held, by default."""
_ATTEMPTS, _PAUSE = 100, 0.01
"""To lock the folder, and the seconds between them; it is locked for milliseconds only."""
_MAX_FILE = 16 * 1024 * 1024


class SharedHoldings:
    """What users hold at the other processes.

    Args:
        folder: The folder of all processes; None if there is one process.
        identity: Of this process, and of those before and after it.
        clock: Seconds since 1970.

    Raises:
        ConfigurationError: The folder cannot be used.
    """

    def __init__(self, folder: Path | None, identity: str, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._own = f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.json"
        self._clock = clock
        self._complete = False
        if folder is not None:
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise ConfigurationError(
                    f"KernelGateway.shared_folder: {folder} cannot be used: {error.strerror}"
                ) from error

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """While no other process accepts kernels.

        Raises:
            YarnhubError: The folder cannot be locked.
        """
        if self._folder is None:
            yield
            return
        try:
            with (self._folder / "lock").open("w") as file:
                _lock(file.fileno())
                yield
        except OSError as error:
            raise _unknown(error) from error

    def held(self, groups: Mapping[str, frozenset[str]]) -> list[Held]:
        """What users hold at the other processes; needs no lock, since files are replaced.

        Args:
            groups: The groups of users, by name.

        Raises:
            YarnhubError: The folder cannot be read.
        """
        try:
            current = list(self._others())
        except OSError as error:
            raise _unknown(error) from error
        found = []
        for path in current:
            for owner, (size, started) in _read(path).items():
                known = groups.get(owner, frozenset())
                found.append(Held(owner=owner, groups=known, size=size, started=started))
        return found

    def _others(self) -> Iterator[Path]:
        """The files of other processes that count."""
        oldest = self._clock() - _EXPIRY
        for path in self._folder.iterdir() if self._folder is not None else ():
            is_others = path.suffix == ".json" and path.name != self._own
            if is_others and path.stat().st_mtime >= oldest:
                yield path

    def tell(self, held: Iterable[Held]) -> None:
        """Write what users hold at this process, once all of it is known."""
        if self._folder is None or not self._complete:
            return
        sizes: dict[str, tuple[Size, Size]] = {}
        for each in held:
            size, started = sizes.get(each.owner, (NOTHING, NOTHING))
            sizes[each.owner] = size + each.size, started + each.started
        plain = {
            owner: {
                "kernels": size.count,
                "memory": size.memory,
                "vcores": size.vcores,
                "started": {"memory": started.memory, "vcores": started.vcores},
            }
            for owner, (size, started) in sizes.items()
        }
        write_private(self._folder / self._own, json.dumps(plain).encode())

    async def keep_telling(self, held: Callable[[], Iterable[Held]]) -> None:
        """Write what users hold at this process again and again; all of it is known from now on."""
        self._complete = True
        while True:
            try:
                with self.locked():
                    self.tell(held())
            except (OSError, YarnhubError) as error:
                _log.warning("other processes do not count the kernels of this one: %s", error)
            await asyncio.sleep(_REPEAT)


def _unknown(error: OSError) -> YarnhubError:
    return YarnhubError(f"The limits cannot be checked at the moment: {error}")


def _lock(number: int) -> None:
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(_PAUSE)
    raise BlockingIOError(os.strerror(11))


def _read(path: Path) -> dict[str, tuple[Size, Size]]:
    """By user: what their kernels hold, and what these have started."""
    try:
        plain: dict[str, Any] = json.loads(read_regular(path, _MAX_FILE))
        return {
            str(owner): (
                Size(count=size["kernels"], memory=size["memory"], vcores=size["vcores"]),
                Size(**size.get("started", {}), count=0),  # not written by former versions
            )
            for owner, size in plain.items()
        }
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        _log.warning("%s is not counted: %s", path, error)
        return {}
