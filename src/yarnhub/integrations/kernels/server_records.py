"""What a Jupyter server stores of its kernels to find them again: a private file per kernel.

The holder's own records, with the keys, are `yarnhub.kernels.records`.

Servers of the same user run at the same time, and must not take each other's kernels. So each locks
a numbered folder of its own, the lowest that is free; a server that is started again gets its
folder, and its kernels, back.

The folder of a server in a container is deleted with it. What holds its kernels therefore keeps a
copy of each record with the kernel, as the kernel's note.
"""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import json
import logging
import os
import threading
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING

from yarnhub.base.files import read_regular, write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

_MAX_BYTES = 1 << 20
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKernelRecord:
    """A kernel of this Jupyter server.

    Attributes:
        id: Its id.
        name: Its kernelspec's name.
        owner: The name at the service or the hub of the user for whom it runs.
        user: That user's name on the cluster.
        cwd: The folder on the server that it was started for; empty for none.
        env: The variables of its request.
        session: The session of the client that connected last; empty before.
        protocol: The version of Jupyter's protocol that it uses; empty if unknown.
        memory: Bytes of its container.
        vcores: Virtual cores of its container.
        ending: Whether it was shut down, and its container may not have ended.
        server: The server's name among its user's; empty if its folder outlives it.
        sessions: Jupyter Server's sessions with the kernel: the columns of its table.
    """

    id: str
    name: str
    owner: str = ""
    user: str = ""
    cwd: str = ""
    env: dict[str, str] = field(default_factory=dict, repr=False)
    session: str = ""
    protocol: str = ""
    memory: int = 0
    vcores: int = 0
    ending: bool = False
    server: str = ""
    sessions: list[dict[str, str]] = field(default_factory=list)

    def dump(self) -> str:
        """The text that `load_record` reads."""
        return json.dumps(asdict(self))


class ServerKernelRecords:
    """The records of one Jupyter server.

    Args:
        root: The folder of all servers of the user; created if it does not exist.
        stored: Called with each record that was stored.

    Raises:
        OSError: The folder cannot be written.
    """

    def __init__(
        self, root: Path, stored: Callable[[ServerKernelRecord], None] = lambda _: None
    ) -> None:
        self._stored = stored
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder, self._lock = _own_folder(root)
        self._records: dict[str, ServerKernelRecord] = {}
        self._sessions: dict[str, list[dict[str, str]]] = {}
        self._writing = threading.Lock()
        for left in self.folder.glob(".kernel-*.json.*"):  # by a server that was killed
            left.unlink(missing_ok=True)
        for file in sorted(self.folder.glob("kernel-*.json")):
            record = _read(file)
            if record is not None:
                self._records[record.id] = record

    def __iter__(self) -> Iterator[ServerKernelRecord]:
        return iter(list(self._records.values()))

    def get(self, kernel_id: str) -> ServerKernelRecord | None:
        """The record of a kernel; None if there is none."""
        return self._records.get(kernel_id)

    def put(self, record: ServerKernelRecord) -> None:
        """Store a record."""
        if self._records.get(record.id) == record:
            return
        with self._writing:
            write_private(self._file(record.id), record.dump().encode())
            self._records[record.id] = record
        self._stored(record)

    async def change_aside(self, kernel_id: str, **values: Any) -> None:  # the record's own types
        """Store other values of a record without making the event loop wait for the disk.

        `get` returns them as soon as this runs.
        """
        record = self._records.get(kernel_id)
        if record is None or (changed := replace(record, **values)) == record:
            return
        self._records[kernel_id] = changed
        self._stored(changed)
        await asyncio.to_thread(self._write, kernel_id)

    def _write(self, kernel_id: str) -> None:
        with self._writing:
            record = self._records.get(kernel_id)
            if record is not None:
                write_private(self._file(kernel_id), record.dump().encode())

    def put_sessions(self, sessions: dict[str, list[dict[str, str]]]) -> None:
        """Store Jupyter Server's sessions with the kernels' records.

        Args:
            sessions: All of them, by kernel. Those of a kernel without a record, which starts, are
                stored with it.
        """
        self._sessions = sessions
        for record in self:
            try:
                self.change(record.id, sessions=sessions.get(record.id, []))
            except OSError as error:  # Jupyter Server has stored them, and the others are to be
                _log.warning("kernel %s may be found without its notebook: %s", record.id, error)

    def sessions(self, kernel_id: str) -> list[dict[str, str]]:
        """The sessions with a kernel, also with one that has no record yet."""
        record = self._records.get(kernel_id)
        return self._sessions.get(kernel_id, record.sessions if record is not None else [])

    def change(self, kernel_id: str, **values: Any) -> None:  # the record's own types
        """Store other values of a record; nothing if there is none."""
        record = self._records.get(kernel_id)
        if record is not None:
            self.put(replace(record, **values))

    def remove(self, kernel_id: str) -> None:
        """Delete a record; nothing if there is none."""
        with self._writing:
            if self._records.pop(kernel_id, None) is not None:
                self._file(kernel_id).unlink(missing_ok=True)

    def release(self) -> None:
        """Leave the folder to the next server."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _file(self, kernel_id: str) -> Path:
        return self.folder / f"kernel-{kernel_id}.json"


def _own_folder(root: Path) -> tuple[Path, int | None]:
    for number in itertools.count():
        folder = root / str(number)
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        except OSError:
            os.close(descriptor)
            raise
        return folder, descriptor
    raise AssertionError("itertools.count ends")


def load_record(text: str | bytes) -> ServerKernelRecord:
    """Read a record; members of other versions are left out.

    Raises:
        ValueError: It is not one.
    """
    try:
        found = json.loads(text)
        known = {each.name for each in fields(ServerKernelRecord)}
        return ServerKernelRecord(**{key: value for key, value in found.items() if key in known})
    except (TypeError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def _read(file: Path) -> ServerKernelRecord | None:
    try:
        return load_record(read_regular(file, _MAX_BYTES))
    except (OSError, ValueError) as error:
        _log.warning("the record of a kernel cannot be read and is ignored: %s: %s", file, error)
        return None
