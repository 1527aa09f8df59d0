"""Refusals neither fill the disk nor hide those of other users."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from yarnhub.server.audit import AuditLog, Event

if TYPE_CHECKING:
    from pathlib import Path


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_refusals_of_one_user_do_not_hide_those_of_another(tmp_path: Path) -> None:
    now = 0.0
    log = AuditLog(tmp_path / "audit", lambda: now)
    for _ in range(1000):
        log.write(Event.REFUSE, "mallory")
    log.write(Event.REFUSE, "alice")

    lines = _lines(tmp_path / "audit")
    assert Counter(line["actor"] for line in lines) == {"mallory": 120, "alice": 1}
    assert lines[-1]["unrecorded_refusals"] == 880

    now = 60.0
    log.write(Event.REFUSE, "mallory")
    assert _lines(tmp_path / "audit")[-1]["actor"] == "mallory"


def test_refusals_of_many_users_are_bounded(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit", lambda: 0.0)
    for number in range(1000):
        log.write(Event.REFUSE, f"user{number}")

    assert len(_lines(tmp_path / "audit")) == 100 + 120


def test_connections_are_one_line_a_minute(tmp_path: Path) -> None:
    now = 0.0
    log = AuditLog(tmp_path / "audit", lambda: now)
    for _ in range(100):
        log.write(Event.CONNECT, "alice", kernel="1", address="192.0.2.1")
        log.write(Event.CONNECT, "alice", kernel="1", address="192.0.2.2")
        log.write(Event.CONNECT, "bob", kernel="2", address="192.0.2.1")
    assert Counter(line["kernel"] for line in _lines(tmp_path / "audit")) == {"1": 2, "2": 1}

    now = 60.0
    log.write(Event.CONNECT, "bob", kernel="2", address="192.0.2.1")
    assert len(_lines(tmp_path / "audit")) == 4


def test_the_last_lines_can_be_read_whatever_the_file_has(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    log = AuditLog(path, lambda: 0.0)
    assert log.last(2) == []
    for number in range(3000):
        log.write(Event.KILL, f"user{number}", application="x" * 100)
    with path.open("a") as file:
        file.write("cut off\n[1]\n\xff\n")
    assert [each["actor"] for each in log.last(2)] == ["user2999", "user2998"]
    assert 1 < len(log.last(5000)) < 3000  # of the end of the file
    assert AuditLog(None, lambda: 0.0).last(2) == []
