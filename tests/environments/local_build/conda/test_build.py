"""Environments built of conda packages in a folder."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from environments.archives import names, run, unpack
from environments.local_build.conda.building import built, conda_lock, failure, locked, spec
from environments.local_build.conda.channel import PLACEHOLDER, CondaChannel, Content
from environments.wheels import pinned, wheel
from full_disk import files_end_at
from yarnhub.environments.conda_lock import read_conda_lock
from yarnhub.environments.errors import DiskFullError
from yarnhub.environments.local_build.conda.relocation import WRITTEN_PREFIX
from yarnhub.environments.local_build.environment import build
from yarnhub.environments.problems import Problem, ProblemKind
from yarnhub.environments.progress import Progress, Step

if TYPE_CHECKING:
    from yarnhub.environments.local_build.site import BuildSite

MEBIBYTE = 1 << 20
PYTHON = ".".join(map(str, sys.version_info[:3]))


def output(*command: Path | str, path: str = "/usr/bin:/bin") -> str:
    """What a program prints, with nothing of this process's environment."""
    return subprocess.check_output(command, text=True, timeout=60, env={"PATH": path}).strip()


def linked(environment: Path, program: str) -> Path:
    """A link from elsewhere to a program of an environment."""
    link = environment.parent / program
    link.symlink_to(environment / "bin" / program)
    return link


async def test_an_environment_runs_elsewhere(
    channel: CondaChannel, conda_site: BuildSite, folder: Path, tmp_path: Path
) -> None:
    channel.add("first", scripts={"tell": "first:tell"}, depends=["second >=2"])
    channel.add("second", "1.0")
    channel.add("second", "2.0")
    steps: list[Step] = []
    found = await build(
        spec("first"), conda_site, folder, lambda progress: steps.append(progress.step)
    )
    assert [*dict.fromkeys(steps)] == [Step.LOCK, Step.INSTALL, Step.COMPILE, Step.PACK]
    assert found.archive == folder / f"{found.key}.tar.gz"
    assert [*folder.iterdir()] == [found.archive]
    assert (found.python, found.lock, found.problems) == (PYTHON, "", ())
    packages = [(each.name, each.version) for each in read_conda_lock(found.conda_lock)]
    assert packages == [("first", "1.0"), ("python", PYTHON), ("second", "2.0")]
    moved = unpack(found.archive, tmp_path / "moved")
    program = "import second, ssl, sqlite3, sys; print(second.v, sys.prefix)"
    assert run(moved, program, tmp_path) == f"2.0 {moved}"
    assert output(linked(moved, "tell")) == f"first {moved}"


async def test_what_depends_on_its_folder(
    channel: CondaChannel, conda_site: BuildSite, folder: Path, tmp_path: Path
) -> None:
    """Scripts find their interpreters; other files are listed, but not those of compilers."""
    text = f"root={PLACEHOLDER}/share\n".encode()
    shebang = f"#!{PLACEHOLDER}/bin/".encode()
    channel.add(
        "tools",
        files={
            "bin/isolated": Content(
                shebang + b"python3 -I\nimport sys; print(sys.flags.isolated)\n",
                is_program=True,
                prefix="text",
            ),
            "libexec/tools/far": Content(
                shebang + b"python\nimport sys; print(sys.prefix)\n", is_program=True, prefix="text"
            ),
            "bin/shell": Content(shebang + b"sh -e\necho sh\n", is_program=True, prefix="text"),
            "libexec/tools/wrapper": Content(
                b"#!/bin/bash\nroot=" + PLACEHOLDER.encode() + b"\necho ${root}/x\n",
                is_program=True,
                prefix="text",
            ),
            "bin/sh": Content(b'#!/bin/sh\nexec /bin/sh "$@"\n', is_program=True),
            "bin/.tools-post-link.sh": Content(b"touch /tmp/x\n", is_program=True),
            "etc/tools.conf": Content(text, prefix="text"),
            "lib/tools.so": Content(b"\x7fELF\0" + text + b"\0end\0", prefix="binary"),
            "lib/cmake/tools.cmake": Content(text, prefix="text"),
            "etc/conda/activate.d/tools.sh": b'export TOOLS="$CONDA_PREFIX/etc"\n',
            "ssl/cacert.pem": b"",
            "lib/R/etc/Makeconf": Content(text, prefix="text"),
        },
    )
    found = await built(spec("tools"), conda_site, folder)
    assert found.problems == (
        Problem("bin/.tools-post-link.sh", ProblemKind.LINK_SCRIPT, "tools"),
        Problem("etc/tools.conf", ProblemKind.CONDA_PATH),
        Problem("lib/tools.so", ProblemKind.CONDA_PATH),
    )
    assert found.archive is not None
    moved = unpack(found.archive, tmp_path / "moved")
    assert (moved / "etc" / "tools.conf").read_text() == f"root={WRITTEN_PREFIX}/share\n"
    assert output(linked(moved, "isolated")) == "1"
    assert output(moved / "libexec" / "tools" / "far") == str(moved)
    assert output(moved / "libexec" / "tools" / "wrapper") == f"{moved}/x"
    assert output(moved / "bin" / "shell", path=f"{moved}/bin:/usr/bin:/bin") == "sh"
    shown = '"$CONDA_PREFIX" "$TOOLS" "$SSL_CERT_FILE" "$RHOME"'
    script = f'. "$1"/bin/activate && echo {shown} && deactivate && echo "${{CONDA_PREFIX-}}"'
    activated = output("bash", "-euc", script, "bash", moved)
    assert activated.split() == [
        str(moved),
        *(f"{moved}/{each}" for each in ("etc", "ssl/cacert.pem", "lib/R")),
    ]


