"""How a build ended, by what YARN reports and what it has published."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from client.explain.reports import report
from environments.published.in_fake_hdfs import Environments
from environments.published.stores import built, spec
from sessions.in_memory import SETTINGS
from yarnhub.environments.cluster_build import session
from yarnhub.environments.cluster_build.report import BuildProgress, BuildState
from yarnhub.environments.cluster_build.session import BuildHandle, BuildSessions
from yarnhub.yarn.records.applications import ApplicationReport, FinalApplicationStatus
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from pathlib import Path

BUILD = ApplicationId(id=7, cluster_timestamp=1_700_000_000_000)
ANOTHER = ApplicationId(id=8, cluster_timestamp=1_700_000_000_000)
MASTER_KILLED = (
    "Application application_1700000000000_0007 failed 1 times due to AM Container for "
    "appattempt_1700000000000_0007_000001 exited with  exitCode: 137\n"
    "Failing this attempt.Diagnostics: Container killed on request. Exit code is 137"
)
_LATER = 4_000_000_000_000
"""Milliseconds since 1970: a clock that is ahead of the one of HDFS."""


class Ended:
    """A client of a cluster on which a build has ended."""

    def __init__(
        self, status: FinalApplicationStatus, start_time: int, diagnostics: str = "last words"
    ) -> None:
        self._report = replace(
            report("FINISHED"),
            application_id=BUILD,
            final_application_status=status,
            diagnostics=diagnostics,
            start_time=start_time,
        )

    async def application_report(self, application_id: ApplicationId) -> ApplicationReport:
        assert application_id == BUILD
        return self._report


@pytest.fixture
async def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environments:
    monkeypatch.setattr(session, "_LATE_LOOK", 0.001)
    found = Environments(tmp_path / "hdfs")
    found.use(monkeypatch)
    await found.publish(SETTINGS.user_name, "other")
    return found


async def state(
    status: FinalApplicationStatus, start_time: int = 0, diagnostics: str = "last words"
) -> BuildState:
    return (await end(status, start_time, diagnostics)).state


async def end(
    status: FinalApplicationStatus, start_time: int = 0, diagnostics: str = "last words"
) -> BuildProgress:
    client = Ended(status, start_time, diagnostics)
    sessions = BuildSessions(client, SETTINGS)  # type: ignore[arg-type]  # only reports are read
    *_, last = [each async for each in sessions.follow(BuildHandle(BUILD, "table"))]
    return last


async def publish(environments: Environments, tmp_path: Path, application: ApplicationId) -> None:
    await environments.store(SETTINGS.user_name).publish(
        spec(), built(tmp_path, version=f"1.{application.id}"), application=str(application)
    )


async def test_a_build_that_was_killed_after_it_had_published_is_ready(
    environments: Environments, tmp_path: Path
) -> None:
    """Whatever the clocks of YARN and HDFS are, and although there is a newer version."""
    await publish(environments, tmp_path, BUILD)
    await publish(environments, tmp_path, ANOTHER)
    assert await state(FinalApplicationStatus.KILLED, _LATER) is BuildState.READY
    assert await state(FinalApplicationStatus.FAILED, _LATER) is BuildState.READY


async def test_what_others_have_published_meanwhile_is_not_the_builds(
    environments: Environments, tmp_path: Path
) -> None:
    assert await state(FinalApplicationStatus.FAILED) is BuildState.FAILED
    await publish(environments, tmp_path, ANOTHER)
    await environments.publish(SETTINGS.user_name, version="2")  # on a user's machine
    assert await state(FinalApplicationStatus.FAILED) is BuildState.FAILED
    assert await state(FinalApplicationStatus.KILLED) is BuildState.KILLED
    assert await state(FinalApplicationStatus.SUCCEEDED) is BuildState.READY


@pytest.mark.parametrize(
    ("status", "diagnostics", "expected"),
    [
        (FinalApplicationStatus.FAILED, MASTER_KILLED, BuildState.READY),
        (FinalApplicationStatus.KILLED, "killed by alice", BuildState.READY),
        # The build itself has given up: nothing will come.
        (FinalApplicationStatus.FAILED, "last words", BuildState.FAILED),
    ],
)
async def test_a_container_may_publish_after_its_application_was_killed(
    environments: Environments,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: FinalApplicationStatus,
    diagnostics: str,
    expected: BuildState,
) -> None:
    look = BuildSessions._has_published

    async def look_then_publish(sessions: BuildSessions, build: BuildHandle) -> bool:
        found = await look(sessions, build)
        if not found:
            await publish(environments, tmp_path, BUILD)
        return found

    monkeypatch.setattr(BuildSessions, "_has_published", look_then_publish)
    assert await state(status, diagnostics=diagnostics) is expected


async def test_the_end_is_reported_although_what_was_published_cannot_be_read(
    environments: Environments, tmp_path: Path
) -> None:
    await publish(environments, tmp_path, ANOTHER)
    published = await environments.store(SETTINGS.user_name).find("table")
    environments.hdfs.node(published.url).permission = 0o666
    for status, expected in (
        (FinalApplicationStatus.FAILED, BuildState.FAILED),
        (FinalApplicationStatus.KILLED, BuildState.KILLED),
    ):
        found = await end(status)
        assert found.state is expected
        assert found.reason.startswith("last words\nWhether the environment was published is unkn")
