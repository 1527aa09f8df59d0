"""Folders that others have made, or that are damaged, neither hide nor break one's own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from environments.published.stores import HASH, built, names, numbers, spec, store
from filesystem.fake_hdfs import URI, FakeHdfs, FakeHdfsFileSystem
from yarnhub.base.errors import (
    CallOutcome,
    ConnectError,
    ConnectionLostError,
    DeadlineExceededError,
    RemoteProtocolError,
    YarnhubError,
)
from yarnhub.environments import conda_lock, requirements
from yarnhub.environments.errors import (
    EnvironmentNotFoundError,
    StoreError,
)
from yarnhub.environments.published import catalog
from yarnhub.environments.published.environment import ROOT
from yarnhub.environments.published.manifest import VersionManifest
from yarnhub.environments.published.store import EnvironmentStore
from yarnhub.environments.specification import Access, EnvironmentSpec
from yarnhub.filesystem.errors import FileSystemError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from yarnhub.environments.published.environment import PublishedEnvironment
    from yarnhub.filesystem.port import FileStatus

DAY = 24 * 3600


class TestFoldersOfOthers:
    """Everybody can make folders in the root, with any content."""

    @pytest.fixture(autouse=True)
    async def published(
        self, alice: EnvironmentStore, bob: EnvironmentStore, tmp_path: Path
    ) -> PublishedEnvironment:
        await bob.publish(spec("own"), built(tmp_path))
        return await alice.publish(spec(access={"users": ["bob"]}), built(tmp_path))

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (None, "environment.json is missing"),
            (b"", "not a JSON document"),
            (b"\xff\x00", "not a JSON document"),
            (b"[" * 5000, "not a JSON document"),
            (b'{"schema": 1, "name": "x\\u001b[31m"}', "name: must be the name of an environment"),
            (b'{"schema": 1, "name": "../x"}', "name: must be"),
            (b'{"schema": 1, "name": "x", "current": -1}', "current: must be at least 0"),
            (b'{"schema": 1, "name": "x", "newest": 1e400}', "newest: must be a whole number"),
            (b'{"schema": 2, "name": "x"}', "a newer yarnhub has written it"),
            (b" " * (1 << 14) + b"{}", "has more than 16384 bytes"),
            (b'{"schema": 1, "name": "x"}', "has no versions"),
        ],
    )
    async def test_records(
        self, content: bytes | None, problem: str, hdfs: FakeHdfs, bob: EnvironmentStore
    ) -> None:
        mallory = hdfs.user("mallory")
        await mallory.make_directory(f"{ROOT}/{'0' * 16}", 0o755)
        if content is not None:
            await mallory.write(f"{ROOT}/{'0' * 16}/environment.json", content, 0o644)
        assert await names(bob) == ["bob/own", "alice/table"]
        (damaged,) = (await bob.survey()).damaged
        assert (damaged.owner, damaged.url) == ("mallory", f"{URI}{ROOT}/{'0' * 16}")
        assert problem in damaged.problem

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            ({"archive": "../1/x.tar.gz"}, "archive: must be"),
            ({"archive": "/etc/passwd"}, "archive: must be"),
            ({"archive": "missing.tar.gz"}, "missing.tar.gz is missing"),
            ({"size": 7}, "has 1000 bytes instead of 7"),
            ({"python": "3.12\x1b[0m"}, "python: must be"),
            ({"packages": {str(number): "1" for number in range(10_001)}}, "more than 10000"),
            ({"packages": {"x": "1" * 200}}, "packages.x: must be"),
            ({"application": "job_1_1"}, "application: must be the id of an application"),
            ({"unknown": 1}, "unknown key"),
        ],
    )
    async def test_manifests(
        self,
        change: dict[str, object],
        problem: str,
        hdfs: FakeHdfs,
        bob: EnvironmentStore,
        tmp_path: Path,
    ) -> None:
        mallory = store(hdfs, "mallory")
        found = await mallory.publish(spec(access={"everyone": True}), built(tmp_path))
        manifest = found.manifest.to_dict() | change
        url = f"{found.folder}/1/manifest.json"
        await hdfs.user("mallory").write(url, json.dumps(manifest).encode(), 0o644)
        assert await names(bob) == ["bob/own", "alice/table"]
        (damaged,) = (await bob.survey()).damaged
        assert problem in damaged.problem
        with pytest.raises(StoreError, match="mallory/table cannot be used"):
            await bob.find("mallory/table")

    async def test_what_a_third_user_could_have_written_is_not_used(
        self, hdfs: FakeHdfs, bob: EnvironmentStore, published: PublishedEnvironment
    ) -> None:
        """Bob asks for alice's environment: nobody else may choose what he gets."""
        archive = hdfs.node(published.url)
        archive.permission = 0o666
        assert "can be written by other users" in (await bob.survey()).damaged[0].problem
        archive.permission, archive.owner = 0o644, "mallory"
        assert "belongs to mallory instead of alice" in (await bob.survey()).damaged[0].problem
        archive.owner = "alice"
        hdfs.node(published.folder).permission = 0o777
        with pytest.raises(EnvironmentNotFoundError):
            await bob.find("alice/table")

    async def test_thousands_of_folders_hide_nothing(
        self, hdfs: FakeHdfs, bob: EnvironmentStore
    ) -> None:
        mallory = hdfs.user("mallory")
        for number in range(2000):
            await mallory.make_directory(f"{ROOT}/{number:016x}", 0o755)
        survey = await bob.survey()
        assert [each.name for each in survey.environments] == ["own", "table"]
        assert len(survey.damaged) == 200
        assert survey.unread == {"mallory": 1800}

    async def test_of_thousands_of_own_folders_some_are_read(
        self, hdfs: FakeHdfs, bob: EnvironmentStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A server reads them for their owner, who may want to keep it busy."""
        monkeypatch.setattr(catalog, "MAX_OF_OWNER", 3)
        for number in range(10):
            await hdfs.user("bob").make_directory(f"{ROOT}/{number:016x}", 0o755)
        survey = await bob.survey()
        assert len(survey.damaged) + len(survey.environments) == 4
        assert "table" in [each.name for each in survey.environments]
        assert survey.unread == {"bob": 8}
        await bob.delete(f"{9:016x}")
        assert (await bob.survey()).unread == {"bob": 7}

    async def test_a_large_manifest_keeps_no_other_request_waiting(
        self, alice: EnvironmentStore, bob: EnvironmentStore, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch
    ) -> None:  # fmt: skip
        lock = "".join(f"package-{each}==1 --hash={HASH}\n" for each in range(1000))
        await alice.publish(spec("big"), replace(built(tmp_path), lock=lock))
        parse, threads = VersionManifest.parse, set()

        def recorded(content: bytes) -> VersionManifest:
            threads.add(threading.current_thread())
            return parse(content)

        monkeypatch.setattr(VersionManifest, "parse", recorded)
        assert len((await alice.find("big")).manifest.packages) == 1000
        assert threading.main_thread() not in threads

    async def test_a_large_specification_keeps_no_other_request_waiting(
        self, alice: EnvironmentStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lock = f"file:///c/noarch/first-1-0.conda#{'a' * 64}\n"
        given = spec("big", conda={"packages": ["first"]})
        found = await alice.publish(given, replace(built(tmp_path), conda_lock=lock))
        threads = set()

        def record(owner: object, name: str) -> None:
            parse = getattr(owner, name)

            def recorded(content: str, *rest: str) -> object:
                threads.add(threading.current_thread())
                return parse(content, *rest)

            monkeypatch.setattr(owner, name, recorded)

        record(EnvironmentSpec, "from_json")
        record(requirements, "requirement")
        record(conda_lock, "conda_package")
        assert "first" in await alice.conda_lock(found, found.current)
        assert threads
        assert threading.main_thread() not in threads

    async def test_other_names_in_the_root_are_ignored(
        self, hdfs: FakeHdfs, bob: EnvironmentStore
    ) -> None:
        mallory = hdfs.user("mallory")
        for name in ("x", "0" * 15, "A" * 16, ".partial-0123456789abcdef", "\x1b[31m"):
            await mallory.make_directory(f"{ROOT}/{name}", 0o755)
        await mallory.write(f"{ROOT}/{'1' * 16}", b"a file", 0o644)
        survey = await bob.survey()
        assert len(survey.environments) == 2
        assert survey.damaged == ()
        assert await bob.sweep(hdfs.now() / 1000 + 2 * DAY) == ()

    async def test_a_listing_that_is_too_long_for_a_response(
        self, hdfs: FakeHdfs, published: PublishedEnvironment
    ) -> None:
        class Limited(FakeHdfsFileSystem):
            async def list(self, path: str) -> Sequence[FileStatus]:
                if path.startswith(published.folder):
                    raise RemoteProtocolError("the response has more than 64 MiB")
                return await super().list(path)

        survey = await EnvironmentStore(Limited(hdfs, "bob"), user="bob").survey()
        assert [each.name for each in survey.environments] == ["own"]
        assert survey.damaged[0].problem == "the response has more than 64 MiB"

    async def test_files_that_do_not_respond(
        self, hdfs: FakeHdfs, monkeypatch: pytest.MonkeyPatch, published: PublishedEnvironment
    ) -> None:
        class Hanging(FakeHdfsFileSystem):
            async def status(self, path: str) -> FileStatus | None:
                if path.startswith(published.folder):
                    await asyncio.Event().wait()
                return await super().status(path)

        monkeypatch.setattr("yarnhub.environments.published.catalog._PATIENCE", 1.0)
        bob = EnvironmentStore(Hanging(hdfs, "bob"), user="bob")
        survey = await bob.survey()
        assert [each.name for each in survey.environments] == ["own"]
        assert "could not be read within 1 s" in survey.damaged[0].problem

    async def test_what_there_is_no_time_for_is_told(
        self, hdfs: FakeHdfs, monkeypatch: pytest.MonkeyPatch, published: PublishedEnvironment
    ) -> None:
        class Hanging(FakeHdfsFileSystem):
            async def list(self, path: str) -> Sequence[FileStatus]:
                if path.rpartition("/")[2].startswith("0" * 8):
                    await asyncio.Event().wait()
                return await super().list(path)

        monkeypatch.setattr("yarnhub.environments.published.catalog._SURVEY", 2.0)
        for number in range(100):
            await hdfs.user("mallory").make_directory(f"{ROOT}/{number:016x}", 0o755)
        survey = await EnvironmentStore(Hanging(hdfs, "bob"), user="bob").survey()
        assert [each.name for each in survey.environments] == ["own", "table"]
        assert survey.unread == {"mallory": 100}

    async def test_only_folders_of_the_owner_are_read_to_find_one(
        self, hdfs: FakeHdfs, published: PublishedEnvironment
    ) -> None:
        read = []

        class Recording(FakeHdfsFileSystem):
            async def list(self, path: str) -> Sequence[FileStatus]:
                read.append(path)
                return await super().list(path)

        for number in range(300):
            await hdfs.user("mallory").make_directory(f"{ROOT}/{number:016x}", 0o755)
        bob = EnvironmentStore(Recording(hdfs, "bob"), user="bob")
        found = await bob.find_current("alice".__eq__, "table")
        assert found is not None
        assert found.file() == published.file()
        assert read == [ROOT, published.folder]
        assert (await bob.find("alice/table", all_versions=False)).file() == published.file()
        assert read == [ROOT, published.folder] * 2
        assert await bob.find_current("eve".__eq__, "table") is None
        assert await bob.find_current("alice".__eq__, "other") is None


class TestDamage:
    """Of own environments."""

    @pytest.mark.parametrize(
        "error",
        [
            RemoteProtocolError("the response has more than 64 MiB"),
            FileSystemError("list", "x", "it is damaged"),
        ],
    )
    async def test_a_folder_that_cannot_be_listed_affects_no_other(
        self, error: YarnhubError, hdfs: FakeHdfs, alice: EnvironmentStore, tmp_path: Path
    ) -> None:
        bad = await alice.publish(spec("bad"), built(tmp_path))

        class Broken(FakeHdfsFileSystem):
            async def list(self, path: str) -> Sequence[FileStatus]:
                if path == bad.folder:
                    raise error
                return await super().list(path)

        broken = EnvironmentStore(Broken(hdfs, "alice"), user="alice")
        await self.check_that_others_work(broken, bad, tmp_path)

    @pytest.mark.parametrize(
        "error",
        [
            ConnectError("no DataNode of the block responds"),
            ConnectionLostError("lost", CallOutcome.UNKNOWN),
            DeadlineExceededError("the block was not read within 60 s"),
        ],
    )
    async def test_a_record_whose_block_is_missing_affects_no_other(
        self, error: YarnhubError, hdfs: FakeHdfs, alice: EnvironmentStore, tmp_path: Path
    ) -> None:
        bad = await alice.publish(spec("bad"), built(tmp_path))

        class Missing(FakeHdfsFileSystem):
            async def read(
                self, path: str, offset: int = 0, length: int | None = None
            ) -> AsyncGenerator[bytes, None]:
                if path == f"{bad.folder}/environment.json":
                    raise error
                async with contextlib.aclosing(super().read(path, offset, length)) as chunks:
                    async for chunk in chunks:
                        yield chunk

        missing = EnvironmentStore(Missing(hdfs, "alice"), user="alice")
        await self.check_that_others_work(missing, bad, tmp_path)

    async def check_that_others_work(
        self, store: EnvironmentStore, bad: PublishedEnvironment, tmp_path: Path
    ) -> None:
        await store.publish(spec(), built(tmp_path))
        await store.publish(spec(), built(tmp_path, version="2.0"))
        assert [each.name for each in await store.find_all()] == ["table"]
        await store.share("table", Access(users=["bob"]))
        assert (await store.roll_back("table", 1)).current.number == 1
        with pytest.raises(EnvironmentNotFoundError, match=f"{bad.id} cannot be used, because .*"):
            await store.find("bad")
        with pytest.raises(EnvironmentNotFoundError, match=f"with `yarnhub env rm {bad.id}`"):
            await store.share("bad", Access())
        await store.sweep(0)
        await store.delete(bad.id)
        assert (await store.survey()).damaged == ()
        assert numbers(await store.find("table")) == [1, 2]

    async def test_a_name_node_that_does_not_respond_is_not_damage(
        self, hdfs: FakeHdfs, alice: EnvironmentStore, tmp_path: Path
    ) -> None:
        published = await alice.publish(spec(), built(tmp_path))

        class Lost(FakeHdfsFileSystem):
            async def list(self, path: str) -> Sequence[FileStatus]:
                if path == published.folder:
                    raise ConnectionLostError("lost", CallOutcome.UNKNOWN)
                return await super().list(path)

        lost = EnvironmentStore(Lost(hdfs, "alice"), user="alice")
        with pytest.raises(ConnectionLostError):
            await lost.publish(spec(), built(tmp_path, version="2.0"))

    async def test_it_is_told_and_can_be_deleted(
        self, hdfs: FakeHdfs, alice: EnvironmentStore, tmp_path: Path
    ) -> None:
        published = await alice.publish(spec(), built(tmp_path))
        await hdfs.user("alice").write(f"{published.folder}/environment.json", b"x", 0o644)
        (damaged,) = (await alice.survey()).damaged
        assert damaged.url == published.folder
        await alice.delete(published.id)
        assert hdfs.node(ROOT).children == {}

    async def test_an_old_version_does_not_break_the_current_one(
        self, hdfs: FakeHdfs, alice: EnvironmentStore, tmp_path: Path
    ) -> None:
        await alice.publish(spec(), built(tmp_path))
        found = await alice.publish(spec(), built(tmp_path, version="2.0"))
        await hdfs.user("alice").delete(f"{found.folder}/1/manifest.json")
        found = await alice.find("table")
        assert numbers(found) == [2]
        assert found.problems == (f"{found.folder}/1/manifest.json is missing",)
        with pytest.raises(StoreError, match=r"version 1 of table cannot be used: .* is missing"):
            await alice.roll_back("table", 1)
        await alice.delete("table", 1)
        assert (await alice.find("table")).problems == ()

    async def test_only_the_current_version_is_read_to_use_it(
        self, hdfs: FakeHdfs, alice: EnvironmentStore, tmp_path: Path
    ) -> None:
        await alice.publish(spec(), built(tmp_path))
        found = await alice.publish(spec(), built(tmp_path, version="2.0"))
        await hdfs.user("alice").delete(f"{found.folder}/1/manifest.json")
        current = await alice.find("table", all_versions=False)
        assert (numbers(current), current.problems) == ([2], ())

    async def test_a_damaged_current_version_can_be_rolled_back(
        self, hdfs: FakeHdfs, alice: EnvironmentStore, tmp_path: Path
    ) -> None:
        await alice.publish(spec(), built(tmp_path))
        found = await alice.publish(spec(), built(tmp_path, version="2.0"))
        await hdfs.user("alice").delete(found.url)
        with pytest.raises(StoreError, match=r"table cannot be used: .* is missing"):
            await alice.find("table")
        assert (await alice.roll_back("table", 1)).current.number == 1

    async def test_a_list_with_names_of_another_kind(
        self, hdfs: FakeHdfs, alice: EnvironmentStore, tmp_path: Path
    ) -> None:
        from yarnhub.filesystem.acl import AclEntry, AclKind

        published = await alice.publish(spec(), built(tmp_path))
        odd = AclEntry(AclKind.USER, "o'brien", 5)
        await hdfs.user("alice").set_access(published.folder, 0o700, [odd])
        found = await alice.find("table")
        assert found.access is None
        assert "access control list" in found.problems[0]
