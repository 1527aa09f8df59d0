"""Errors of the client's own, beside those of `yarnhub.base.errors`."""

from __future__ import annotations

from yarnhub.base.errors import YarnhubError


class ApplicationTypeError(YarnhubError):
    """An application was not submitted by yarnhub."""


class EventsMissedError(YarnhubError):
    """Events came faster than the queue was read, and the application keeps only the latest.

    The next `get` goes on with what is still known.
    """


class QueueRefusedError(YarnhubError):
    """YARN does not move an application to a queue: there is none, or it does not take it."""
