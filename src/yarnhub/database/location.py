"""Where a database is: read from a URL, whose secrets are never shown."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from yarnhub.base.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

_WRITABLE = stat.S_IWGRP | stat.S_IWOTH
_SECRET_OPTIONS = ("password", "sslpassword", "passfile")
_EXAMPLES = (
    "sqlite:////var/lib/yarnhub-platform/platform.sqlite or "
    "postgresql://platform@database.example.com/platform"
)


@dataclass(frozen=True, slots=True)
class Location:
    """A database.

    Attributes:
        url: Its URL, with the driver for both threads and event loops.
        path: The file; None for PostgreSQL.
    """

    url: URL = field(repr=False)
    path: Path | None

    @classmethod
    def parse(cls, text: str) -> Location:
        """Read a setting.

        Raises:
            ConfigurationError: It is not the URL of a database that can be used. The message has no
                part of it that may be secret.
        """
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            # Their messages, and so a traceback, may have the URL.
            raise ConfigurationError(f"it is not a URL, such as {_EXAMPLES}") from None
        match url.drivername:
            case "sqlite" | "sqlite+aiosqlite":
                if not url.database or url.database == ":memory:" or url.query:
                    raise ConfigurationError(f"it does not name a file, as in {_EXAMPLES}")
                path = Path(url.database).absolute()
                return cls(url.set(drivername="sqlite", database=str(path)), path)
            case "postgresql" | "postgres" | "postgresql+psycopg":
                return cls(url.set(drivername="postgresql+psycopg"), None)
            case _:
                raise ConfigurationError(
                    f"only SQLite and PostgreSQL with psycopg are supported: {_EXAMPLES}"
                )

    def __str__(self) -> str:
        """For messages."""
        if self.path is not None:
            return f"the database {self.path}"
        host = self.url.host or self.url.query.get("host") or "this machine"
        return f"the PostgreSQL database {self.url.database or ''!r} on {host}"

    def without_secrets(self, text: str) -> str:
        """A message of a driver, in which secrets of the URL are replaced, should it have some."""
        secrets = [self.url.password, *map(self.url.query.get, _SECRET_OPTIONS)]
        for each in secrets:
            if each:
                text = text.replace(str(each), "***")
        return text


def prepare_file(path: Path) -> None:
    """Create a database's file, if it does not exist, so that only its owner can read it.

    SQLite gives the files next to it the same mode.

    Raises:
        ConfigurationError: Its folder does not exist, or others could replace the file.
    """
    with _named(path):
        _check_folder(path.parent)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(path, flags, 0o600)
        try:
            _check_file(path, os.fstat(descriptor))
            os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)


def check_file(path: Path) -> None:
    """Check that only its owner can write a database's file, which exists; changes nothing.

    Raises:
        ConfigurationError: Others can write or replace the file.
    """
    with _named(path):
        _check_folder(path.parent)
        found = path.lstat()
        _check_file(path, found)
        if found.st_mode & _WRITABLE:
            raise ConfigurationError(f"other users can write {path}: give it the mode 600")


def _check_folder(folder: Path) -> None:
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise ConfigurationError(f"{folder} belongs to another user")
    if found.st_mode & _WRITABLE:
        raise ConfigurationError(f"other users can write in {folder}: use a folder of mode 700")


def _check_file(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        raise ConfigurationError(f"{path} is not a file of this user")


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be opened: {error.strerror}") from error
