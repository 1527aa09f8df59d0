"""HDFS in JupyterLab, over real HDFS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from docs.blocks import PROJECT, blocks
from integrations.contents.contract import ContentsContract, drive, names, refused, text
from yarnhub.filesystem.hdfs import HdfsFileSystem, native_user_name
from yarnhub.filesystem.name_node import find_name_nodes
from yarnhub.filesystem.open import open_file_system
from yarnhub.filesystem.webhdfs import UserName, WebHdfsFileSystem
from yarnhub.hadoop.security.users import SimpleUser
from yarnhub.integrations.contents import ContentsWithHdfs, HdfsContents
from yarnhub.integrations.contents.opening import OwnHdfs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster
    from yarnhub.hadoop.conf import Configuration
    from yarnhub.hadoop.properties import Properties

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


def make(configuration: Configuration, base: str, own: Path, trash: int = 0) -> ContentsWithHdfs:
    properties = Over(configuration, {"fs.trash.interval": str(trash)})
    hdfs = HdfsContents(hdfs=OwnHdfs(properties, SimpleUser("alice")), directory=base)
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
            with refused(403, "you may not do this: .*Permission denied: user=alice"):
                await contents.get(path)
        with refused(403):
            await contents.save(text(""), "hdfs/theirs/a")

    @pytest.mark.parametrize("quota", ["namespacequota", "storagespacequota"])
    async def test_a_quota(
        self, contents: ContentsWithHdfs, superuser: WebHdfsFileSystem, base: str, quota: str
    ) -> None:
        await contents.save(text("old"), "hdfs/a")
        await superuser._ask("limit", "PUT", base, "SETQUOTA", **{quota: "2"})
        with refused(507, "your quota is used up"):
            await contents.save(text("new"), "hdfs/a")
        assert (await contents.get("hdfs/a"))["content"] == "old"

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
