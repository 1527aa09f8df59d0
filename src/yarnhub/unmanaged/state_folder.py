"""The folder with the state of a process's applications, from which the next process takes over.

    <folder>/lock                   held by the process that runs them
    <folder>/port                   where their containers reach it
    <folder>/tag                    the tag of its applications on YARN
    <folder>/claim                  held by the process that uses the secret
    <folder>/secret                 32 random bytes, for the process that holds the folder
    <folder>/<application>.tokens   the ApplicationMaster's token file
    <folder>/<application>.journal  its journal

Only its user can read the folder, since token files contain keys. Files with other names are
neither read nor deleted.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import secrets
from typing import TYPE_CHECKING

from yarnhub.appmaster.shell.journal.file import FileJournal
from yarnhub.base.errors import ConfigurationError
from yarnhub.base.files import write_private
from yarnhub.hadoop.token_file import read_token_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from yarnhub.hadoop.wire.tokens import TokenStorage

_log = logging.getLogger(__name__)

_TOKENS = ".tokens"
_JOURNAL = ".journal"
_LOCK = "lock"
_PORT = "port"
_TAG = "tag"
_CLAIM = "claim"
_SECRET = "secret"  # noqa: S105  # a name
_SECRET_SIZE = 32

_ID = r"application_\d+_\d+"
_KEPT = re.compile(rf"({_ID})\{_TOKENS}")
_OF_APPLICATION = re.compile(rf"({_ID})\{_JOURNAL}")
_HALF_WRITTEN = re.compile(
    rf"\.(?:{_PORT}|{_TAG}|{_SECRET}|{_ID}(?:\{_TOKENS}|\{_JOURNAL}))\.\d+"
    rf"|{_ID}\{_JOURNAL}\.new"  # its name in earlier versions
)
"""Files that remain if a process is killed while it writes."""
_TAG_OF_OURS = re.compile(r"held-by-[0-9a-f]{16}")
_OF_THE_DISK = frozenset({"lost+found", ".snapshot"})
"""The content of an empty folder that is a mount point."""


class StateFolder:
    """A folder of applications. All methods block briefly: the disk is local.

    Args:
        path: The folder, which is created on first use.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Lock the folder against other processes.

        Raises:
            ConfigurationError: Another process holds it, or it is not a private folder of this
                user.
        """
        lock = self._open()
        try:
            if not _locked(lock):
                raise ConfigurationError(
                    f"the applications in {self.path} are run by another process already"
                )
            yield
        finally:
            os.close(lock)

    def _open(self) -> int:
        """Create or check the folder, and open its lock file."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = self.path.stat()
            if status.st_mode & 0o077 or status.st_uid != os.geteuid():
                raise ConfigurationError(
                    f"{self.path} contains keys and must be a folder that only its user can enter: "
                    f"`chmod 700 {self.path}`"
                )
            lock = self.path / _LOCK
            if not lock.exists():
                others = sorted({each.name for each in self.path.iterdir()} - _OF_THE_DISK)
                if others:
                    raise ConfigurationError(
                        f"{self.path} is not empty, and not a folder of applications: it contains "
                        f"{others[0]!r}; use a separate folder"
                    )
            return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise self._error(error) from error

    def _error(self, error: OSError) -> ConfigurationError:
        return ConfigurationError(f"applications cannot be stored in {self.path}: {error.strerror}")

    # --- what all applications share

    @property
    def port(self) -> int:
        """The port that the applications' containers use; 0 if it is not set yet."""
        text = self._read(_PORT).strip()
        port = int(text) if text.isdigit() and len(text) <= len("65535") else 0
        if text and not 0 < port < 1 << 16:
            _log.error(
                "%s is damaged: running containers must find the new port", self.path / _PORT
            )
            return 0
        return port

    def keep_port(self, number: int) -> None:
        """Store the port that containers use, for the next process."""
        if number == self.port:
            return
        try:
            write_private(self.path / _PORT, str(number).encode())
        except OSError as error:
            # This process continues; only the next one will listen elsewhere.
            _log.error("the port cannot be stored in %s: %s", self.path, error)

    @property
    def tag(self) -> str:
        """The tag of all applications in this folder; empty if it is not set yet."""
        text = self._read(_TAG).decode(errors="replace")
        if _TAG_OF_OURS.fullmatch(text):
            return text
        if text:
            _log.error("%s is damaged: it is replaced by a new tag", self.path / _TAG)
        return ""

    def made_tag(self) -> str:
        """The same, created on first use.

        Raises:
            ConfigurationError: It cannot be stored.
        """
        if tag := self.tag:
            return tag
        tag = f"held-by-{secrets.token_hex(8)}"
        self._write(_TAG, tag.encode())
        return tag

    def _read(self, name: str) -> bytes:
        """The content of a small file; empty if it does not exist or cannot be read."""
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            _log.error("%s cannot be read: %s", self.path / name, error)
            return b""

    def _write(self, name: str, content: bytes) -> None:
        try:
            write_private(self.path / name, content)
        except OSError as error:
            raise self._error(error) from error

    def claim(self) -> None:
        """Reserve the secret for this process until it exits.

        Two processes with one secret would kill each other's applications.

        Raises:
            ConfigurationError: Another process uses it.
        """
        os.close(self._open())
        try:
            claim = os.open(self.path / _CLAIM, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise self._error(error) from error
        if not _locked(claim):
            os.close(claim)
            raise ConfigurationError(
                f"{self.path} is used by another process already; use a separate folder"
            )

    def secret(self) -> bytes:
        """The secret in this folder; created on first use, with the folder.

        Raises:
            ConfigurationError: It cannot be read, is damaged, or cannot be stored.
        """
        os.close(self._open())
        path = self.path / _SECRET
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            content = secrets.token_bytes(_SECRET_SIZE)
            self._write(_SECRET, content)
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
        if len(content) != _SECRET_SIZE:
            raise ConfigurationError(
                f"{path} is damaged; restore it from a backup, or delete it: then running "
                "servers are no longer recognized by their tags"
            )
        return content

    # --- applications

    def applications(self) -> list[str]:
        """The ids of the stored applications; incomplete files of others are deleted."""
        names = {each.name for each in self.path.iterdir()}
        found = {match[1] for name in names if (match := _KEPT.fullmatch(name))}
        for name in names:
            of = _OF_APPLICATION.fullmatch(name)
            # A process was killed while it wrote or deleted this.
            if _HALF_WRITTEN.fullmatch(name) or (of and of[1] not in found):
                try:
                    (self.path / name).unlink()
                except OSError as error:
                    _log.warning("%s could not be deleted: %s", self.path / name, error)
        return sorted(found)

    def keeps(self, application_id: str) -> bool:
        """Whether an application is stored."""
        return (self.path / f"{application_id}{_TOKENS}").exists()

    def read(self, application_id: str) -> TokenStorage:
        """An application's token file."""
        return read_token_file(self.path / f"{application_id}{_TOKENS}")

    def keep(self, application_id: str, credentials: TokenStorage) -> None:
        """Write an application's token file, replacing an older one.

        Raises:
            ConfigurationError: It cannot be stored, for example because the disk is full.
        """
        self._write(f"{application_id}{_TOKENS}", credentials.write())

    def journal(self, application_id: str) -> FileJournal:
        """The journal of an application."""
        return FileJournal(self.path / f"{application_id}{_JOURNAL}")

    def forget(self, application_id: str) -> None:
        """Delete all files of an application."""
        # In this order: a journal without its token file is ignored.
        for suffix in (_TOKENS, _JOURNAL):
            (self.path / f"{application_id}{suffix}").unlink(missing_ok=True)


def _locked(descriptor: int) -> bool:
    """Lock a file until it is closed; returns whether the lock was free."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
