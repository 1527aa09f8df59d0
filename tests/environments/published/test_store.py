"""Environments are published, seen by those they are shared with, and deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from environments.published.stores import HASH, built, left_in_root, names, numbers, spec, store
from filesystem.fake_hdfs import FakeHdfs
from yarnhub.base.errors import (
    ConfigurationError,
    SpecError,
    YarnhubError,
)
from yarnhub.environments.errors import (
    EnvironmentInUseError,
    EnvironmentLimitError,
    EnvironmentNotFoundError,
    StoreError,
)
from yarnhub.environments.local_build.environment import BuiltEnvironment
from yarnhub.environments.published.environment import ROOT
from yarnhub.environments.published.publication import StoreLimits
from yarnhub.environments.specification import Access
from yarnhub.spec import FileType, FileVisibility

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.environments.published.environment import PublishedEnvironment
    from yarnhub.environments.published.store import EnvironmentStore


async def test_what_was_built_is_found_by_its_name(alice: EnvironmentStore, tmp_path: Path) -> None:
    given = built(tmp_path)
    published = await alice.publish(spec(), given)
    assert published == await alice.find("table")
    assert await alice.find_all() == (published,)
    assert (published.owner, published.name, numbers(published)) == ("alice", "table", [1])
    assert published.url == f"{published.folder}/1/table-{given.key[:12]}.tar.gz"
    assert published.size == given.size
    assert published.access == Access()
    manifest = published.manifest
    assert (manifest.key, manifest.sha256, manifest.python) == (given.key, given.sha256, "3.12.1")
    assert manifest.packages == {"first": "1.0"}
    assert not manifest.has_kernel
    assert await alice.specification(published, published.current) == (spec(), given.lock)


async def test_a_container_gets_exactly_this_archive(
    alice: EnvironmentStore, tmp_path: Path
) -> None:
    published = await alice.publish(spec(), built(tmp_path))
    file = published.file()
    assert (file.source, file.type) == (published.url, FileType.ARCHIVE)
    assert file.visibility is FileVisibility.PRIVATE
    assert (file.size, file.timestamp) == (1000, published.modification_time)


async def test_others_see_nothing_before_it_is_shared(
    alice: EnvironmentStore, bob: EnvironmentStore, hdfs: FakeHdfs, tmp_path: Path
) -> None:
    published = await alice.publish(spec(), built(tmp_path))
    assert await names(bob) == []
    for name in ("alice/table", "table", published.id, f"alice/{published.id}"):
        with pytest.raises(EnvironmentNotFoundError):
            await bob.find(name)
    with pytest.raises(YarnhubError, match="Permission denied"):
        _ = [chunk async for chunk in hdfs.user("bob").read(published.url)]
    survey = await bob.survey()
    assert survey.damaged == ()


async def test_only_the_versions_that_are_selected_are_read(
    alice: EnvironmentStore, hdfs: FakeHdfs, tmp_path: Path
) -> None:
    published = await alice.publish(spec(), built(tmp_path, version="0.0"))
    for number in range(1, 4):
        await alice.publish(spec(), built(tmp_path, version=f"{number}.0"))
    await hdfs.user("alice").write(f"{published.folder}/1/manifest.json", b"damaged", 0o644)
    found = await alice.find("table", select=lambda existing: existing[-2:])
    assert numbers(found) == [3, 4]
    assert found.problems == ()
    assert numbers(await alice.find("table", select=lambda existing: existing[1:2])) == [2, 4]


async def test_a_slim_survey_has_the_package_of_the_kernel_only(
    alice: EnvironmentStore, tmp_path: Path
) -> None:
    packages = ("first", "ipykernel")
    lock = "".join(f"{each}==1.0 --hash={HASH}\n" for each in packages)
    await alice.publish(spec(), replace(built(tmp_path), lock=lock))
    for slim, expected in ((False, {*packages}), (True, {"ipykernel"})):
        (found,) = (await alice.survey(slim=slim)).environments
        assert found.manifest.packages.keys() == expected
        assert found.manifest.has_kernel


async def test_shared_with_a_user_and_withdrawn(
    alice: EnvironmentStore, bob: EnvironmentStore, tmp_path: Path
) -> None:
    await alice.publish(spec(), built(tmp_path))
    await alice.share("table", Access(users=["bob"]))
    shared = await alice.find("table")
    assert shared.access == Access(users=["bob"])
    assert shared.file().visibility is FileVisibility.PRIVATE
    found = await bob.find("alice/table")
    assert found.file() == shared.file()
    assert found.access is None
    assert await names(bob) == ["alice/table"]
    # A later version needs nothing more.
    await alice.publish(spec(), built(tmp_path, version="2.0"))
    assert (await bob.find("alice/table")).manifest.packages == {"first": "2.0"}

    await alice.share("table", Access())
    assert await names(bob) == []


async def test_shared_with_a_group(
    alice: EnvironmentStore, bob: EnvironmentStore, hdfs: FakeHdfs, tmp_path: Path
) -> None:
    await alice.publish(spec(access={"groups": ["analysts"]}), built(tmp_path))
    assert (await alice.find("table")).access == Access(groups=["analysts"])
    assert await names(store(hdfs, "carol")) == ["alice/table"]
    assert await names(bob) == []


async def test_shared_with_everyone_it_is_public(
    alice: EnvironmentStore, bob: EnvironmentStore, hdfs: FakeHdfs, tmp_path: Path
) -> None:
    await alice.publish(spec(), built(tmp_path))
    await alice.share("table", Access(users=["carol"], everyone=True))
    shared = await alice.find("table")
    assert shared.access == Access(users=["carol"], everyone=True)
    assert shared.file().visibility is FileVisibility.PUBLIC
    assert (await bob.find("alice/table")).file().visibility is FileVisibility.PUBLIC
    # YARN refuses a PUBLIC file if others cannot enter a folder above it.
    await hdfs.user("hdfs").set_access("/yarnhub", 0o711)
    assert (await store(hdfs, "bob").find("alice/table")).is_public
    await hdfs.user("hdfs").set_access("/yarnhub", 0o700)
    found = await store(hdfs, "hdfs").find("alice/table")
    assert found.file().visibility is FileVisibility.PRIVATE


async def test_access_of_a_specification_is_set_and_not_forgotten(
    alice: EnvironmentStore, tmp_path: Path
) -> None:
    await alice.publish(spec(access={"users": ["bob"]}), built(tmp_path))
    found = await alice.publish(spec(), built(tmp_path, version="2.0"))
    assert found.access == Access(users=["bob"])
    same = await alice.publish(spec(access={"users": ["carol"]}), built(tmp_path, version="2.0"))
    assert same.access == Access(users=["carol"])


async def test_a_cluster_without_access_control_lists_shares_with_everyone_only(
    alice: EnvironmentStore, bob: EnvironmentStore, hdfs: FakeHdfs, tmp_path: Path
) -> None:
    hdfs.acls_enabled = False
    await alice.publish(spec(), built(tmp_path))
    with pytest.raises(StoreError, match=r"share it with everyone, or .*acls\.enabled=true"):
        await alice.share("table", Access(users=["bob"]))
    assert await names(bob) == []
    await alice.share("table", Access(everyone=True))
    shared = await alice.find("table")
    assert shared.access == Access(everyone=True)
    assert await names(bob) == ["alice/table"]


async def test_more_readers_than_hdfs_allows(alice: EnvironmentStore, tmp_path: Path) -> None:
    many = [f"user{number}" for number in range(29)]
    with pytest.raises(StoreError, match=r"allows 28 users and groups .* share it with a group"):
        await alice.publish(spec(access={"users": many}), built(tmp_path))
    assert await alice.find_all() == ()


async def test_the_same_key_is_not_uploaded_again(
    alice: EnvironmentStore, hdfs: FakeHdfs, tmp_path: Path
) -> None:
    first, second = built(tmp_path), built(tmp_path, version="2.0")
    await alice.publish(spec(), first)
    await alice.publish(spec(), second)
    assert await alice.has("table", first.key)
    assert not await alice.has("table", "0" * 64)
    assert not await alice.has("other", first.key)
    assert first.archive is not None
    first.archive.unlink()
    found = await alice.publish(spec(), without_archive(first))
    assert (found.current.number, numbers(found)) == (1, [1, 2])
    with pytest.raises(StoreError, match=r"no version with the key .* build it again"):
        await alice.publish(spec(), without_archive(built(tmp_path, version="3.0")))


async def test_the_lock_of_conda_packages_is_kept(alice: EnvironmentStore, tmp_path: Path) -> None:
    lock = f"@EXPLICIT\nfile:///c/noarch/ipykernel-7.0-0.conda#sha256:{'a' * 64}\n"
    conda = replace(built(tmp_path), conda_lock=lock)
    found = await alice.publish(spec(conda={"packages": ["ipykernel"]}), conda)
    assert found.manifest.has_kernel
    assert await alice.conda_lock(found, found.current) == lock
    found = await alice.publish(spec(), built(tmp_path, version="2.0"))
    assert await alice.conda_lock(found, found.current) == ""


async def test_the_same_key_with_another_kernel(alice: EnvironmentStore, tmp_path: Path) -> None:
    first = built(tmp_path)
    await alice.publish(spec(kernel={"memory": "1 GiB", "vcores": 1}), first)
    kernel = {"memory": "8 GiB", "vcores": 2}
    found = await alice.publish(spec(kernel=kernel), without_archive(first))
    assert found.manifest.kernel is not None
    assert (numbers(found), found.manifest.kernel.memory) == ([1], 8192)
    assert (await alice.publish(spec(), without_archive(first))).manifest.kernel is None
    of_r = spec(language="r", conda={"packages": ["r-irkernel"]})
    found = await alice.publish(of_r, without_archive(first))
    assert (numbers(found), found.manifest.language) == ([1], "r")


def without_archive(given: BuiltEnvironment) -> BuiltEnvironment:
    return BuiltEnvironment(
        key=given.key,
        archive=None,
        sha256="",
        size=0,
        files=0,
        lock=given.lock,
        python=given.python,
        platform=given.platform,
        glibc="",
        problems=(),
    )


async def test_roll_back_lasts_until_the_next_version(
    alice: EnvironmentStore, tmp_path: Path
) -> None:
    for version in ("1.0", "2.0", "3.0"):
        await alice.publish(spec(), built(tmp_path, version=version))
    found = await alice.roll_back("table", 1)
    assert (found.current.number, numbers(found)) == (1, [1, 2, 3])
    await alice.delete("table", 3)
    assert (await alice.find("table")).current.number == 1
    # The number of a deleted version is not used again.
    found = await alice.publish(spec(), built(tmp_path, version="4.0"))
    assert (found.current.number, numbers(found)) == (4, [1, 2, 4])
    with pytest.raises(EnvironmentNotFoundError, match="has no version 3, only 1, 2, 4"):
        await alice.roll_back("table", 3)
    with pytest.raises(EnvironmentNotFoundError, match="alice has no environment other in /yarn"):
        await alice.roll_back("other", 1)


async def test_deleted_environments_leave_nothing(
    alice: EnvironmentStore, hdfs: FakeHdfs, tmp_path: Path
) -> None:
    for version in ("1.0", "2.0"):
        await alice.publish(spec(), built(tmp_path, version=version))
    await alice.publish(spec("other"), built(tmp_path))
    with pytest.raises(StoreError, match="version 2 is the current one of table"):
        await alice.delete("table", 2)
    with pytest.raises(EnvironmentNotFoundError, match="only 1, 2"):
        await alice.delete("table", 7)
    await alice.delete("table", 1)
    assert numbers(await alice.find("table")) == [2]
    await alice.delete("table")
    assert await names(alice) == ["alice/other"]
    assert len(hdfs.node(ROOT).children) == 1
    with pytest.raises(EnvironmentNotFoundError):
        await alice.delete("table")


async def test_what_is_shared_or_in_use_is_deleted_by_force_only(
    alice: EnvironmentStore, tmp_path: Path
) -> None:
    await alice.publish(spec(access={"users": ["bob"]}), built(tmp_path))

    async def in_use(environment: PublishedEnvironment) -> tuple[str, ...]:
        assert environment.manifest.packages == {"first": "1.0"}
        return ("application_1_0001",)

    with pytest.raises(EnvironmentInUseError, match=r"table is shared: .* --nobody"):
        await alice.delete("table")
    await alice.share("table", Access())
    with pytest.raises(EnvironmentInUseError, match="is used by application_1_0001: stop these"):
        await alice.delete("table", in_use=in_use)
    await alice.share("table", Access(users=["bob"]))
    await alice.delete("table", force=True, in_use=in_use)
    assert await alice.find_all() == ()


async def test_only_the_owner_changes_an_environment(
    alice: EnvironmentStore, bob: EnvironmentStore, tmp_path: Path
) -> None:
    await alice.publish(spec(access={"everyone": True}), built(tmp_path))
    for change in (
        lambda: bob.share("alice/table", Access()),
        lambda: bob.roll_back("alice/table", 1),
        lambda: bob.delete("alice/table"),
    ):
        with pytest.raises(StoreError, match="alice/table belongs to another user"):
            await change()
    mine = await bob.publish(spec(), built(tmp_path, version="9.0"))
    assert await names(bob) == ["bob/table", "alice/table"]
    assert (await bob.find("table")) == mine == await bob.find("bob/table")


class TestLimits:
    async def test_a_number_of_environments(self, hdfs: FakeHdfs, tmp_path: Path) -> None:
        limited = store(hdfs, "alice", StoreLimits(max_environments=1))
        await limited.publish(spec(), built(tmp_path))
        await limited.publish(spec(), built(tmp_path, version="2.0"))
        with pytest.raises(EnvironmentLimitError, match=r"alice has 1 environments, .* allows 1"):
            await limited.publish(spec("other"), built(tmp_path))
        with pytest.raises(EnvironmentLimitError):
            await limited.check_limits("other")
        await limited.check_limits("table")

    async def test_bytes_of_all_versions(self, hdfs: FakeHdfs, tmp_path: Path) -> None:
        size = 3 << 20
        limited = store(hdfs, "alice", StoreLimits(max_size=7 << 20))
        await limited.publish(spec(), built(tmp_path, size=size))
        await limited.publish(spec("other"), built(tmp_path, size=size))
        with pytest.raises(EnvironmentLimitError, match=r"have 6 MiB, .* add 3 MiB, .* allows 7 M"):
            await limited.publish(spec(), built(tmp_path, version="2.0", size=size))
        assert left_in_root(hdfs) == []
        await limited.delete("other")
        await limited.publish(spec(), built(tmp_path, version="2.0", size=size))


class TestRoot:
    async def test_a_root_that_nobody_has_made(self, tmp_path: Path) -> None:
        alice = store(FakeHdfs(tmp_path), "alice")
        assert await alice.find_all() == ()
        assert await alice.sweep(0) == ()
        with pytest.raises(ConfigurationError, match=r"administrator creates .* -chmod 1777"):
            await alice.publish(spec(), built(tmp_path))

    async def test_one_that_users_may_not_write(self, hdfs: FakeHdfs, tmp_path: Path) -> None:
        await hdfs.user("hdfs").set_access(ROOT, 0o755)
        with pytest.raises(ConfigurationError, match=r"Permission denied.* -chmod 1777"):
            await store(hdfs, "alice").publish(spec(), built(tmp_path))

    async def test_one_in_which_others_could_replace_folders(self, tmp_path: Path) -> None:
        hdfs = FakeHdfs(tmp_path)
        await hdfs.user("hdfs").make_directory(ROOT, 0o777)
        with pytest.raises(ConfigurationError, match=r"no sticky bit, .* -chmod 1777 hdfs://fake"):
            await store(hdfs, "alice").publish(spec(), built(tmp_path))

    async def test_the_first_publisher_makes_it(self, hdfs: FakeHdfs, tmp_path: Path) -> None:
        await hdfs.user("hdfs").delete("/yarnhub", recursive=True)
        await hdfs.user("hdfs").set_access("/", 0o777)
        await store(hdfs, "alice").publish(spec(), built(tmp_path))
        assert hdfs.node("/yarnhub").permission == 0o755
        assert hdfs.node(ROOT).permission == 0o1777

    @pytest.mark.parametrize("owned", ["/yarnhub", ROOT])
    async def test_one_that_another_user_could_make_is_refused(
        self, owned: str, hdfs: FakeHdfs, alice: EnvironmentStore, tmp_path: Path
    ) -> None:
        """Its owner can rename and delete what is in it, in spite of the sticky bit."""
        hdfs.node(owned).owner = "mallory"
        await alice.publish(spec(), built(tmp_path))  # an administrator has given it to a service
        above = owned.rpartition("/")[0]
        hdfs.node(above).permission |= 0o1022
        with pytest.raises(ConfigurationError) as caught:
            await alice.publish(spec("another"), built(tmp_path))
        assert f"hdfs://fake:8020{owned} belongs to mallory" in str(caught.value)
        assert f"hdfs dfs -chown hdfs hdfs://fake:8020{owned}" in str(caught.value)
        for owner in ("alice", "hdfs"):
            hdfs.node(owned).owner = owner
            await alice.publish(spec(f"of-{owner}"), built(tmp_path))


@pytest.mark.parametrize("name", ["Table", "a b", "", "x" * 65, "../x"])
async def test_names_of_imports_are_checked(
    name: str, alice: EnvironmentStore, tmp_path: Path
) -> None:
    import tarfile

    archive = tmp_path / "x.tar.gz"
    (tmp_path / "python3").touch()
    with tarfile.open(archive, "w:gz") as made:
        made.add(tmp_path / "python3", "bin/python3")
    with pytest.raises(SpecError, match="name"):
        await alice.import_archive(name, archive)
