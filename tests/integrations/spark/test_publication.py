"""Spark is published completely or not at all, once, and by nobody else."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from full_disk import files_end_at
from integrations.spark import installations
from integrations.spark.publications import Failing, listed, publish
from yarnhub.base.errors import AccessDeniedError, ConfigurationError
from yarnhub.base.tasks import task_group
from yarnhub.filesystem.errors import FileSystemError
from yarnhub.filesystem.local import LocalFileSystem
from yarnhub.integrations.spark import class_data
from yarnhub.integrations.spark.installation import Installation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from yarnhub.filesystem.port import FileStatus

pytestmark = pytest.mark.usefixtures("temporary")

FILES = ["spark-libs.tar", "pyspark.zip", "py4j-0.10.9.9-src.zip"]
CLASS_DATA = "spark-17.0.15_6-Debian-1deb12u1.jsa"


@pytest.fixture
def java(tmp_path: Path) -> class_data.Java:
    home = installations.java(tmp_path / "java")
    return class_data.Java(home, installations.BUILD)


def files(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file())


async def test_everything_is_uploaded_once(
    root: Path, spark: Path, java: class_data.Java, temporary: Path
) -> None:
    first, sent = await publish(root, spark, java)
    assert list(sent) == [*FILES, CLASS_DATA]
    assert [each.spark for each in await listed(root)] == [first]
    before = {path: path.stat() for path in files(root)}
    again, sent = await publish(root, spark, java)
    assert again == first
    assert sent == ()
    assert {path: path.stat() for path in files(root)} == before
    assert list(temporary.iterdir()) == []


async def test_all_can_read_and_only_the_publisher_can_write(
    root: Path, spark: Path, java: class_data.Java
) -> None:
    old = os.umask(0o077)
    try:
        result, _ = await publish(root, spark, java)
    finally:
        os.umask(old)
    folder = Path(result.folder.removeprefix("file://"))
    assert {path.stat().st_mode & 0o7777 for path in (root, folder)} == {0o755}
    assert {path.stat().st_mode & 0o7777 for path in files(root)} == {0o644}


async def test_class_data_of_another_java_is_added(
    root: Path, spark: Path, java: class_data.Java, tmp_path: Path
) -> None:
    first, _ = await publish(root, spark)
    assert dict(first.class_data) == {}
    second, sent = await publish(root, spark, java)
    assert sent == (CLASS_DATA,)
    other = class_data.Java(installations.java(tmp_path / "other", "25.0.1+8-LTS"), "25.0.1+8-LTS")
    third, sent = await publish(root, spark, other)
    assert sent == ("spark-25.0.1_8-LTS.jsa",)
    assert set(third.class_data) == {java.build, other.build}
    assert (third.libs, third.published) == (first.libs, first.published)
    assert third.class_data[java.build] == second.class_data[java.build]


@pytest.mark.parametrize("error", [FileSystemError("write", "x", "full"), asyncio.CancelledError()])
async def test_interrupted_at_any_change_nothing_is_published_and_the_next_one_completes_it(
    root: Path, spark: Path, java: class_data.Java, temporary: Path, error: BaseException
) -> None:
    for change in range(100):
        failing = Failing(change, error)
        try:
            await publish(root, spark, java, file_system=failing)
        except (FileSystemError, asyncio.CancelledError):
            assert not any(each.spark for each in await listed(root))
        else:
            break
        assert list(temporary.iterdir()) == []
        result, _ = await publish(root, spark, java)
        assert [each.spark for each in await listed(root)] == [result]
        shutil.rmtree(root)
    assert change > 8


async def test_what_was_uploaded_before_an_interruption_is_not_uploaded_again(
    root: Path, spark: Path, java: class_data.Java
) -> None:
    with pytest.raises(FileSystemError):
        failing = Failing(6, FileSystemError("write", "x", "full"))
        await publish(root, spark, java, file_system=failing)
    _, sent = await publish(root, spark, java)
    assert list(sent) == ["py4j-0.10.9.9-src.zip", CLASS_DATA]


async def test_two_at_the_same_time_publish_the_same(
    root: Path, spark: Path, java: class_data.Java, tmp_path: Path
) -> None:
    other = class_data.Java(installations.java(tmp_path / "other", "25.0.1+8-LTS"), "25.0.1+8-LTS")
    async with task_group() as group:
        tasks = [group.create_task(publish(root, spark, each)) for each in (java, other)]
    sent = [name for task in tasks for name in task.result()[1]]
    assert sorted(sent) == sorted([*FILES, CLASS_DATA, "spark-25.0.1_8-LTS.jsa"])
    (found,) = await listed(root)
    assert found.spark is not None
    assert not [path for path in files(root) if "_COPYING_" in path.name]
    _, sent_later = await publish(root, spark, java, other)
    assert sent_later == ()
    (found,) = await listed(root)
    assert found.spark is not None
    assert set(found.spark.class_data) == {java.build, other.build}


async def test_another_content_has_a_folder_of_its_own(
    root: Path, spark: Path, tmp_path: Path
) -> None:
    one, _ = await publish(root, spark)
    other, _ = await publish(root, installations.spark(tmp_path / "two", more="patched"))
    assert one.folder != other.folder
    found = {each.url: each.spark for each in await listed(root)}
    assert found == {one.folder: one, other.folder: other}


async def test_an_installation_that_changes_meanwhile_is_not_published(
    root: Path, spark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Installation.write_tar

    def changing(installation: Installation, destination: Path) -> None:
        installation.jars[0].write_text("upgraded")
        original(installation, destination)

    monkeypatch.setattr(Installation, "write_tar", changing)
    with pytest.raises(ConfigurationError, match="was changed while it was published"):
        await publish(root, spark)
    assert list(files(root)) == []


async def test_a_full_disk_is_seen_before_anything_is_uploaded(
    root: Path, spark: Path, java: class_data.Java, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")._replace(free=100 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ConfigurationError, match=r"has 100 MiB .* needs 401 MiB .*TMPDIR"):
        await publish(root, spark, java)
    assert list(files(root)) == []


async def test_a_disk_that_is_full_by_then_is_told_and_publishes_nothing(
    root: Path, spark: Path, temporary: Path
) -> None:
    with (
        files_end_at(1024),
        pytest.raises(ConfigurationError, match=rf"(?s){temporary}.*too large.*set TMPDIR"),
    ):
        await publish(root, spark)
    assert list(files(root)) == []
    assert list(temporary.iterdir()) == []
    found, _ = await publish(root, spark)
    assert [each.spark for each in await listed(root)] == [found]


async def test_a_java_that_cannot_create_class_data_is_named(
    root: Path, spark: Path, tmp_path: Path
) -> None:
    program = "#!/bin/sh\necho 'An error has occurred' >&2\nexit 1\n"
    home = installations.java(tmp_path / "broken", program=program)
    with pytest.raises(class_data.ClassDataError, match=f"{home} cannot .*An error has occurred"):
        await publish(root, spark, class_data.Java(home, "17"))
    assert not any(each.spark for each in await listed(root))


async def test_cancelled_it_ends_the_jvm(root: Path, spark: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pid")
    program = f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n"
    home = installations.java(tmp_path / "slow", program=program)
    reader = os.open(tmp_path / "pid", os.O_RDWR | os.O_NONBLOCK)
    started = asyncio.Event()
    asyncio.get_running_loop().add_reader(reader, started.set)
    try:
        async with task_group() as group:
            task = group.create_task(publish(root, spark, class_data.Java(home, "17")))
            await started.wait()
            pid = int(os.read(reader, 100))
            task.cancel()
        assert task.cancelled()
    finally:
        asyncio.get_running_loop().remove_reader(reader)
        os.close(reader)
    assert not Path(f"/proc/{pid}").exists()


async def test_without_access_the_advice_is_what_an_administrator_does(
    root: Path, spark: Path
) -> None:
    denied = AccessDeniedError("AccessControlException", "Permission denied: user=bob")
    with pytest.raises(ConfigurationError, match=r"an HDFS administrator creates .*chown"):
        await publish(root, spark, file_system=Failing(0, denied))


async def test_a_folder_that_others_can_write_is_not_used(
    root: Path, spark: Path, java: class_data.Java
) -> None:
    await publish(root, spark, java)
    for path in (next(root.iterdir()), next(files(root))):
        mode = path.stat().st_mode
        path.chmod(0o777)
        with pytest.raises(ConfigurationError, match="can be written by other users"):
            await publish(root, spark, java)
        path.chmod(mode)
    await publish(root, spark, java)


class Masking(LocalFileSystem):
    """A file system whose folders have a default ACL."""

    async def upload(
        self,
        local: Path,
        path: str,
        permission: int = 0o600,
        progress: Callable[[int], None] | None = None,
    ) -> FileStatus:
        return await super().upload(local, path, permission & 0o770, progress)


async def test_files_that_others_cannot_read_are_not_published(root: Path, spark: Path) -> None:
    for file_system in (Masking(), LocalFileSystem()):
        with pytest.raises(ConfigurationError, match=r"libs\.tar cannot be read .*640.*setfacl -k"):
            await publish(root, spark, file_system=file_system)
    assert not any(each.spark for each in await listed(root))


class OfOthers(LocalFileSystem):
    """A file system in which some paths belong to somebody else."""

    def __init__(self, *theirs: Path) -> None:
        super().__init__()
        self._theirs = {str(each) for each in theirs}

    def _seen(self, status: FileStatus) -> FileStatus:
        theirs = status.path.removeprefix("file://") in self._theirs
        return replace(status, owner="nobody") if theirs else status

    async def status(self, path: str) -> FileStatus | None:
        found = await super().status(path)
        return found and self._seen(found)

    async def list(self, path: str) -> list[FileStatus]:
        return [self._seen(each) for each in await super().list(path)]


async def test_files_of_others_are_not_adopted(root: Path, spark: Path) -> None:
    """In a root like `/tmp`, somebody else can have made the folder."""
    await publish(root, spark)
    (folder,) = root.iterdir()
    for path in (folder, folder / "spark-libs.tar"):
        with pytest.raises(ConfigurationError, match=r"belongs to nobody, not to .* or the owner"):
            await publish(root, spark, file_system=OfOthers(path))
    _, sent = await publish(root, spark, file_system=OfOthers(root, *root.rglob("*")))
    assert sent == ()


async def test_progress_is_said(root: Path, spark: Path, java: class_data.Java) -> None:
    said: list[str] = []
    await publish(root, spark, java, said=said)
    assert said == [
        f"Reading Spark 4.3.0 in {spark}",
        "Packing 4 jars",
        "Uploading spark-libs.tar (1 MiB)",
        "Uploading pyspark.zip (1 MiB)",
        "Uploading py4j-0.10.9.9-src.zip (1 MiB)",
        f"Creating class data for Java {java.build}, which takes about a minute",
        f"Uploading {CLASS_DATA} (1 MiB)",
    ]


async def test_temporary_files_of_a_killed_publication_are_deleted_by_the_next(
    root: Path, spark: Path, temporary: Path
) -> None:
    killed, running = temporary / "yarnhub-spark-killed", temporary / "yarnhub-spark-new"
    for folder in (killed, running):
        folder.mkdir()
        (folder / "spark-libs.tar").touch()
    os.utime(killed, (1, 1))
    await publish(root, spark)
    assert list(temporary.iterdir()) == [running]
