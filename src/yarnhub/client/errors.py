"""Errors of the client, in addition to `yarnhub.base.errors`."""

from __future__ import annotations

from yarnhub.base.errors import YarnhubError


class ApplicationTypeError(YarnhubError):
    """An application was not submitted by yarnhub."""


class EventsMissedError(YarnhubError):
    """Events arrived faster than the queue was read, and the application keeps only the latest.

    The next `get` continues with the oldest event that is kept.
    """


class QueueRefusedError(YarnhubError):
    """YARN refused to move an application: the queue does not exist, or does not accept it."""
