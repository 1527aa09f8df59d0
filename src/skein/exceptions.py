"""The errors that skein's users catch.

::

    SkeinError
    |-- ConnectionError              also the builtin ConnectionError, so an OSError
    |   |-- ApplicationNotRunningError
    |   `-- DriverNotRunningError    never raised: there is no driver
    |-- TimeoutError                 also the builtin TimeoutError
    |-- DriverError                  the cluster refused, or the client is not configured correctly
    |   `-- RefusedError             the submission can never succeed (also ValueError)
    |-- ApplicationError             the application refused the request
    `-- EventsMissedError            a queue of events was read too slowly

Builtin errors are raised where they fit: `KeyError` for a key that is not set, `ValueError`
for an invalid argument.
"""

from __future__ import annotations

import builtins
import contextlib
import sys
import warnings
from builtins import FileExistsError, FileNotFoundError  # noqa: A004  # skein has them too
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "ApplicationError",
    "ApplicationNotRunningError",
    "ConnectionError",
    "DriverError",
    "DriverNotRunningError",
    "EventsMissedError",
    "FileExistsError",
    "FileNotFoundError",
    "RefusedError",
    "SkeinError",
    "TimeoutError",
    "context",
]


class SkeinError(Exception):
    """The root of skein's errors."""


class ConnectionError(SkeinError, builtins.ConnectionError):  # noqa: A001  # skein's name
    """The cluster, or the application, cannot be reached."""


class TimeoutError(SkeinError, builtins.TimeoutError):  # noqa: A001  # skein's name
    """There was no response in time."""


class DriverNotRunningError(ConnectionError):
    """There is no driver. Kept for programs that catch it."""


class ApplicationNotRunningError(ConnectionError):
    """The application has ended, or is not running yet."""


class DriverError(SkeinError):
    """The cluster refused the request, or the client is not configured correctly."""


class RefusedError(DriverError, ValueError):
    """The submission requests more than the cluster has, or a file that does not exist."""


class ApplicationError(SkeinError):
    """The application refused the request."""


class EventsMissedError(SkeinError):
    """A queue of events was read too slowly, and the application keeps only the latest events.

    The next `get` continues with the oldest event that is still available.
    """


class Context:
    """Whether this process is the command `skein`: warnings are then lines for people."""

    def __init__(self) -> None:
        self.is_cli: bool = False

    def warn(self, msg: str) -> None:
        """Say something that should be known and is no error."""
        if self.is_cli:
            print(msg, file=sys.stderr)  # noqa: T201  # what it is for
        else:
            warnings.warn(msg, stacklevel=3)

    @contextlib.contextmanager
    def set_cli(self) -> Iterator[None]:
        """Be the command for a while."""
        before, self.is_cli = self.is_cli, True
        try:
            yield
        finally:
            self.is_cli = before


context: Context = Context()
