"""The errors of a service's database."""

from __future__ import annotations

from yarnhub.base.errors import ConfigurationError, YarnhubError


class DatabaseUnavailableError(YarnhubError):
    """The database does not respond, or is busy: whether it has done what was asked is unknown."""

    retriable = True


class NewerDatabaseError(ConfigurationError):
    """The database was used by a newer version of yarnhub."""


class LimitChangedError(YarnhubError):
    """A limit is not as it was expected to be: somebody else has changed it."""


class TooManyLimitsError(YarnhubError):
    """No more limits can be set."""


class NoSuchLimitError(YarnhubError):
    """A limit that is to be removed is not set."""