async def test_the_same_environment_in_another_folder_and_from_another_mirror(
    channel: CondaChannel, conda_site: BuildSite, folder: Path, wheels: Path, tmp_path: Path
) -> None:
    """Has the same key and the same bytes."""
    channel.add("first", scripts={"tell": "first:tell"})
    wheel(wheels, "second", requires=["first"])
    one = await built(spec("first", pip=["second"]), conda_site, folder)
    other_folder = tmp_path / "in" / "another" / "folder"
    other_folder.mkdir(parents=True)
    mirror = shutil.copytree(channel.folder, tmp_path / "mirror")
    other_site = dataclasses.replace(
        conda_site, conda_channels=[mirror.as_uri()], cache=str(tmp_path / "cache"), processes=1
    )
    two = await built(spec("first", pip=["second"]), other_site, other_folder)
    assert (one.key, one.sha256) == (two.key, two.sha256)
    assert one.archive is not None
    meta = [each for each in names(one.archive) if each.startswith("conda-meta/")]
    assert meta == ["conda-meta/first-1.0-0.json", f"conda-meta/python-{PYTHON}-0.json"]


async def test_packages_of_pip_are_resolved_around_those_of_conda(
    channel: CondaChannel, conda_site: BuildSite, folder: Path, wheels: Path, tmp_path: Path
) -> None:
    channel.add("first", "1.0")
    channel.add("first", "2.0")
    wheel(wheels, "first", "1.5")
    wheel(wheels, "second", "1.0", requires=["first<2"])
    wheel(wheels, "second", "2.0", requires=["first>=2"], scripts={"other": "second:main"})
    error = await failure(spec("first", pip=["second<2"]), conda_site, folder)
    assert error.step is Step.LOCK
    assert "first==2.0" in str(error)
    assert str(error).startswith("error: No solution found")
    specification = spec("first <2", pip=["second", "first>=0.5"])
    found = await built(specification, conda_site, folder)
    assert [line.split()[0] for line in found.lock.splitlines()[::2]] == ["second==1.0"]
    assert found.archive is not None
    moved = unpack(found.archive, tmp_path / "moved")
    assert run(moved, "import first, second; print(first.v, second.v)", tmp_path) == "1.0 1.0"


async def test_a_lock_of_pip_with_another_version_than_conda(
    channel: CondaChannel, conda_site: BuildSite, folder: Path, wheels: Path
) -> None:
    channel.add("first", "1.0")
    lock = pinned(wheel(wheels, "first", "2.0"))
    error = await failure(spec("first", lock=lock), conda_site, folder)
    assert "the lock has first 2.0, and conda has 1.0: remove it from one" in str(error)
    same = pinned(wheel(wheels, "first", "1.0"))
    never = f"{lock} ; python_version < '3'".replace(f" {lock.split()[1]}", "")
    never += f" {lock.split()[1]}"
    found = await built(spec("first", lock=f"{same}\n{never}\n"), conda_site, folder)
    assert found.problems == ()


async def test_a_lock_is_installed_as_it_is(
    channel: CondaChannel, conda_site: BuildSite, folder: Path
) -> None:
    channel.add("first", "1.0")
    lock = await conda_lock(spec("first"), conda_site, folder)
    channel.add("first", "2.0")
    no_channel = dataclasses.replace(conda_site, conda_channels=())
    assert await conda_lock(locked(lock), no_channel, folder) == lock
    found = await built(locked(lock), no_channel, folder)
    assert found.archive is not None
    assert "conda-meta/first-1.0-0.json" in names(found.archive)


async def test_another_file_than_the_locked_one(
    channel: CondaChannel, conda_site: BuildSite, folder: Path, tmp_path: Path
) -> None:
    site = dataclasses.replace(conda_site, cache=str(tmp_path / "own"))  # without the first file
    channel.add("first")
    lock = await conda_lock(spec("first"), site, folder)
    channel.add("first", files={"share/first": b"changed"})
    error = await failure(locked(lock), site, folder)
    assert error.step is Step.INSTALL
    assert "first-1.0-0.conda has the SHA-256 " in str(error)
    assert "the file has changed since it was locked" in str(error)


