"""A version is published by one rename: killed, cancelled or at the same time as others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from environments.published.stores import built, left_in_root, numbers, spec, store
from filesystem.fake_hdfs import URI, FakeHdfs, FakeHdfsFileSystem, Node
from yarnhub.base.errors import (
    CallOutcome,
    ConnectionLostError,
)
from yarnhub.base.tasks import task_group
from yarnhub.environments.errors import (
    StoreError,
)
from yarnhub.environments.published.environment import ROOT
from yarnhub.environments.published.manifest import EnvironmentRecord, VersionManifest
from yarnhub.environments.published.store import EnvironmentStore
from yarnhub.environments.specification import Access
from yarnhub.filesystem.errors import FileSystemError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from yarnhub.filesystem.port import FileStatus

DAY = 24 * 3600


class Failing(FakeHdfsFileSystem):
    """Fails at one of its changes, and then does not respond, like a process that was killed."""

    left = 0
    error: BaseException = ConnectionLostError("killed", CallOutcome.UNKNOWN)
    once = False
    """Whether it works again after the failure."""

    def _count(self) -> None:
        if self.left == 0 or (self.left < 0 and not self.once):
            self.left = -1
            raise self.error
        self.left -= 1

    async def make_directory(self, path: str, permission: int = 0o700) -> None:
        self._count()
        await super().make_directory(path, permission)

    async def _store(self, path: str, permission: int, chunks: object) -> FileStatus:
        self._count()
        return await super()._store(path, permission, chunks)  # type: ignore[arg-type]

    async def move(self, path: str, destination: str) -> None:
        self._count()
        await super().move(path, destination)

    async def delete(self, path: str, *, recursive: bool = False) -> bool:
        if not self.once:  # which is how a cancelled publication cleans up
            self._count()
        return await super().delete(path, recursive=recursive)

    async def set_access(self, path: str, permission: int, acl: Sequence[object] = ()) -> None:
        self._count()
        await super().set_access(path, permission, acl)  # type: ignore[arg-type]


@pytest.mark.parametrize("existing", [False, True])
async def test_a_publisher_that_is_killed_at_any_moment(
    existing: bool, hdfs: FakeHdfs, alice: EnvironmentStore, tmp_path: Path
) -> None:
    """The environment is as before or complete; what is left is swept by the next publication."""
    if existing:
        await alice.publish(spec(), built(tmp_path))
    before = await alice.find_all()
    after = built(tmp_path, version="2.0")
    for moment in range(100):
        file_system = Failing(hdfs, "alice")
        file_system.left = moment
        try:
            await EnvironmentStore(file_system, user="alice").publish(
                spec(access={"users": ["bob"]}), after
            )
        except ConnectionLostError:
            found = await alice.find_all()
            keys = [each.manifest.key for each in found]
            assert keys in ([each.manifest.key for each in before], [after.key])
            assert (await alice.survey()).damaged == ()
            if after.key in keys:
                assert left_in_root(hdfs) == []
                continue
            assert len(left_in_root(hdfs)) <= 1
            now = hdfs.now() / 1000
            assert await alice.sweep(now + DAY - 10) == ()
            assert len(await alice.sweep(now + DAY + 10)) <= 1
            assert left_in_root(hdfs) == []
            assert len(hdfs.node(ROOT).children) == len(found)
        else:
            break
    else:
        pytest.fail("it never ended")
    assert moment > 5
    (found_one,) = await alice.find_all()
    assert found_one.manifest.key == after.key
    assert found_one.access == Access(users=["bob"])


@pytest.mark.parametrize("existing", [False, True])
async def test_a_publication_that_is_cancelled_at_any_moment(
    existing: bool, hdfs: FakeHdfs, alice: EnvironmentStore, tmp_path: Path
) -> None:
    if existing:
        await alice.publish(spec(), built(tmp_path))
    after = built(tmp_path, version="2.0")
    for moment in range(100):
        before = [each.manifest.key for each in await alice.find_all()]
        file_system = Failing(hdfs, "alice")
        file_system.left, file_system.once = moment, True
        file_system.error = asyncio.CancelledError()
        try:
            await EnvironmentStore(file_system, user="alice").publish(spec(), after)
        except asyncio.CancelledError:
            keys = [each.manifest.key for each in await alice.find_all()]
            assert keys in (before, [after.key])
            assert left_in_root(hdfs) == []
            if after.key in keys:
                break
        else:
            break
    assert moment > 5
    assert (await alice.find("table")).manifest.key == after.key


async def test_a_cancelled_upload_leaves_nothing(
    hdfs: FakeHdfs, alice: EnvironmentStore, tmp_path: Path
) -> None:
    given = built(tmp_path, size=4 << 20)

    async def publish() -> None:
        task = asyncio.current_task()
        assert task is not None
        await alice.publish(spec(), given, lambda _: void(task.cancel()))

    async with asyncio.TaskGroup() as group:
        task = group.create_task(publish())
    assert task.cancelled()
    assert hdfs.node(ROOT).children == {}


def void(_: object) -> None:
    pass


async def test_an_archive_that_changes_meanwhile(
    hdfs: FakeHdfs, alice: EnvironmentStore, tmp_path: Path
) -> None:
    given = built(tmp_path)
    assert given.archive is not None
    given.archive.write_bytes(b"less")
    with pytest.raises(StoreError, match="was changed while it was uploaded"):
        await alice.publish(spec(), given)
    assert hdfs.node(ROOT).children == {}


async def test_versions_of_two_publishers_get_two_numbers(
    hdfs: FakeHdfs, alice: EnvironmentStore, tmp_path: Path
) -> None:
    await alice.publish(spec(), built(tmp_path))
    stores = [store(hdfs, "alice") for _ in range(4)]
    async with task_group() as group:
        for count, each in enumerate(stores):
            group.create_task(each.publish(spec(), built(tmp_path, version=f"2.{count}")))
    found = await alice.find("table")
    assert numbers(found) == [1, 2, 3, 4, 5]
    assert len({each.manifest.key for each in found.versions}) == 5
    assert left_in_root(hdfs) == []


class Together(FakeHdfsFileSystem):
    """Publishers who all move what they have published at the same moment."""

    barrier: asyncio.Barrier

    async def move(self, path: str, destination: str) -> None:
        if path.rpartition("/")[2].startswith(".partial-"):
            await self.barrier.wait()
        await super().move(path, destination)


async def test_an_environment_that_several_create_is_one(
    hdfs: FakeHdfs, alice: EnvironmentStore, tmp_path: Path
) -> None:
    barrier = asyncio.Barrier(3)
    async with task_group() as group:
        for count in range(3):
            file_system = Together(hdfs, "alice")
            file_system.barrier = barrier
            each = EnvironmentStore(file_system, user="alice")
            group.create_task(each.publish(spec(), built(tmp_path, version=f"1.{count}")))
    found = await alice.find("table")
    assert sorted(each.manifest.packages["first"] for each in found.versions) == [
        *("1.0", "1.1", "1.2")
    ]
    assert len(hdfs.node(ROOT).children) == 1


class LateVersion(Failing):
    """Another publisher adds a version to an environment just before that is merged."""

    other: str
    late: str

    async def move(self, path: str, destination: str) -> None:
        if path == self.other and self.late in self._hdfs.node(ROOT).children:
            await FakeHdfsFileSystem.move(self, f"{ROOT}/{self.late}/1", f"{path}/2")
            await self.delete_late()
        await super().move(path, destination)

    async def delete_late(self) -> None:
        await FakeHdfsFileSystem.delete(self, f"{ROOT}/{self.late}", recursive=True)


def versions_in(node: Node) -> list[str]:
    """The keys of all versions, wherever they are."""
    found = [key for each in node.children.values() for key in versions_in(each)]
    manifest = node.children.get("manifest.json")
    if manifest is not None and manifest.content is not None:
        found.append(VersionManifest.parse(manifest.content.read_bytes()).key)
    return sorted(found)


async def test_a_merge_that_is_killed_at_any_moment(tmp_path: Path) -> None:
    """No version is lost or in two environments, and the next publication completes the merge."""
    made = [built(tmp_path, version=f"{number}.0") for number in range(4)]
    record = EnvironmentRecord(name="table").dump()
    for moment in range(100):
        hdfs = FakeHdfs(tmp_path / str(moment))
        (tmp_path / str(moment)).mkdir()
        await hdfs.user("hdfs").make_directory("/yarnhub", 0o755)
        await hdfs.user("hdfs").make_directory(ROOT, 0o1777)
        alice = store(hdfs, "alice")
        ids = [(await alice.publish(spec(f"t{n}"), made[n])).id for n in range(3)]
        late, (first, other) = ids[2], sorted(ids[:2])
        for each in (first, other):
            await hdfs.user("alice").write(f"{ROOT}/{each}/environment.json", record, 0o644)
        killed = LateVersion(hdfs, "alice")
        killed.left, killed.other, killed.late = moment, f"{URI}{ROOT}/{other}", late
        try:
            await EnvironmentStore(killed, user="alice").publish(spec(), made[3])
        except ConnectionLostError:
            await alice.sweep(hdfs.now() / 1000 + DAY + 10)  # the killed publisher's upload
            before = versions_in(hdfs.node(ROOT))
            assert before in (sorted(each.key for each in made[:3]), sorted(e.key for e in made))
            await alice.publish(spec(), made[3])
            ended = False
        else:
            ended = True
        found = await alice.find("table")
        if late in hdfs.node(ROOT).children:  # killed before anything was moved
            await alice.delete("t2")
            assert len(found.versions) == 3
        else:
            assert sorted(each.manifest.key for each in found.versions) == sorted(
                each.key for each in made
            )
        assert found.manifest.key == made[3].key
        await alice.sweep(hdfs.now() / 1000 + DAY + 10)
        assert list(hdfs.node(ROOT).children) == [first]
        if ended:
            break
    else:
        pytest.fail("it never ended")
    assert moment > 8


async def test_a_change_completes_a_merge(
    hdfs: FakeHdfs, alice: EnvironmentStore, tmp_path: Path
) -> None:
    for number in range(2):
        made = await alice.publish(spec(f"t{number}"), built(tmp_path, version=f"{number}.0"))
        record = EnvironmentRecord(name="table").dump()
        await hdfs.user("alice").write(f"{made.folder}/environment.json", record, 0o644)
    await alice.share("table", Access(everyone=True))
    assert numbers(await alice.find("table")) == [1, 2]
    await alice.delete("table", force=True)
    assert hdfs.node(ROOT).children == {}


async def test_an_environment_that_is_deleted_during_an_upload(
    hdfs: FakeHdfs, alice: EnvironmentStore, tmp_path: Path
) -> None:
    await alice.publish(spec(), built(tmp_path))
    folder = (await alice.find("table")).id
    given = built(tmp_path, version="2.0", size=3 << 20)

    def delete(_: int) -> None:
        hdfs.node(ROOT).children.pop(folder, None)

    with pytest.raises(StoreError, match="table was deleted meanwhile: publish it again"):
        await alice.publish(spec(), given, delete)
    assert hdfs.node(ROOT).children == {}


async def test_what_cannot_be_swept_does_not_fail_a_publication(
    hdfs: FakeHdfs, alice: EnvironmentStore, tmp_path: Path
) -> None:
    class Kept(FakeHdfsFileSystem):
        async def delete(self, path: str, *, recursive: bool = False) -> bool:
            if path.endswith("old"):
                raise FileSystemError("delete", path, "it is a snapshottable directory")
            return await super().delete(path, recursive=recursive)

    await hdfs.user("alice").make_directory(f"{ROOT}/.partial-old")
    hdfs.node(f"{ROOT}/.partial-old").modification_time = 0
    published = await EnvironmentStore(Kept(hdfs, "alice"), user="alice").publish(
        spec(), built(tmp_path)
    )
    assert await alice.find_all() == (published,)


async def test_access_does_not_change_before_the_archive_is_uploaded(
    hdfs: FakeHdfs, alice: EnvironmentStore, tmp_path: Path
) -> None:
    """Of an environment that exists; a new one appears with its access, by one rename."""
    await alice.publish(spec(access={"users": ["bob"]}), built(tmp_path))
    again = spec(access={"users": ["carol"]})

    class Full(FakeHdfsFileSystem):
        async def _store(
            self, path: str, permission: int, chunks: AsyncGenerator[bytes, None]
        ) -> FileStatus:
            if path.endswith(".tar.gz"):
                raise FileSystemError("write", path, "the DiskSpace quota is exceeded")
            return await super()._store(path, permission, chunks)

    with pytest.raises(FileSystemError, match="quota"):
        await EnvironmentStore(Full(hdfs, "alice"), user="alice").publish(
            again, built(tmp_path, version="2.0")
        )
    assert (await alice.find("table")).access == Access(users=["bob"])
    await alice.publish(again, built(tmp_path, version="2.0"))
    assert (await alice.find("table")).access == Access(users=["carol"])


async def test_readers_see_a_new_environment_complete(
    hdfs: FakeHdfs, bob: EnvironmentStore, tmp_path: Path
) -> None:
    """Its access is set before the rename that publishes it: the folder is not found by then."""
    seen = []

    class Watched(FakeHdfsFileSystem):
        async def move(self, path: str, destination: str) -> None:
            seen.append((await bob.survey(), {*hdfs.node(f"{path}/1").children}))
            await super().move(path, destination)

    alice = EnvironmentStore(Watched(hdfs, "alice"), user="alice")
    made = await alice.publish(spec(access={"users": ["bob"]}), built(tmp_path))
    ((survey, files),) = seen
    assert (survey.environments, survey.damaged) == ((), ())
    assert files == {*hdfs.node(f"{made.folder}/1").children}
    assert (await bob.find("alice/table")).current == made.current


async def test_a_quota_of_hdfs_that_is_exceeded(
    hdfs: FakeHdfs, alice: EnvironmentStore, tmp_path: Path
) -> None:
    file_system = Failing(hdfs, "alice")
    file_system.left = 5  # at the archive
    file_system.error = FileSystemError("write", "x", "the DiskSpace quota is exceeded")
    with pytest.raises(FileSystemError, match="quota"):
        await EnvironmentStore(file_system, user="alice").publish(spec(), built(tmp_path))
    assert await alice.find_all() == ()
