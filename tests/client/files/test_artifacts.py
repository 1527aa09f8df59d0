"""Artifacts: uploaded once, found by their names, deleted when they have long been unused."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from filesystem.fake_hdfs import FakeHdfs
from yarnhub.base.errors import ConfigurationError
from yarnhub.client.files.artifacts import Artifact, Artifacts
from yarnhub.client.submit.runtime_archive import runtime_archives
from yarnhub.filesystem.errors import FileSystemError
from yarnhub.filesystem.local import LocalFileSystem
from yarnhub.spec import FileType, FileVisibility

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.spec import File

DAY = 24 * 3600


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    path = tmp_path / "local.zip"
    path.write_bytes(b"content")
    return Artifact(path, "jars-0123", ".zip")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


async def publish(artifact: Artifact, folder: Path, *, shared: bool = False) -> File:
    async with LocalFileSystem() as file_system:
        return await Artifacts(file_system, str(folder), shared=shared).publish(artifact)


async def delete_unused(folder: Path, *, days: float) -> tuple[str, ...]:
    """Delete unused artifacts after some days."""
    async with LocalFileSystem() as file_system:
        then = datetime.now(UTC).timestamp() + days * DAY
        return await Artifacts(file_system, str(folder)).delete_unused(then)


def age(folder: Path, *, days: float) -> None:
    """Make all in it, and itself, older."""
    for path in (*folder.rglob("*"), folder):
        when = path.stat().st_mtime - days * DAY
        os.utime(path, (when, when))


class TestOwners:
    """Containers of a user run what is in an artifact."""

    @pytest.fixture
    async def hdfs(self, tmp_path: Path) -> FakeHdfs:
        made = FakeHdfs(tmp_path / "hdfs")
        (tmp_path / "hdfs").mkdir()
        await made.user("hdfs").make_directory("/user", 0o755)
        await made.user("hdfs").make_directory("/user/alice", 0o777)
        made.node("/user/alice").owner = "alice"
        return made

    async def publish(self, hdfs: FakeHdfs, artifact: Artifact) -> File:
        artifacts = await runtime_archives(hdfs.user("alice"))
        return await artifacts.publish(artifact)

    async def test_a_file_of_another_user_is_not_used(
        self, hdfs: FakeHdfs, artifact: Artifact
    ) -> None:
        first = await self.publish(hdfs, artifact)
        assert await self.publish(hdfs, artifact) == first
        hdfs.node(first.source).owner = "mallory"
        second = await self.publish(hdfs, artifact)
        assert second.source != first.source
        hdfs.node(second.source).permission = 0o666
        third = await self.publish(hdfs, artifact)
        assert third.source not in {first.source, second.source}

    @pytest.mark.parametrize("name", ["", "/jars-0123"])
    async def test_a_folder_that_another_user_can_change_is_refused(
        self, name: str, hdfs: FakeHdfs, artifact: Artifact
    ) -> None:
        await self.publish(hdfs, artifact)
        folder = f"/user/alice/.yarnhub-runtime{name}"
        hdfs.node(folder).permission = 0o775
        with pytest.raises(
            ConfigurationError, match=f"{folder} can be written by other users.*go-w"
        ):
            await self.publish(hdfs, artifact)
        hdfs.node(folder).permission = 0o755
        hdfs.node(folder).owner = "mallory"
        with pytest.raises(ConfigurationError, match=f"{folder} belongs to mallory"):
            await self.publish(hdfs, artifact)

    async def test_a_home_of_an_administrator_is_used(
        self, hdfs: FakeHdfs, artifact: Artifact
    ) -> None:
        hdfs.node("/user/alice").owner = "hdfs"
        first = await self.publish(hdfs, artifact)
        assert await self.publish(hdfs, artifact) == first


async def test_what_is_not_shared_is_kept_from_others(artifact: Artifact, folder: Path) -> None:
    file = await publish(artifact, folder)
    assert (file.type, file.visibility) == (FileType.ARCHIVE, FileVisibility.PRIVATE)
    assert {path.stat().st_mode & 0o077 for path in folder.rglob("*")} == {0}


async def test_another_content_is_another_upload(artifact: Artifact, folder: Path) -> None:
    first = await publish(artifact, folder)
    artifact.path.write_bytes(b"other content")
    other = await publish(Artifact(artifact.path, "jars-4567", ".zip"), folder)
    assert first.source != other.source
    assert (await publish(artifact, folder)).size == len(b"other content")


async def test_a_use_does_not_touch_what_yarn_compares(artifact: Artifact, folder: Path) -> None:
    first = await publish(artifact, folder)
    age(folder, days=5)
    again = await publish(artifact, folder)
    assert again.source == first.source
    assert again.timestamp == pytest.approx(first.timestamp - 5 * DAY * 1000, abs=1)


async def test_what_has_long_been_unused_is_deleted(artifact: Artifact, folder: Path) -> None:
    await publish(artifact, folder)
    assert await delete_unused(folder, days=89) == ()
    assert await delete_unused(folder, days=91) == ("jars-0123",)
    assert await delete_unused(folder, days=91) == ()
    assert not list(folder.iterdir())


async def test_what_is_used_stays(artifact: Artifact, folder: Path) -> None:
    await publish(artifact, folder)
    age(folder, days=80)
    await publish(artifact, folder)
    assert await delete_unused(folder, days=20) == ()


async def test_what_a_version_without_notes_of_use_left_is_kept_as_long_as_any(
    artifact: Artifact, folder: Path
) -> None:
    """It may have been used the day before, by applications that still run."""
    await publish(artifact, folder)
    (folder / artifact.name / ".used").unlink()
    age(folder, days=1000)
    assert await delete_unused(folder, days=0) == ()
    assert await delete_unused(folder, days=89) == ()
    assert await delete_unused(folder, days=91) == (artifact.name,)


async def test_a_use_that_cannot_be_noted_is_no_failure(
    artifact: Artifact, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await publish(artifact, folder)
    age(folder, days=5)

    async def full(_: object, path: str, *__: object) -> None:
        raise FileSystemError("write", path, "No space left on device")

    monkeypatch.setattr(LocalFileSystem, "write", full)
    assert (await publish(artifact, folder)).source == first.source


async def test_without_any_there_is_nothing_to_delete_unused(folder: Path) -> None:
    assert await delete_unused(folder, days=1000) == ()
