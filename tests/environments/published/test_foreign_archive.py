"""Archives of other tools are described without unpacking them, and refused in words."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from yarnhub.environments.errors import StoreError
from yarnhub.environments.published.foreign_archive import ForeignArchive, examine
from yarnhub.environments.threads import Stop, Stopped

if TYPE_CHECKING:
    from pathlib import Path


def archive(folder: Path, *members: tarfile.TarInfo | str, name: str = "x.tar.gz") -> Path:
    path = folder / name
    with tarfile.open(path, "w:gz") as made:
        for each in members:
            info = tarfile.TarInfo(each) if isinstance(each, str) else each
            made.addfile(info, io.BytesIO(bytes(info.size)))
    return path


def link(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


def look(path: Path) -> ForeignArchive:
    return examine(path, Stop())


def test_conda_pack(tmp_path: Path) -> None:
    made = archive(
        tmp_path,
        *("bin/activate", "bin/python3.12", link("bin/python", "python3.12")),
        *("conda-meta/numpy-2.1.0-py312h1234_0.json", "conda-meta/_libgcc_mutex-0.1-main.json"),
        "lib/python3.12/site-packages/Pip_Only-1.0+local.dist-info/METADATA",
    )
    found = look(made)
    assert found.python == "3.12"
    assert found.packages == {"numpy": "2.1.0", "libgcc-mutex": "0.1", "pip-only": "1.0+local"}
    assert found.problems == []
    assert found.sha256 == hashlib.sha256(made.read_bytes()).hexdigest()
    assert (found.size, found.files) == (made.stat().st_size, 6)


def test_the_link_of_venv_pack_is_told(tmp_path: Path) -> None:
    found = look(archive(tmp_path, "./bin/activate", link("./bin/python3", "/usr/bin/python3.12")))
    (problem,) = found.problems
    assert problem.startswith("bin/python3 is a link to '/usr/bin/python3.12': each node needs")


def test_an_archive_in_several_parts(tmp_path: Path) -> None:
    """Programs that compress with several threads write such files."""
    whole = gzip.decompress(archive(tmp_path, "bin/python3", "lib/x").read_bytes())
    path = tmp_path / "parts.tgz"
    path.write_bytes(gzip.compress(whole[:700]) + gzip.compress(whole[700:]))
    found = look(path)
    assert found.files == 2
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (["x/bin/python3"], "no folder `bin` at its top level, only the folder 'x': pack the con"),
        (["x/bin/python3", "y"], "has no folder `bin` at its top level$"),
        ([], "has no folder `bin` at its top level$"),
        (["bin/activate"], "has no bin/python: it is not a Python environment"),
        (["../bin/python3"], "has the file '../bin/python3' outside of its folder"),
        (["/bin/python3"], "outside of its folder"),
    ],
)
def test_other_archives_are_refused(tmp_path: Path, members: list[str], said: str) -> None:
    with pytest.raises(StoreError, match=said):
        look(archive(tmp_path, *members))


def test_devices_are_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("dev")
    info.type = tarfile.CHRTYPE
    with pytest.raises(StoreError, match="has the device or pipe 'dev'"):
        look(archive(tmp_path, "bin/python3", info))


@pytest.mark.parametrize("content", [b"", b"x" * 2000, gzip.compress(b"x" * 2000, mtime=0)])
def test_no_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"not a \.tar\.gz file, or it is incomplete"):
        look(path)


def test_an_archive_that_ends_early(tmp_path: Path) -> None:
    info = tarfile.TarInfo("lib/large")
    info.size = 1 << 20
    path = archive(tmp_path, "bin/python3", info)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(StoreError, match=r"x\.tar\.gz cannot be read: .* incomplete"):
        look(path)


def test_names_of_files(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"x\.zip must be a \.tar\.gz file"):
        look(archive(tmp_path, "bin/python3", name="x.zip"))
    with pytest.raises(StoreError, match=r"missing\.tar\.gz cannot be read: No such file"):
        look(tmp_path / "missing.tar.gz")
    (tmp_path / "folder.tar.gz").mkdir()
    with pytest.raises(StoreError, match="cannot be read: it is not a regular file but a folder"):
        look(tmp_path / "folder.tar.gz")


def test_it_stops_when_it_is_cancelled(tmp_path: Path) -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Stopped):
        examine(archive(tmp_path, "bin/python3"), stop)
