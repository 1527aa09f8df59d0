"""The end of the audit log, for administrators."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from server.platform import answers
from server.platform.serving import administered
from yarnhub.server.audit import AuditLog, Event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from server.platform.serving import Platform

HOSTILE = "<script>\u202e\x1b[31m"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Platform]:
    async with administered(tmp_path) as served:
        yield served


async def test_administrators_see_the_last_lines_first(served: Platform, tmp_path: Path) -> None:
    audit = served.service.audit
    audit.write(Event.KILL, "alice", application="application_1_0001", user="alice")
    with (tmp_path / "audit.jsonl").open("a") as file:
        file.write('cut off {\n[1]\n{"time": "yesterday", "size": 3, "x": "\\ud83d"}\n')
        file.write("[" * 10_000 + "\n")
    audit.write(Event.SHARE, "bob", name=HOSTILE)
    lines = (await served.get("c", "/audit")).json()
    assert [each["event"] for each in lines] == ["share", "", "kill"]
    assert (lines[0]["actor"], lines[0]["details"]) == ("bob", {"name": HOSTILE})
    assert (lines[1]["time"], lines[1]["actor"], lines[1]["details"]) == (
        None, "", {"size": "3", "x": "?"},
    )  # fmt: skip
    assert lines[2]["details"] == {"application": "application_1_0001", "user": "alice"}
    assert lines[2]["time"].endswith("Z")
    (last,) = (await served.get("c", "/audit", limit=1)).json()
    assert last == lines[0]


async def test_others_are_refused_and_that_is_recorded(served: Platform) -> None:
    answer = await served.get("a", "/audit")
    assert answer.status_code == 403
    assert "Only administrators" in answers.problem(answer)["detail"]
    (line,) = (await served.get("c", "/audit")).json()
    assert (line["event"], line["actor"], line["details"]["action"]) == (
        "refuse", "alice", "audit",
    )  # fmt: skip


async def test_without_a_log_the_setting_is_named(served: Platform) -> None:
    served.service.audit = AuditLog(None, time.monotonic)
    answer = await served.get("c", "/audit")
    assert answer.status_code == 404
    assert "c.Platform.audit_log" in answers.problem(answer)["detail"]
