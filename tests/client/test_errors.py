from __future__ import annotations

from yarnhub.client.application.watch import ended_error
from yarnhub.control import diagnostics
from yarnhub.control.outcomes import Cause, Outcome, Subject
from yarnhub.yarn.records.applications import ApplicationReport, YarnApplicationState
from yarnhub.yarn.records.ids import ApplicationId

ID = "application_1_0001"


def test_the_end_of_an_application_is_data_and_a_sentence() -> None:
    container = Outcome(cause=Cause.MEMORY, exit_code=-104, raw="8 GB of 8 GB used")
    ended = container.of_application("worker_3")
    report = ApplicationReport(
        application_id=ApplicationId.parse(ID),
        yarn_application_state=YarnApplicationState.FAILED,
        diagnostics=diagnostics.write(ended),
    )
    error = ended_error(report)
    assert (error.application_id, error.state) == (ID, "FAILED")
    assert error.outcome.subject is Subject.APPLICATION
    assert (error.outcome.cause, error.outcome.container) == (Cause.MEMORY, "worker_3")
    assert error.diagnostics.startswith("Failure in service worker: worker_3 ended.")
    assert str(error) == f"{ID} is FAILED: {error.diagnostics}"


def test_an_end_without_a_known_cause() -> None:
    error = ended_error(
        ApplicationReport(
            application_id=ApplicationId.parse(ID),
            yarn_application_state=YarnApplicationState.KILLED,
        )
    )
    assert (str(error), error.diagnostics) == (f"{ID} is KILLED", "")
