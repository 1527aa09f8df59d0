"""The HDFS of fast tests does what a real one does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from filesystem.contract import FileSystemContract
from filesystem.fake_hdfs import FakeHdfs

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.filesystem.port import FileSystem


@pytest.fixture
def hdfs(tmp_path: Path) -> FakeHdfs:
    folder = tmp_path / "contents"
    folder.mkdir()
    return FakeHdfs(folder)


@pytest.fixture
def fs(hdfs: FakeHdfs) -> FileSystem:
    return hdfs.user("alice")


@pytest.fixture
def stranger(hdfs: FakeHdfs) -> FileSystem:
    return hdfs.user("bob")


@pytest.fixture
async def base(hdfs: FakeHdfs) -> str:
    superuser = hdfs.user("hdfs")
    await superuser.make_directory("/user", 0o1777)
    await hdfs.user("alice").make_directory("/user/alice/base", 0o755)
    return "/user/alice/base"


class TestFakeHdfs(FileSystemContract):
    pass
