"""Where a process keeps its applications, so that the next process takes them over.

    <folder>/lock                   held by the process that runs them
    <folder>/port                   where their containers reach it
    <folder>/tag                    what YARN knows its applications by
    <folder>/<application>.tokens   what YARN would give an ApplicationMaster: its token file
    <folder>/<application>.journal  what has happened since

All of it is readable by its user alone: token files hold keys.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
from typing import TYPE_CHECKING

from yarnhub.appmaster.shell.journal import FileJournal
from yarnhub.base.errors import ConfigurationError
from yarnhub.client.security import write_private
from yarnhub.hadoop.wire.tokens import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TOKENS = ".tokens"
_JOURNAL = ".journal"
_TAG = re.compile(r"held-by-[0-9a-f]{16}")


class Folder:
    """A folder of applications. All methods block for a moment: the disk is local.

    Args:
        path: It is made on first use.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep all other processes out.

        Raises:
            ConfigurationError: Another one is in, or it is not a private folder of ours.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.path.stat().st_mode & 0o077 or self.path.stat().st_uid != os.geteuid():
                raise ConfigurationError(
                    f"{self.path} holds keys and must be a folder that only its user can enter: "
                    f"`chmod 700 {self.path}`"
                )
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise ConfigurationError(
                f"applications cannot be kept in {self.path}: {error.strerror}"
            ) from error
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConfigurationError(
                    f"the applications in {self.path} are run by another process already"
                ) from error
            yield
        finally:
            os.close(lock)

    @property
    def port(self) -> int:
        """The port that the applications' containers know; 0 if there is none yet."""
        try:
            return int((self.path / "port").read_text())
        except (FileNotFoundError, ValueError):
            return 0

    @port.setter
    def port(self, number: int) -> None:
        write_private(self.path / "port", str(number).encode())

    @property
    def tag(self) -> str:
        """The tag of all applications that are kept here; made on first use, and after a damage."""
        try:
            tag = (self.path / "tag").read_bytes().decode(errors="replace")
        except FileNotFoundError:
            tag = ""
        if not _TAG.fullmatch(tag):
            # What bears an empty one may be anybody's, and what bears ours is ended.
            tag = f"held-by-{secrets.token_hex(8)}"
            write_private(self.path / "tag", tag.encode())
        return tag

    def applications(self) -> list[str]:
        """The ids of those that are kept; of others nothing is left behind."""
        found = sorted(each.name.removesuffix(_TOKENS) for each in self.path.glob(f"*{_TOKENS}"))
        kept = {
            "lock",
            "port",
            "tag",
            *(f"{each}{kind}" for each in found for kind in (_TOKENS, _JOURNAL)),
        }
        for each in self.path.iterdir():
            if each.name not in kept:  # its process was killed while it wrote or deleted this
                each.unlink()
        return found

    def keeps(self, application_id: str) -> bool:
        """Whether an application is kept."""
        return (self.path / f"{application_id}{_TOKENS}").exists()

    def read(self, application_id: str) -> Credentials:
        """An application's token file."""
        return Credentials.read((self.path / f"{application_id}{_TOKENS}").read_bytes())

    def keep(self, application_id: str, credentials: Credentials) -> None:
        """Write an application's token file, in place of an older one."""
        write_private(self.path / f"{application_id}{_TOKENS}", credentials.write())

    def journal(self, application_id: str) -> FileJournal:
        """What has happened to an application."""
        return FileJournal(self.path / f"{application_id}{_JOURNAL}")

    def forget(self, application_id: str) -> None:
        """Delete all that is kept of an application."""
        # In this order: a journal without its token file is nobody's.
        for suffix in (_TOKENS, _JOURNAL):
            (self.path / f"{application_id}{suffix}").unlink(missing_ok=True)
