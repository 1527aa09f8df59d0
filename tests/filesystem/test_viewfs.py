"""ViewFS: its mount tables, and its files behind the port."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from filesystem.contract import read_all
from yarnhub.base.errors import ConfigurationError
from yarnhub.filesystem.errors import AclsUnavailableError, FileSystemError
from yarnhub.filesystem.hdfs import native_user_name
from yarnhub.filesystem.local import LocalFileSystem
from yarnhub.filesystem.mount_table import MountTable
from yarnhub.filesystem.open import open_file_system
from yarnhub.filesystem.viewfs import ViewFileSystem
from yarnhub.hadoop.security.users import SimpleUser

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.filesystem.port import FileSystem
    from yarnhub.hadoop.conf import Configuration

PREFIX = "fs.viewfs.mounttable"
TABLE = {
    "fs.defaultFS": "viewfs://cluster/",
    f"{PREFIX}.cluster.link./user": "hdfs://one:8020/user",
    f"{PREFIX}.cluster.link./data/raw": "hdfs://two/raw/",
    f"{PREFIX}.cluster.linkFallback": "hdfs://one:8020/",
    f"{PREFIX}.cluster.linkNfly.minReplication=2./nfly": "hdfs://two/n, hdfs://three/n",
    f"{PREFIX}.other.link./x": "hdfs://four/x",
}


@pytest.mark.parametrize("url", ["viewfs://cluster/x", "viewfs:///", "viewfs:/x"])
@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/user", "hdfs://one:8020/user"),
        ("/user/alice/x", "hdfs://one:8020/user/alice/x"),
        ("/users", "hdfs://one:8020/users"),
        ("/data/raw/x", "hdfs://two/raw/x"),
        ("/data/other", "hdfs://one:8020/data/other"),
        ("/", "hdfs://one:8020"),
    ],
)
def test_where_paths_lead(url: str, path: str, target: str) -> None:
    table = MountTable.read(url, TABLE)
    assert table.uri == "viewfs://cluster"
    assert table.target(path) == target


def test_all_that_is_linked() -> None:
    assert set(MountTable.read("viewfs://cluster", TABLE).targets) == {
        "hdfs://one:8020/user",
        "hdfs://two/raw/",
        "hdfs://one:8020/",
        "hdfs://two/n",
        "hdfs://three/n",
    }


def test_what_is_not_linked_and_not_configured() -> None:
    with pytest.raises(ConfigurationError, match="viewfs://other/y: no link of the mount table"):
        MountTable.read("viewfs://other", TABLE).target("/y")
    with pytest.raises(ConfigurationError, match=r"no fs\.viewfs\.mounttable\.third\.link"):
        MountTable.read("viewfs://third", TABLE)
    named = {f"{PREFIX}.default.name.key": "other", f"{PREFIX}.other.link./x": "hdfs://four/x"}
    assert MountTable.read("viewfs:///", named).uri == "viewfs://other"


async def test_each_path_lies_where_its_link_says(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    links = {"/base": f"file://{tmp_path}/one", "/more": f"file://{tmp_path}/two"}

    def open_target(url: str) -> FileSystem:
        return LocalFileSystem()

    table = MountTable("viewfs://cluster", links, "/base")
    async with ViewFileSystem(table, open_target) as fs:
        assert fs.uri == "viewfs://cluster"
        written = await fs.write("/base/a", b"0123456789")
        assert written.path == f"file://{tmp_path}/one/a"
        assert await fs.status("viewfs://cluster/base/a") == written
        assert await fs.list("viewfs:///base") == [written]
        assert await read_all(fs, "/base/a", 2, 3) == b"234"
        await fs.set_access("/base/a", 0o640)
        assert (await fs.list("/base/a"))[0].permission == 0o640
        with pytest.raises(AclsUnavailableError, match=f"file://{tmp_path}/one/a"):
            await fs.acl("/base/a")
        await fs.make_directory("/more/b")
        await fs.move(written.path, "/more/b/c")
        assert (tmp_path / "two" / "b" / "c").read_bytes() == b"0123456789"
        local = tmp_path / "local"
        local.write_bytes(b"local")
        assert (await fs.upload(local, "/more/d")).path == f"file://{tmp_path}/two/d"
        assert await fs.delete("/more", recursive=True)
        assert not (tmp_path / "two").exists()
        with pytest.raises(ConfigurationError, match=r"viewfs://cluster/x: no link"):
            await fs.status("/x")


async def test_each_target_is_opened_once_and_closed(tmp_path: Path) -> None:
    opened: list[str] = []
    closed: list[str] = []

    class Target(LocalFileSystem):
        def __init__(self, uri: str) -> None:
            super().__init__()
            self._name = uri

        @property
        def uri(self) -> str:
            return self._name

        async def status(self, path: str) -> None:
            return None

        async def aclose(self) -> None:
            closed.append(self._name)

    def open_target(url: str) -> FileSystem:
        opened.append(url)
        return Target("/".join(url.split("/")[:3]))

    table = MountTable.read("viewfs:///", TABLE)
    async with ViewFileSystem(table, open_target) as file_system:
        for path in ("/user/a", "/user/b", "/data/raw/x", "hdfs://two/raw/y", "viewfs:///tmp"):
            assert await file_system.status(path) is None
        with pytest.raises(FileSystemError, match=r"cannot move .* is in another file system"):
            await file_system.move("/user/a", "/data/raw/a")
    assert opened == ["hdfs://one:8020/user/a", "hdfs://two/raw/x"]
    assert closed == ["hdfs://two", "hdfs://one:8020"]


@pytest.mark.cluster
async def test_files_in_the_home_of_a_linked_hdfs(configuration: Configuration) -> None:
    default = configuration.get("fs.defaultFS")
    assert default is not None
    view = {key: configuration.get(key) or "" for key in configuration.keys()}  # noqa: SIM118
    view |= {
        "fs.defaultFS": "viewfs://cluster",
        f"{PREFIX}.cluster.link./homes": f"{default}/user",
        f"{PREFIX}.cluster.homedir": "/homes",
    }
    user = SimpleUser("alice", real=native_user_name())
    async with open_file_system("", view, user) as file_system:
        assert await file_system.home() == f"{default}/user/alice"
        written = await file_system.write("/homes/alice/by-viewfs", b"x")
        assert written.path == f"{default}/user/alice/by-viewfs"
        assert written in await file_system.list("viewfs://cluster/homes/alice")
        assert await file_system.delete(written.path)
