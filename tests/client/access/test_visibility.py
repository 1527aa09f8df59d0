from __future__ import annotations

import pytest

from yarnhub.base.errors import AccessDeniedError
from yarnhub.client.access.visibility import check_shown
from yarnhub.yarn.records.applications import ApplicationReport, YarnApplicationState
from yarnhub.yarn.records.ids import ApplicationAttemptId, ApplicationId


def report(state: str, attempt: int | None) -> ApplicationReport:
    number = ApplicationId(id=7, cluster_timestamp=1)
    return ApplicationReport(
        application_id=number,
        user="alice",
        yarn_application_state=YarnApplicationState[state],
        current_application_attempt_id=(
            None
            if attempt is None
            else ApplicationAttemptId(application_id=number, attempt_id=attempt)
        ),
    )


@pytest.mark.parametrize("attempt", [None, -1])
def test_what_is_not_shown(attempt: int | None) -> None:
    for state in ("ACCEPTED", "RUNNING"):
        with pytest.raises(AccessDeniedError) as caught:
            check_shown(report(state, attempt), "bob")
        assert str(caught.value) == (
            "application_1_0007 belongs to alice, who does not allow bob to view it"
        )


@pytest.mark.parametrize(
    ("state", "attempt"), [("RUNNING", 1), ("ACCEPTED", 2), ("SUBMITTED", -1), ("KILLED", None)]
)
def test_what_is_shown_or_has_nothing_to_show(state: str, attempt: int | None) -> None:
    check_shown(report(state, attempt), "bob")
