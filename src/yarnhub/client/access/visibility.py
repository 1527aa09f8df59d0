"""Whether YARN shows an application to a user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.errors import AccessDeniedError
from yarnhub.yarn.records.applications import YarnApplicationState

if TYPE_CHECKING:
    from yarnhub.yarn.records.applications import ApplicationReport

_ATTEMPTED = (YarnApplicationState.ACCEPTED, YarnApplicationState.RUNNING)


def check_shown(report: ApplicationReport, user: str) -> None:
    """Refuse an application whose details YARN does not show to this user.

    Raises:
        AccessDeniedError: It belongs to another user, who does not share it.
    """
    attempt = report.current_application_attempt_id
    # RMAppImpl.createAndGetApplicationReport sets the attempt -1 then.
    if report.yarn_application_state in _ATTEMPTED and (attempt is None or attempt.attempt_id < 0):
        raise not_shown(report, user)


def not_shown(report: ApplicationReport, user: str) -> AccessDeniedError:
    """The error for an application that its owner does not show to a user."""
    return AccessDeniedError(
        "",
        f"{report.application_id} belongs to {report.user}, who does not allow {user} to view it",
    )
