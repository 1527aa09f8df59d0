"""HDFS in JupyterLab, over the local file system."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from traitlets import TraitError

from filesystem.contract import closed_port
from integrations.contents.contract import ContentsContract, drive, names, refused, text
from yarnhub.filesystem.errors import FileSystemError
from yarnhub.hadoop.security.users import SimpleUser
from yarnhub.integrations.contents import ContentsWithHdfs, HdfsContents
from yarnhub.integrations.contents.file_systems import ProcessHdfs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def contents(tmp_path: Path) -> ContentsWithHdfs:
    return make(tmp_path)


def make(tmp_path: Path, properties: dict[str, str] | None = None) -> ContentsWithHdfs:
    for name in ("own", "hdfs"):
        (tmp_path / name).mkdir()
    hdfs = HdfsContents(
        hdfs=ProcessHdfs(properties or {}, SimpleUser("alice")), directory=str(tmp_path / "hdfs")
    )
    return ContentsWithHdfs(root_dir=str(tmp_path / "own"), hdfs=hdfs, delete_to_trash=False)


class TestOverLocalFiles(ContentsContract):
    """All of the contract."""


async def test_the_servers_own_files_are_available_without_hdfs(tmp_path: Path) -> None:
    contents = make(tmp_path, {"fs.defaultFS": f"hdfs://localhost:{closed_port()}"})
    await contents.save(text("x"), "a")
    assert sorted(await names(contents, "")) == ["a", "hdfs"]
    with refused(503, "HDFS does not respond: try again: .*cannot connect to localhost"):
        await contents.get("hdfs")
    with refused(503):
        await contents.save(text("x"), "hdfs/a")
    with refused(503):
        await contents.rename("a", "hdfs/a")
    assert (await contents.get("a"))["content"] == "x"


async def test_a_user_without_a_home_in_hdfs_is_told_so(
    tmp_path: Path, contents: ContentsWithHdfs
) -> None:
    (tmp_path / "hdfs").rmdir()
    assert await names(contents, "") == ["hdfs"]
    with refused(503, "/hdfs does not exist; ask an administrator"):
        await contents.get("hdfs")


@pytest.mark.parametrize(("mask", "mode"), [("027", 0o640), ("u=rwx,g=,o=", 0o600)])
async def test_new_files_follow_the_clusters_umask(tmp_path: Path, mask: str, mode: int) -> None:
    contents = make(tmp_path, {"fs.permissions.umask-mode": mask})
    await contents.save(text(""), "hdfs/a")
    assert (tmp_path / "hdfs" / "a").stat().st_mode & 0o777 == mode


async def test_an_interrupted_move_keeps_the_old_file(
    tmp_path: Path, contents: ContentsWithHdfs, monkeypatch: pytest.MonkeyPatch
) -> None:
    await contents.save(text("kept"), "hdfs/a")
    monkeypatch.setattr("yarnhub.integrations.contents.combined.append", _full)
    with refused(500, "full"):
        await contents.rename("hdfs/a", "a")
    assert list((tmp_path / "own").iterdir()) == []
    assert (await contents.get("hdfs/a"))["content"] == "kept"


def _full(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    if content:
        raise FileSystemError("write", str(file), "the disk is full")


async def test_another_name_for_the_folder(tmp_path: Path, contents: ContentsWithHdfs) -> None:
    drive(contents).folder = "cluster"
    await contents.save(text("x"), "cluster/a")
    assert (tmp_path / "hdfs" / "a").read_text() == "x"
    with pytest.raises(TraitError, match="the name of one folder"):
        drive(contents).folder = "a/b"


def test_without_a_hadoop_configuration_only_own_files_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path / "missing"))
    contents = ContentsWithHdfs(root_dir=str(tmp_path), log=logging.getLogger("test"))
    assert contents.hdfs is None
    assert "HDFS is not shown in JupyterLab: the Hadoop configuration folder" in caplog.text
    assert contents.on_hdfs("hdfs/a") is None
