"""The records of kernels, by which a holder finds the kernels of the process before it.

One file per kernel, `<id>.json`, which only its user can read: a request contains variables that
may be secret, and the key allows its holder to run code. A damaged file is renamed to
`<id>.json.damaged`.
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError, RemoteProtocolError
from yarnhub.base.files import read_regular, write_private
from yarnhub.control import json
from yarnhub.control.outcomes import Outcome  # noqa: TC001  # read by control.json
from yarnhub.kernels.connect import ConnectServer  # noqa: TC001  # the same
from yarnhub.kernels.request import KernelRequest  # noqa: TC001  # the same

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)

_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_KEPT = re.compile(rf"({_ID})\.json")
_HALF_WRITTEN = re.compile(rf"\.{_ID}\.json\.\d+")
_MAX_SIZE = 4 * 1024 * 1024
"""Bytes of a record: most of it are variables, of which the operating system takes 2 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRecord:
    """What a holder keeps of a kernel.

    Attributes:
        request: What it was started with.
        key: The HMAC key of its messages.
        created: When it was submitted, in seconds since 1970.
        application: The id of its application; empty in the copy that the application's own
            secrets contain, which were given before it had one.
        outcome: How it ended; None if that is not known.
        ended: When that became known, in seconds since 1970.
        connect: Its Spark Connect server; None if it has none.
    """

    request: KernelRequest
    key: str = field(repr=False)
    created: float
    application: str = ""
    outcome: Outcome | None = None
    ended: float = 0.0
    connect: ConnectServer | None = field(default=None, metadata=json.OMIT_DEFAULT)


class KernelRecords:
    """A folder of records. All methods block for a moment: the disk is local.

    Args:
        folder: It is created on first use.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self) -> list[KernelRecord]:
        """All records, the oldest first; those that cannot be read are logged.

        Raises:
            ConfigurationError: The folder cannot be used, or other users can enter it.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = self._folder.stat()
            names = sorted(each.name for each in self._folder.iterdir())
        except OSError as error:
            raise ConfigurationError(
                f"kernels cannot be kept in {self._folder}: {error.strerror}"
            ) from error
        if status.st_mode & 0o077 or status.st_uid != os.geteuid():
            raise ConfigurationError(
                f"{self._folder} holds keys and must be a folder that only its user can enter: "
                f"`chmod 700 {self._folder}`"
            )
        found = []
        for name in names:
            if _HALF_WRITTEN.fullmatch(name):  # its process was killed
                self._delete(name)
            elif (kept := _KEPT.fullmatch(name)) and (record := self._read(name, kept[1])):
                found.append(record)
        return sorted(found, key=lambda record: record.created)

    def keep(self, record: KernelRecord) -> bool:
        """Write a record, over an older one; says whether that succeeded. If not, it is logged."""
        path = self._folder / f"{record.request.id}.json"
        try:
            write_private(path, json.dump(record))
        except OSError as error:
            _log.error("%s cannot be written: %s", path, error.strerror)
            return False
        return True

    def forget(self, kernel_id: str) -> None:
        """Delete a record."""
        self._delete(f"{kernel_id}.json")

    def _read(self, name: str, kernel_id: str) -> KernelRecord | None:
        path = self._folder / name
        try:
            record = json.load(KernelRecord, read_regular(path, _MAX_SIZE))
            if record.request.id == kernel_id:
                return record
            problem = f"it is the record of {record.request.id}"
        except (RemoteProtocolError, ValueError) as error:
            problem = str(error)
        except OSError as error:
            _log.error("%s cannot be read: %s", path, error.strerror)
            return None
        _log.error("%s is damaged and set aside: %s", path, problem)
        try:
            path.replace(path.with_name(f"{name}.damaged"))
        except OSError as error:
            _log.error("%s cannot be renamed: %s", path, error.strerror)
        return None

    def _delete(self, name: str) -> None:
        try:
            (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            _log.error("%s cannot be deleted: %s", self._folder / name, error.strerror)
