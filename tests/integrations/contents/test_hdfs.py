"""HDFS in JupyterLab, over real HDFS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from docs.blocks import PROJECT, blocks
from integrations.contents.contract import ContentsContract, drive, names, refused, text
from yarnhub.filesystem.hdfs import HdfsFileSystem, native_user_name
from yarnhub.filesystem.name_node import find_name_nodes
from yarnhub.filesystem.open import open_file_system
from yarnhub.filesystem.webhdfs import WebHdfsFileSystem
from yarnhub.filesystem.webhdfs_requests import UserName
from yarnhub.hadoop.security.users import SimpleUser
from yarnhub.integrations.contents import ContentsWithHdfs, HdfsContents
from yarnhub.integrations.contents.file_systems import ProcessHdfs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster
    from yarnhub.hadoop.conf import Configuration, Properties

pytestmark = pytest.mark.cluster


@pytest.fixture
def superuser(configuration: Configuration) -> WebHdfsFileSystem:
    service = find_name_nodes("", configuration)
    return WebHdfsFileSystem(service.uri, service.web, UserName(native_user_name()))


class Over:
    """A configuration in which some keys have another value."""

    def __init__(self, configuration: Properties, keys: Mapping[str, str]) -> None:
        self._configuration, self._keys = configuration, keys

    def get(self, key: str, /) -> str | None:
        return self._keys.get(key) or self._configuration.get(key)

    def keys(self) -> Iterable[str]:
        return {*self._keys, *self._configuration.keys()}


def make(configuration: Configuration, base: str, own: Path, trash: int = 0) -> ContentsWithHdfs:
    properties = Over(configuration, {"fs.trash.interval": str(trash)})
    hdfs = HdfsContents(hdfs=ProcessHdfs(properties, SimpleUser("alice")), directory=base)
    return ContentsWithHdfs(root_dir=str(own), hdfs=hdfs, delete_to_trash=False)


class TestOverWebHdfs(ContentsContract):
    """As in a container whose user is known by a token."""

    @pytest.fixture
    async def contents(
        self, configuration: Configuration, base: str, tmp_path: Path
    ) -> ContentsWithHdfs:
        contents = make(configuration, base, tmp_path)
        assert isinstance(await drive(contents).hdfs.open(), WebHdfsFileSystem)
        return contents

    async def test_what_belongs_to_others(
        self, contents: ContentsWithHdfs, superuser: WebHdfsFileSystem, base: str
    ) -> None:
        await superuser.make_directory(f"{base}/theirs", 0o700)
        await superuser.write(f"{base}/their.txt", b"x", 0o600)
        assert sorted(await names(contents, "hdfs")) == ["their.txt", "theirs"]
        for path in ("hdfs/theirs", "hdfs/their.txt"):
            with refused(403, "permission denied: .*Permission denied: user=alice"):
                await contents.get(path)
        with refused(403):
            await contents.save(text(""), "hdfs/theirs/a")

    @pytest.mark.parametrize("quota", ["namespacequota", "storagespacequota"])
    async def test_a_quota(
        self, contents: ContentsWithHdfs, superuser: WebHdfsFileSystem, base: str, quota: str
    ) -> None:
        await contents.save(text("old"), "hdfs/a")
        await superuser.requests.ask("limit", "PUT", base, "SETQUOTA", **{quota: "2"})
        with refused(507, "your quota is exceeded"):
            await contents.save(text("new"), "hdfs/a")
        assert (await contents.get("hdfs/a"))["content"] == "old"

    async def test_a_name_that_hdfs_does_not_take(self, contents: ContentsWithHdfs) -> None:
        for model in (text("x"), {"type": "directory"}):
            with refused(
                400, r"HDFS does not allow this name: .*a:b: names in HDFS cannot contain ':'"
            ):
                await contents.save(model, "hdfs/a:b")
        await contents.save(text("x"), "hdfs/a")
        with refused(400, "HDFS does not allow this name"):
            await contents.rename("hdfs/a", "hdfs/a:b")
        with refused(400, "HDFS does not allow this name"):
            await contents.save(text("x"), f"hdfs/{'y' * 256}")

    async def test_a_file_in_the_trash_has_the_name_of_a_folder(
        self, configuration: Configuration, base: str, tmp_path: Path
    ) -> None:
        contents = make(configuration, base, tmp_path, trash=60)
        await contents.save(text("file"), "hdfs/x")
        await contents.delete("hdfs/x")
        for _ in range(2):
            await contents.save({"type": "directory"}, "hdfs/x")
            await contents.save(text("in it"), f"hdfs/x/{'y' * 255}")
            await contents.delete(f"hdfs/x/{'y' * 255}")
            await contents.delete("hdfs/x")
        assert await names(contents, "hdfs") == []

    async def test_abandoned_uploads_are_swept_when_a_folder_is_looked_at(
        self,
        contents: ContentsWithHdfs,
        superuser: WebHdfsFileSystem,
        base: str,
    ) -> None:
        half = f"{base}/.a.12345678._COPYING_"
        await superuser.make_directory(half, 0o777)
        await superuser.requests.ask("x", "PUT", half, "SETTIMES", modificationtime="1")
        await contents.get("hdfs")
        assert list(await superuser.list(base)) == []

    async def test_trash(self, configuration: Configuration, base: str, tmp_path: Path) -> None:
        contents = make(configuration, base, tmp_path, trash=60)
        for content in ("one", "two"):
            await contents.save({"type": "directory"}, "hdfs/d")
            await contents.save(text(content), "hdfs/d/a")
            await contents.delete("hdfs/d")
        assert await names(contents, "hdfs") == []
        place = f"/user/alice/.Trash/Current{base}"
        async with open_file_system("", configuration, SimpleUser("alice")) as file_system:
            kept = [found.path.rpartition("/")[2] for found in await file_system.list(place)]
            await file_system.delete(place, recursive=True)
        assert kept[0] == "d"
        assert kept[1].startswith("d.")


class TestOverHdfsNative(ContentsContract):
    """As in a container without security."""

    @pytest.fixture
    async def contents(
        self,
        configuration: Configuration,
        base: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> ContentsWithHdfs:
        monkeypatch.setenv("HADOOP_USER_NAME", "alice")
        contents = make(configuration, base, tmp_path)
        assert isinstance(await drive(contents).hdfs.open(), HdfsFileSystem)
        return contents


async def test_the_example_for_notebooks(
    hadoop_cluster: HadoopCluster, configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = PROJECT / "docs" / "howto" / "hdfs-in-jupyterlab.md"
    (text,) = [each.text for each in blocks(page) if each.remark.endswith("for_notebooks")]
    async with open_file_system("", configuration, SimpleUser("alice")) as file_system:
        await file_system.write("/user/alice/a.csv", b"1,2")
    monkeypatch.setenv("HADOOP_CONF_DIR", str(hadoop_cluster.conf_dir))
    monkeypatch.setenv("HADOOP_USER_NAME", "alice")
    cell: dict[str, Any] = {}  # Any: what the example defines
    exec(text, cell)
    assert await cell["read"]("a.csv") == b"1,2"
    async with open_file_system("", configuration, SimpleUser("alice")) as file_system:
        await file_system.delete("/user/alice/a.csv")
