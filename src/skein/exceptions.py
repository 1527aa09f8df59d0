"""The errors that skein's users catch.

    SkeinError
    |-- ConnectionError              also the builtin ConnectionError, so an OSError
    |   |-- ApplicationNotRunningError
    |   `-- DriverNotRunningError    never raised: there is no driver
    |-- TimeoutError                 also the builtin TimeoutError
    |-- DriverError                  the cluster, or what leads to it, said no
    `-- ApplicationError             the application said no

What has a builtin's meaning is raised as that: `KeyError` for a key that is not set, `ValueError`
for an argument that cannot be.
"""

from __future__ import annotations

import builtins


class SkeinError(Exception):
    """The root of skein's errors."""


class ConnectionError(SkeinError, builtins.ConnectionError):  # noqa: A001  # skein's name
    """Nobody answers: the cluster, or the application, cannot be reached."""


class TimeoutError(SkeinError, builtins.TimeoutError):  # noqa: A001  # skein's name
    """No answer came in time."""


class DriverNotRunningError(ConnectionError):
    """There is no driver. Kept for programs that catch it."""


class ApplicationNotRunningError(ConnectionError):
    """The application has ended, or does not run yet."""


class DriverError(SkeinError):
    """The cluster refused, or the way to it is not as it should be."""


class ApplicationError(SkeinError):
    """The application refused."""
