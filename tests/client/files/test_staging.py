from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.base.units import MiB, VCores
from yarnhub.client.access.settings import Settings
from yarnhub.client.files.file_systems import UserFileSystems
from yarnhub.client.files.staging import has_files, stage, staging_folder
from yarnhub.filesystem.errors import FileSystemError
from yarnhub.filesystem.local import LocalFileSystem
from yarnhub.filesystem.open import open_file_system
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.ipc.options import RpcOptions
from yarnhub.hadoop.security.users import SimpleUser
from yarnhub.spec import ApplicationSpec, File, Master, Resources, Service
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.filesystem.port import FileSystem

RESOURCES = Resources(memory=MiB(64), vcores=VCores(1))
ID = ApplicationId(id=1, cluster_timestamp=2)


class Home(LocalFileSystem):
    """The local file system with the user's home elsewhere."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._home = home

    async def home(self) -> str:
        return f"file://{self._home}"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    path.mkdir()
    return path


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "local"
    path.mkdir()
    return path


def spec(files: Mapping[str, File], **services: Mapping[str, File]) -> ApplicationSpec:
    return ApplicationSpec(
        master=Master(script="x", files=files),
        services={
            name: Service(resources=RESOURCES, script="x", files=each)
            for name, each in services.items()
        },
    )


def write(path: Path, text: str = "content") -> File:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return File(source=str(path))


async def test_a_local_file_is_uploaded_and_described(home: Path, local: Path) -> None:
    file = write(local / "data.csv")
    staged = await stage(spec({"d": file}), ID, Home(home))
    found = staged.master.files["d"]
    path = Path(found.source.removeprefix("file://"))
    assert path.read_text() == "content"
    assert path.name == "data.csv"
    assert path.is_relative_to(home / ".skein" / str(ID))
    assert (found.size, found.timestamp) == (7, path.stat().st_mtime_ns // 1_000_000)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((home / ".skein" / str(ID)).stat().st_mode) == 0o700
    assert staged == spec({"d": found}), "nothing else is changed"


async def test_a_file_is_uploaded_once_however_often_it_is_named(home: Path, local: Path) -> None:
    file = write(local / "a")
    told: list[tuple[Path, int, int]] = []
    staged = await stage(
        spec({"x": file, "y": file}, s={"z": file}),
        ID,
        Home(home),
        lambda *each: told.append(each),
    )
    files = [path for path in home.rglob("*") if path.is_file()]
    assert len(files) == 1
    sources = {*(f.source for f in staged.master.files.values())}
    assert sources == {staged.services["s"].files["z"].source} == {f"file://{files[0]}"}
    assert told[-1] == (local / "a", 7, 7)


async def test_files_of_one_name_do_not_meet(home: Path, local: Path) -> None:
    one, two = write(local / "1" / "a", "one"), write(local / "2" / "a", "two")
    staged = await stage(spec({"x": one}, s={"y": two}), ID, Home(home))
    texts = [
        Path(file.source.removeprefix("file://")).read_text()
        for file in (staged.master.files["x"], staged.services["s"].files["y"])
    ]
    assert texts == ["one", "two"]


async def test_what_the_specification_says_of_a_file_holds(home: Path, local: Path) -> None:
    write(local / "a")
    file = File(source=str(local / "a"), size=99, timestamp=5)
    found = (await stage(spec({"x": file}), ID, Home(home))).master.files["x"]
    assert (found.size, found.timestamp) == (99, 5)


async def test_the_logging_configuration_is_staged_too(home: Path, local: Path) -> None:
    chosen = ApplicationSpec(master=Master(script="x", log_config=write(local / "log.conf")))
    assert has_files(chosen)
    staged = (await stage(chosen, ID, Home(home))).master.log_config
    assert staged is not None
    assert staged.source.startswith(f"file://{home}")
    assert staged.size == 7


@pytest.mark.parametrize(
    ("files", "services", "expected"),
    [
        ({}, {}, False),
        ({"x": File(source="/a")}, {}, True),
        ({}, {"s": {"x": File(source="/a")}}, True),
    ],
)
def test_has_files(
    files: dict[str, File], services: dict[str, dict[str, File]], expected: bool
) -> None:
    assert has_files(spec(files, **services)) is expected


async def test_a_missing_file_is_named_with_its_place(home: Path, local: Path) -> None:
    missing = File(source=str(local / "missing"))
    with pytest.raises(SpecError, match=f"'{local}/missing' does not exist") as caught:
        await stage(spec({}, s={"x": missing}), ID, Home(home))
    assert caught.value.path == "services.s.files.x.source"


async def test_a_folder_is_refused(home: Path, local: Path) -> None:
    with pytest.raises(SpecError, match="is a folder: pack it into an archive") as caught:
        await stage(spec({"x": File(source=str(local))}), ID, Home(home))
    assert caught.value.path == "master.files.x.source"


async def test_a_file_that_cannot_be_read_is_refused(
    home: Path, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(local / "secret")

    async def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    file_system = Home(home)
    monkeypatch.setattr(file_system, "upload", refuse)  # root may read all files
    with pytest.raises(SpecError, match="cannot be read"):
        await stage(spec({"x": file}), ID, file_system)


async def test_the_staging_folder(home: Path) -> None:
    assert await staging_folder(Home(home), ID) == f"file://{home}/.skein/application_2_0001"


class Cluster(Home):
    """A file system whose own URLs are not taken for local files."""

    def __init__(self, home: Path, url: str = "hdfs://nn") -> None:
        super().__init__(home)
        self._url = url
        self.asked: list[str] = []

    async def status(self, path: str):  # type: ignore[no-untyped-def]  # as its parent
        self.asked.append(path)
        return await super().status(path.replace(self._url, "file://"))


async def test_files_on_the_cluster_are_looked_up_once_and_not_copied(
    home: Path, tmp_path: Path
) -> None:
    path = tmp_path / "there"
    path.write_text("1234")
    os.utime(path, ns=(0, 1_700_000_000_123_000_000))
    file = File(source=f"hdfs://nn{path}")
    file_system = Cluster(home)
    staged = await stage(spec({"x": file}, s={"y": file}), ID, file_system)
    found = staged.services["s"].files["y"]
    assert (found.size, found.timestamp) == (4, 1_700_000_000_123)
    assert file_system.asked == [file.source]
    assert list(home.iterdir()) == [], "no folder for an application that uploads nothing"


@pytest.mark.parametrize(("name", "reason"), [("missing", "does not exist"), ("", "is a folder")])
async def test_files_on_the_cluster_that_cannot_be_used(
    home: Path, tmp_path: Path, name: str, reason: str
) -> None:
    file = File(source=f"hdfs://nn{tmp_path}/{name}")
    with pytest.raises(SpecError, match=reason) as caught:
        await stage(spec({"x": file}), ID, Cluster(home))
    assert caught.value.path == "master.files.x.source"


async def test_a_file_is_looked_up_in_its_own_file_system(home: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.write_text("1")
    there.write_text("12")
    mine, other = Cluster(home), Cluster(home, "hdfs://other")

    async def find(url: str) -> FileSystem:
        return other if url.startswith("hdfs://other") else mine

    files = {"h": File(source=f"hdfs://nn{here}"), "t": File(source=f"hdfs://other{there}")}
    staged = await stage(spec(files), ID, mine, find=find)
    assert [staged.master.files[name].size for name in "ht"] == [1, 2]
    assert (mine.asked, other.asked) == ([files["h"].source], [files["t"].source])


async def nowhere(url: str) -> FileSystem:
    raise ConfigurationError(f"{url}: no file system for the scheme 's3a'")


async def test_a_file_that_nobody_can_look_at_is_named_with_its_place(home: Path) -> None:
    file = File(source="s3a://bucket/x")
    with pytest.raises(SpecError, match="no file system for the scheme 's3a'; with `size`") as got:
        await stage(spec({}, s={"x": file}), ID, Home(home), find=nowhere)
    assert got.value.path == "services.s.files.x.source"


async def test_a_file_that_is_described_in_full_needs_nobody_to_look_at_it(home: Path) -> None:
    file = File(source="s3a://bucket/x", size=5, timestamp=6)
    staged = await stage(spec({"x": file}), ID, Home(home), find=nowhere)
    assert staged.master.files["x"] == file


async def test_a_file_of_another_file_system_is_refused_with_its_place(home: Path) -> None:
    file = File(source="hdfs://elsewhere/x")
    with pytest.raises(SpecError, match="not in the file system") as got:
        await stage(spec({"x": file}), ID, Home(home))
    assert got.value.path == "master.files.x.source"


async def test_each_file_system_is_opened_once(tmp_path: Path) -> None:
    configuration = Configuration({"fs.defaultFS": "hdfs://nn:8020"})
    settings = Settings(
        configuration=configuration,
        user=SimpleUser("somebody"),
        user_name="somebody",
        config_folder=tmp_path,
        cache_folder=tmp_path,
        language="C",
        options=RpcOptions(),
    )
    default = open_file_system("", configuration, settings.user)
    async with default, UserFileSystems(settings, default) as systems:
        for url in ("/x", "hdfs:/x", "hdfs:///x", "hdfs://NN/x", "hdfs://nn:8020/x"):
            assert await systems.of(url) is default
        other = await systems.of("hdfs://other/x")
        assert other.uri == "hdfs://other:8020"
        assert await systems.of("hdfs://OTHER:8020/y") is other
        with pytest.raises(ConfigurationError, match="no file system for the scheme 's3a'"):
            await systems.of("s3a://bucket/x")


@pytest.mark.parametrize("kind", ["device", "pipe", "socket"])
async def test_what_has_no_end_is_no_file(kind: str, home: Path, tmp_path: Path) -> None:
    path = tmp_path / kind
    if kind == "device":
        path.symlink_to("/dev/zero")
    else:
        os.mknod(path, 0o600 | (stat.S_IFIFO if kind == "pipe" else stat.S_IFSOCK))
    with pytest.raises(SpecError, match=f"not a regular file but a {kind}") as caught:
        await stage(spec({"x": File(source=f"file://{path}")}), ID, Home(home))
    assert caught.value.path == "master.files.x.source"
    with pytest.raises(FileSystemError, match=f"not a regular file but a {kind}"):
        await LocalFileSystem().upload(path, str(tmp_path / "copy"))
