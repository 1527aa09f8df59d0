"""How the end of a batch job is told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.client.logs.aggregated import LogChunk, LogFile
from yarnhub.integrations.spark.batch_outcome import TAIL, BatchOutcome
from yarnhub.yarn.records.applications import (
    ApplicationAttemptReport,
    ApplicationReport,
    FinalApplicationStatus,
    YarnApplicationState,
)
from yarnhub.yarn.records.ids import ApplicationId, ContainerId

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from yarnhub.client.logs.selection import LogSelection

NUMBER = ApplicationId.parse("application_1795963632264_0001")
DRIVER = ContainerId.parse("container_1795963632264_0001_01_000001")


class Cluster:
    """What a client finds, as far as an outcome needs it."""

    def __init__(self, logs: Mapping[str, bytes] | None, *, started: bool = True) -> None:
        self.found = logs
        self.cleaned: list[ApplicationId] = []
        attempts = (ApplicationAttemptReport(am_container_id=DRIVER),) if started else ()
        self.resource_manager = SimpleNamespace(
            get_application_attempts=lambda _: returned(attempts)
        )

    async def clean_up(self, application: ApplicationId) -> None:
        self.cleaned.append(application)

    async def logs(
        self, _: ApplicationId, selection: LogSelection, *, notice: Callable[[str], None]
    ) -> AsyncGenerator[LogChunk, None]:
        if self.found is None:
            raise ConfigurationError("this cluster does not aggregate logs")
        assert selection.containers == {str(DRIVER)}
        (name,) = selection.files
        content = self.found.get(name, b"")
        file = LogFile(container_id=DRIVER, name=name, length=len(content), node="", instance="")
        notice("not shown")
        for start in range(0, len(content), 1000):
            yield LogChunk(file, start, content[start : start + 1000])


async def returned(value: object) -> object:
    return value


async def told(cluster: Cluster, **report: object) -> tuple[bool, list[str]]:
    """Whether it succeeded, and what was said."""
    lines: list[str] = []
    outcome = BatchOutcome(cluster, NUMBER, lines.append)  # type: ignore[arg-type]  # a part of it
    times = {"start_time": 1000, "finish_time": 9000}
    found = ApplicationReport(application_id=NUMBER, **times, **report)  # type: ignore[arg-type]
    done = await outcome.explain(found)
    assert cluster.cleaned == [NUMBER]
    return done, lines


FAILED = {
    "yarn_application_state": YarnApplicationState.FAILED,
    "final_application_status": FinalApplicationStatus.FAILED,
}


def exited(code: int) -> str:
    return (
        f"Application {NUMBER} failed 1 times due to AM Container for appattempt_1_0001_000001 "
        f"exited with exitCode: {code}\nFailing this attempt."
    )


async def test_success() -> None:
    done = await told(
        Cluster({}),
        yarn_application_state=YarnApplicationState.FINISHED,
        final_application_status=FinalApplicationStatus.SUCCEEDED,
    )
    assert done == (True, [f"{NUMBER} succeeded after 8 s."])


async def test_a_killed_application_has_no_error_to_show() -> None:
    done, lines = await told(
        Cluster({"stdout": b"x"}),
        yarn_application_state=YarnApplicationState.KILLED,
        final_application_status=FinalApplicationStatus.KILLED,
        diagnostics="Application was killed by user alice",
    )
    assert (done, len(lines)) == (False, 1)
    assert lines[0].startswith(f"{NUMBER} was killed after 8 s: ")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (13, "before it had a SparkSession"),
        (-104, "raise --driver-memory"),
        (137, "raise --driver-memory"),
        (127, "its node cannot run it"),
        (15, "the script failed"),
    ],
)
async def test_exit_codes_in_words(code: int, words: str) -> None:
    _, lines = await told(Cluster({}), **FAILED, diagnostics=exited(code))
    assert words in lines[0]
    assert len(lines) == 1


async def test_the_end_of_what_the_script_wrote_is_shown() -> None:
    text = "".join(f"line {number} of ü\n" for number in range(100)).encode() + b"\n\xff\n"
    _, lines = await told(Cluster({"stdout": text, "stderr": b"no"}), **FAILED, diagnostics="why")
    assert lines[1] == "The end of the driver's stdout:"
    assert (len(lines), lines[-1], lines[-2]) == (2 + TAIL, "\ufffd", "line 99 of ü")


async def test_without_output_of_the_script_sparks_log_is_shown() -> None:
    logs = {"stdout": b"\n", "stderr": b"no Java\n"}
    _, lines = await told(Cluster(logs), **FAILED, diagnostics=exited(127))
    assert lines[1:] == ["The end of the driver's stderr:", "no Java"]


async def test_a_log_that_cannot_be_read_is_no_error() -> None:
    _, lines = await told(Cluster(None), **FAILED, diagnostics="why")
    assert lines[1:] == ["The driver's log could not be read: this cluster does not aggregate logs"]


async def test_a_driver_that_never_started_has_no_log() -> None:
    _, lines = await told(Cluster(None, started=False), **FAILED, diagnostics="why")
    assert len(lines) == 1
