"""Homes in HDFS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integrations.doctor.deployments import make_deployment
from yarnhub.filesystem.port import FileStatus
from yarnhub.integrations.doctor.finding import Grade
from yarnhub.integrations.doctor.hdfs import check, judge

if TYPE_CHECKING:
    from pathlib import Path

HOME = "hdfs://n:8020/user/alice"


def status(owner: str, *, is_directory: bool = True) -> FileStatus:
    return FileStatus(
        path=HOME,
        length=0,
        modification_time=0,
        is_directory=is_directory,
        owner=owner,
        permission=0o700,
    )


@pytest.mark.parametrize(
    ("found", "grade", "words"),
    [
        (status("alice"), Grade.OK, "exists and belongs to alice"),
        (None, Grade.ERROR, "alice has no home"),
        (status("hdfs"), Grade.ERROR, "belongs to hdfs, not to alice"),
        (status("alice", is_directory=False), Grade.ERROR, "is not a folder"),
    ],
)
def test_a_home(found: FileStatus | None, grade: Grade, words: str) -> None:
    judged = judge(HOME, found, "alice")
    assert judged.grade is grade
    assert words in judged.what


async def test_another_file_system(tmp_path: Path) -> None:
    found = await check(make_deployment(tmp_path, {"fs.defaultFS": "s3a://bucket"}))
    assert found.grade is Grade.NOT_CHECKED
    assert "s3a://bucket" in found.what