async def test_a_file_in_the_cache_that_was_changed_is_fetched_again(
    channel: CondaChannel, conda_site: BuildSite, folder: Path, tmp_path: Path
) -> None:
    channel.add("first", paths=["../x"], files={})  # refused after it was fetched
    site = dataclasses.replace(conda_site, cache=str(tmp_path / "own"))
    for _ in range(2):
        error = await failure(spec("first"), site, folder)
        assert "first-1.0-0.conda has a file outside of the environment" in str(error)
        (cached,) = (tmp_path / "own").rglob("first-1.0-0.conda")
        cached.write_bytes(b"changed")


@pytest.mark.parametrize(
    ("lock", "said"),
    [
        ("file:///c/linux-ppc64le/a-1-0.conda#{h}", "a-1-0.conda is for linux-ppc64le, not for "),
        ("file:///c/noarch/a-1-0.conda#{h}", "the lock has no package `python`: add it"),
        ("file:///c/noarch/python-3.8.1-0.conda#{h}", "has Python 3.8.1, not >=3.9"),
    ],
)
async def test_locks_that_cannot_be_installed(
    lock: str, said: str, conda_site: BuildSite, folder: Path
) -> None:
    error = await failure(locked(lock.replace("{h}", "a" * 64)), conda_site, folder)
    assert said in str(error)
    assert error.step is Step.LOCK


@pytest.mark.parametrize(
    ("packages", "said"),
    [
        (["missing"], "No candidates were found for missing *"),
        (["first", "second <2"], "second >=2"),
        (["first ==9"], "No candidates were found for first ==9"),
        (["first >"], "'first >' is not a conda package: unable to parse version spec: >"),
        (["python <3"], "python"),
        (["elsewhere::first"], "elsewhere"),
    ],
)
async def test_packages_without_a_solution(
    packages: list[str], said: str, channel: CondaChannel, conda_site: BuildSite, folder: Path
) -> None:
    channel.add("first", depends=["second >=2"])
    channel.add("second", "1.0")
    channel.add("second", "2.0")
    site = dataclasses.replace(conda_site, conda_channel_alias=channel.folder.parent.as_uri())
    error = await failure(spec(*packages), site, folder)
    assert error.step is Step.LOCK
    assert said in str(error)
    assert str(error).startswith("error: ")


async def test_the_wanted_python(conda_site: BuildSite, folder: Path) -> None:
    minor = f"3.{sys.version_info[1]}"
    for wanted in (minor, PYTHON, f">={minor},<4"):
        assert f"python-{PYTHON}" in await conda_lock(
            spec("python", python=wanted), conda_site, folder
        )
    error = await failure(spec("python", python="3.99"), conda_site, folder)
    assert "No candidates were found for python 3.99.*" in str(error)


@pytest.mark.parametrize("step", [Step.LOCK, Step.INSTALL, Step.COMPILE, Step.PACK])
async def test_nothing_is_left_after_a_cancellation(
    step: Step, channel: CondaChannel, conda_site: BuildSite, folder: Path
) -> None:
    channel.add("first")

    def say(progress: Progress) -> None:
        # While the package is installed, not before.
        if progress.step is step and (step is not Step.INSTALL or "installing" in progress.line):
            task.cancel()

    task = asyncio.get_running_loop().create_task(build(spec("first"), conda_site, folder, say))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [*folder.iterdir()] == []
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if _alive(path)]
    assert not [each for each in commands if bytes(folder) in each]


def _alive(path: Path) -> bool:
    try:
        return bool(path.read_bytes())
    except OSError:
        return False


async def test_a_full_disk(channel: CondaChannel, conda_site: BuildSite, folder: Path) -> None:
    channel.add("large", files={"share/large.bin": b"\0" * 9 * MEBIBYTE})
    with (
        files_end_at(8 * MEBIBYTE),
        pytest.raises(DiskFullError, match="no space is left") as caught,
    ):
        await built(spec("large"), conda_site, folder)
    assert caught.value.step is Step.INSTALL
    assert [*folder.iterdir()] == []


async def test_a_full_disk_of_the_cache(
    conda_site: BuildSite, folder: Path, tmp_path: Path
) -> None:
    site = dataclasses.replace(conda_site, cache=str(tmp_path / "own"))
    with files_end_at(MEBIBYTE), pytest.raises(DiskFullError, match="no space is left"):
        await built(spec("python"), site, folder)
    assert [*folder.iterdir()] == []
    assert not [
        each for each in (tmp_path / "own").rglob("*") if each.is_file() and "python" in each.name
    ]


async def test_what_a_killed_build_has_left_in_the_cache(
    channel: CondaChannel, conda_site: BuildSite, folder: Path, tmp_path: Path
) -> None:
    """It is deleted when it is old: before that, another build can be writing it."""
    channel.add("bad", files={}, paths=["../x"])
    site = dataclasses.replace(conda_site, cache=str(tmp_path / "own"))
    partial = tmp_path / "own" / "yarnhub-conda" / "packages" / "partial"
    partial.mkdir(parents=True)
    for name in ("old", "young"):
        (partial / name).touch()
    os.utime(partial / "old", (0, 0))
    await failure(spec("bad"), site, folder)
    assert [each.name for each in partial.iterdir()] == ["young"]
