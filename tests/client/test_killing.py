"""When a kill counts as done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from client.sites import managed_by
from hadoop.server import Call, answer, failure, serving
from yarnhub.client.client import Client
from yarnhub.hadoop.codec import encode
from yarnhub.yarn.records import resource_manager as rm
from yarnhub.yarn.records.applications import ApplicationReport, YarnApplicationState
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from pathlib import Path

NUMBER = ApplicationId(id=1, cluster_timestamp=1700000000000)
FORGOTTEN = "org.apache.hadoop.yarn.exceptions.ApplicationNotFoundException"


class Manager:
    """A ResourceManager that takes the kill of an unmanaged application for done at once."""

    def __init__(self, *states: YarnApplicationState) -> None:
        self.left = list(states)

    def __call__(self, call: Call) -> bytes | None:
        if call.method == "forceKillApplication":
            response = rm.KillApplicationResponse(is_kill_completed=True)
            return answer(call.call_id, encode(response))
        assert call.method == "getApplicationReport"
        if not self.left:
            return failure(call.call_id, FORGOTTEN, "no such application")
        report = ApplicationReport(application_id=NUMBER, yarn_application_state=self.left.pop(0))
        return answer(
            call.call_id, encode(rm.GetApplicationReportResponse(application_report=report))
        )


@pytest.mark.parametrize("end", [[YarnApplicationState.KILLED], []], ids=["killed", "forgotten"])
async def test_an_application_has_ended_once_yarn_reports_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: list[YarnApplicationState]
) -> None:
    async def nothing(*_: object, **__: object) -> None:
        """There are no uploads."""

    monkeypatch.setattr(Client, "clean_up", nothing)
    running = [YarnApplicationState.RUNNING] * 2
    manager = Manager(*running, *end)
    async with serving(manager) as server, Client(managed_by(server.address, tmp_path)) as client:
        assert not await client.request_kill(NUMBER)
        await client.kill(NUMBER)
    assert manager.left == []
