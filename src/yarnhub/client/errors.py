"""Errors of the client, in addition to `yarnhub.base.errors`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError
from yarnhub.control.words import describe

if TYPE_CHECKING:
    from yarnhub.control.outcomes import Outcome


class ApplicationFailedError(YarnhubError):
    """The application ended before it reached the expected state.

    Attributes:
        application_id: The application's id.
        state: Its final state as YARN names it.
        outcome: How it ended.
    """

    def __init__(self, application_id: str, state: str, outcome: Outcome) -> None:
        self.application_id = application_id
        self.state = state
        self.outcome = outcome
        reason = f": {self.diagnostics}" if self.diagnostics else ""
        super().__init__(f"{application_id} is {state}{reason}")

    @property
    def diagnostics(self) -> str:
        """How it ended in words, with YARN's diagnostics; empty if unknown."""
        return describe(self.outcome).strip()


class ApplicationTypeError(YarnhubError):
    """An application was not submitted by yarnhub."""


class EventsMissedError(YarnhubError):
    """Events arrived faster than the queue was read, and the application keeps only the latest.

    The next `get` continues with the oldest event that is kept.
    """


class QueueRefusedError(YarnhubError):
    """YARN refused to move an application: the queue does not exist, or does not accept it."""
