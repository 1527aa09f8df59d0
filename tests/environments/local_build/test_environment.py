"""Environments built of wheels in a folder."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import shutil
import sys
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import pytest

from environments.archives import names, run, unpack
from environments.wheels import pinned, wheel
from full_disk import files_end_at
from yarnhub.environments.errors import BuildError, DiskFullError
from yarnhub.environments.local_build.environment import build
from yarnhub.environments.problems import ProblemKind
from yarnhub.environments.progress import Progress, Step
from yarnhub.environments.specification import EnvironmentSpec

if TYPE_CHECKING:
    from yarnhub.environments.local_build.environment import BuiltEnvironment
    from yarnhub.environments.local_build.site import BuildSite

MEBIBYTE = 1 << 20
HERE = [each for each in Step if each is not Step.PUBLISH]
"""The steps of a build on this machine."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "builds"
    found.mkdir()
    return found


def spec(*pip: str, **others: str) -> EnvironmentSpec:
    return EnvironmentSpec.from_dict({"name": "x", "pip": list(pip), **others})


async def built(specification: EnvironmentSpec, site: BuildSite, folder: Path) -> BuiltEnvironment:
    return await build(specification, site, folder, lambda _: None)


async def failure(specification: EnvironmentSpec, site: BuildSite, folder: Path) -> BuildError:
    """The error of a build that leaves nothing in its folder."""
    with pytest.raises(BuildError) as caught:
        await built(specification, site, folder)
    assert [*folder.iterdir()] == []
    return caught.value


async def test_an_environment_runs_elsewhere(
    wheels: Path, site: BuildSite, folder: Path, tmp_path: Path
) -> None:
    wheel(wheels, "first", requires=["second>=1"], scripts={"tell": "first:tell"})
    wheel(wheels, "second", "2.0")
    steps: list[Step] = []

    def say(progress: Progress) -> None:
        if progress.step not in steps:
            steps.append(progress.step)

    found = await build(spec("first"), site, folder, say)
    assert steps == HERE
    assert found.archive == folder / f"{found.key}.tar.gz"
    assert [*folder.iterdir()] == [found.archive]
    assert found.archive.stat().st_mode & 0o777 == 0o600
    assert found.sha256 == hashlib.sha256(found.archive.read_bytes()).hexdigest()
    assert [line[:11] for line in found.lock.splitlines()[::2]] == ["first==1.0 ", "second==2.0"]
    assert found.problems == ()
    moved = unpack(found.archive, tmp_path / "moved")
    program = "import second, sys; print(second.v, sys.prefix, second.__cached__)"
    version, prefix, cached = run(moved, program, tmp_path).split()
    assert (version, prefix) == ("2.0", str(moved))
    assert (moved / cached).is_file()


async def test_the_same_environment_in_another_folder_and_with_another_cache(
    wheels: Path, site: BuildSite, folder: Path, tmp_path: Path
) -> None:
    """Has the same key and the same bytes."""
    wheel(wheels, "first", scripts={"tell": "first:tell"})
    one = await built(spec("first"), site, folder)
    other_folder = tmp_path / "in" / "another" / "folder"
    other_folder.mkdir(parents=True)
    other_wheels = shutil.copytree(wheels, tmp_path / "copied")
    other_site = type(site)(
        find_links=[str(other_wheels)], no_index=True, cache=str(tmp_path / "cache"), processes=1
    )
    two = await built(spec("first"), other_site, other_folder)
    assert (one.key, one.sha256, one.lock) == (two.key, two.sha256, two.lock)


async def test_it_ends_with_the_lock_if_it_exists(
    wheels: Path, site: BuildSite, folder: Path
) -> None:
    wheel(wheels, "first")
    asked = []

    async def exists(key: str) -> bool:
        asked.append(key)
        return True

    found = await build(spec("first"), site, folder, lambda _: None, exists=exists)
    assert (asked, found.archive, found.sha256) == ([found.key], None, "")
    assert [*folder.iterdir()] == []


async def test_a_lock_is_installed_as_it_is(wheels: Path, site: BuildSite, folder: Path) -> None:
    old, _ = wheel(wheels, "first", "1.0"), wheel(wheels, "first", "2.0")
    found = await built(EnvironmentSpec(name="x", lock=pinned(old)), site, folder)
    assert found.lock.split()[0] == "first==1.0"


@pytest.mark.parametrize(
    ("pip", "said"),
    [
        (["missing"], "missing was not found in the provided package locations"),
        (["first", "second<2"], "all versions of first depend on second>=2"),
        (["newer"], "newer==1.0 requires Python >=3.99"),
        (["source"], "source==1.0 has no usable wheels"),
    ],
)
async def test_requirements_without_a_solution(
    pip: list[str], said: str, wheels: Path, site: BuildSite, folder: Path
) -> None:
    wheel(wheels, "first", requires=["second>=2"])
    wheel(wheels, "second", "1.0")
    wheel(wheels, "second", "2.0")
    wheel(wheels, "newer", python=">=3.99")
    (wheels / "source-1.0.tar.gz").write_bytes(b"")
    error = await failure(spec(*pip), site, folder)
    assert error.step is Step.LOCK
    with pytest.raises(BuildError, match=said):
        raise error
    assert str(error).startswith("error: No solution found")


async def test_another_file_than_the_locked_one(
    wheels: Path, site: BuildSite, folder: Path
) -> None:
    lock = pinned(wheel(wheels, "first", files={"first.py": b"v = 1"}))
    wheel(wheels, "first", files={"first.py": b"v = 2"})
    error = await failure(EnvironmentSpec(name="x", lock=lock), site, folder)
    assert error.step is Step.INSTALL
    assert "Hash mismatch for `first==1.0`" in str(error)


async def test_a_python_that_does_not_exist(wheels: Path, site: BuildSite, folder: Path) -> None:
    wheel(wheels, "first")
    error = await failure(spec("first", python="3.99"), site, folder)
    assert error.step is Step.INTERPRETER
    assert "This machine has no Python 3.99: request another version" in str(error)


async def test_an_index_that_does_not_respond(
    site: BuildSite, folder: Path, unused_tcp_port: int
) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}/simple"
    error = await failure(spec("first"), type(site)(index_url=url, cache=site.cache), folder)
    assert error.step is Step.LOCK
    assert f"Failed to fetch: {url}/first/" in str(error)


@pytest.mark.parametrize(
    ("file", "scripts", "said"),
    [
        ("bad.py", {"../../x": "bad:f"}, "Script path must resolve to a file within the scripts"),
        ("bad-1.0.data/scripts/python3", None, "Scripts must not use the reserved name"),
        ("bad-1.0.data/data/bin/python", None, "Scripts must not use the reserved name"),
        (
            f"bad-1.0.data/data/lib/python3.{sys.version_info[1]}/os.py",
            None,
            "replaces a file of the interpreter: ../os.py",
        ),
    ],
)
async def test_a_wheel_that_writes_elsewhere_is_refused(
    file: str,
    scripts: dict[str, str] | None,
    said: str,
    wheels: Path,
    site: BuildSite,
    folder: Path,
    tmp_path: Path,
) -> None:
    before = {each.name for each in tmp_path.iterdir()}
    wheel(wheels, "bad", files={file: b"x"}, scripts=scripts)
    error = await failure(spec("bad"), site, folder)
    assert error.step is Step.INSTALL
    assert said in str(error)
    assert str(error).startswith(("error: ", "the environment is refused: the package bad-1.0 "))
    assert {each.name for each in tmp_path.iterdir()} == before


STDLIB = f"python3.{sys.version_info[1]}"


@pytest.mark.parametrize(
    "file",
    [
        f"lib/python3{sys.version_info[1]}.zip",
        f"lib/{STDLIB}/ssl/__init__.py",
        f"lib/{STDLIB}/lib-dynload/numpy.py",
        "lib/libc.so.6",
        "lib/libm.so.6",
        "lib/glibc-hwcaps/x86-64-v2/libcrypto.so.3",
        "pyvenv.cfg",
        "bin/pyvenv.cfg",
        f"bin/{STDLIB}._pth",
        "bin/pybuilddir.txt",
        "bin/Modules/Setup.local",
    ],
)
async def test_a_wheel_that_takes_over_the_interpreter_is_refused(
    file: str, wheels: Path, site: BuildSite, folder: Path
) -> None:
    wheel(wheels, "bad", files={f"bad-1.0.data/data/{file}": b"x"})
    error = await failure(spec("bad"), site, folder)
    assert error.step is Step.INSTALL
    assert "the package bad-1.0 takes over the interpreter with the file " in str(error)
    assert str(error).endswith(file.removeprefix(f"lib/{STDLIB}/").removeprefix("lib/"))


async def test_libraries_and_other_data_of_wheels_are_installed(
    wheels: Path, site: BuildSite, folder: Path
) -> None:
    files = [
        *("lib/libmkl_rt.so.2", f"lib/{STDLIB}/site-packages/more.py", "share/first/pyvenv.cfg"),
        f"lib/{STDLIB}/site-packages/first.libs/libz.so.1",
    ]
    wheel(wheels, "first", files={f"first-1.0.data/data/{each}": b"x" for each in files})
    found = await built(spec("first"), site, folder)
    assert found.archive is not None
    assert {*files} <= {*names(found.archive)}


async def test_files_of_a_wheel_that_are_elsewhere_are_left_out(
    wheels: Path, site: BuildSite, folder: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    files = ["../outside", f"{outside}", "bad-1.0.data/data/../../../../../outside", "bad.py"]
    wheel(wheels, "bad", files=dict.fromkeys(files, b"x = 1"))
    found = await built(spec("bad"), site, folder)
    assert found.archive is not None
    inside = [each for each in names(found.archive) if "outside" in each or each.endswith("bad.py")]
    assert [PurePath(each).name for each in inside] == ["bad.py"]
    assert not [*tmp_path.rglob("outside")]


async def test_files_of_two_packages_are_listed(
    wheels: Path, site: BuildSite, folder: Path
) -> None:
    same = {"tests/__init__.py": b"x = 1\n"}
    wheel(wheels, "first", files={**same, "tests/data.py": b"x = 1\n"})
    wheel(wheels, "second", files={**same, "tests/data.py": b"x = 2\n"})
    (problem,) = (await built(spec("first", "second"), site, folder)).problems
    assert problem.file.endswith("site-packages/tests/data.py")
    assert "is a different file in first-1.0 and second-1.0" in str(problem)


async def test_the_cached_interpreter_is_not_changed(
    wheels: Path, site: BuildSite, folder: Path
) -> None:
    wheel(wheels, "first")
    before = await built(spec("first"), site, folder)
    wheel(wheels, "bad", files={"bad-1.0.data/data/bin/python3": b"x"})
    with pytest.raises(BuildError):
        await built(spec("bad"), site, folder)
    assert (await built(spec("first"), site, folder)).sha256 == before.sha256


async def test_what_cannot_be_compiled_and_build_paths_are_listed(
    wheels: Path, site: BuildSite, folder: Path
) -> None:
    files = {"first.py": b"v = 1", "first/template.py": b"print 'x'", "first/bytes.py": b"\0"}
    wheel(wheels, "first", files=files, scripts={"tell": "first:tell"})
    found = await built(spec("first"), site, folder)
    python = f"lib/python3.{sys.version_info[1]}/site-packages/first"
    assert sorted((each.file, each.kind) for each in found.problems) == [
        (f"{python}/bytes.py", ProblemKind.NOT_COMPILED),
        (f"{python}/template.py", ProblemKind.NOT_COMPILED),
    ]
    assert "cannot be compiled, and cannot be imported: " in str(found.problems[0])


@pytest.mark.parametrize("step", HERE)
async def test_nothing_is_left_after_a_cancellation(
    step: Step, wheels: Path, site: BuildSite, folder: Path
) -> None:
    wheel(wheels, "first")

    def say(progress: Progress) -> None:
        if progress.step is step:
            task.cancel()

    task = asyncio.get_running_loop().create_task(build(spec("first"), site, folder, say))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [*folder.iterdir()] == []


async def test_nothing_is_left_after_a_cancellation_while_it_cleans_up(
    wheels: Path, site: BuildSite, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(wheels, "first")
    loop = asyncio.get_running_loop()
    rmtree = shutil.rmtree

    def cancelled(path: Path, *, ignore_errors: bool = False) -> None:
        if path.is_relative_to(folder):
            loop.call_soon_threadsafe(task.cancel)
        rmtree(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", cancelled)
    task = loop.create_task(built(spec("first"), site, folder))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [*folder.iterdir()] == []


async def test_the_folder_of_a_running_build_stays(
    wheels: Path, site: BuildSite, folder: Path
) -> None:
    wheel(wheels, "first")
    targets = [folder / "one.tar.gz", folder / "two.tar.gz"]
    one, two = await asyncio.gather(  # noqa: TID251  # two builds at the same time, no more
        *(build(spec("first"), site, folder, lambda _: None, target=each) for each in targets)
    )
    assert (one.key, one.sha256) == (two.key, two.sha256)
    assert [one.archive, two.archive] == targets == sorted(folder.iterdir())


@pytest.mark.parametrize(
    ("size", "step"),
    [(4, Step.INSTALL), (12, Step.PACK)],
)
async def test_a_full_disk(
    size: int, step: Step, wheels: Path, site: BuildSite, folder: Path
) -> None:
    wheel(wheels, "first")
    with files_end_at(size * MEBIBYTE), pytest.raises(DiskFullError) as caught:
        await built(spec("first"), site, folder)
    assert caught.value.step is step
    assert f"no space is left on the disk of {folder}" in str(caught.value)
    assert [*folder.iterdir()] == []


async def test_a_full_disk_of_the_cache(
    wheels: Path, site: BuildSite, folder: Path, tmp_path: Path
) -> None:
    wheel(wheels, "first")
    own = type(site)(find_links=site.find_links, no_index=True, cache=str(tmp_path / "own"))
    with files_end_at(MEBIBYTE), pytest.raises(DiskFullError) as caught:
        await built(spec("first"), own, folder)
    assert caught.value.step is Step.INTERPRETER
    assert f"no space is left on the disk of {tmp_path / 'own'}" in str(caught.value)


async def test_a_damaged_list_of_files_is_refused(
    wheels: Path, site: BuildSite, folder: Path
) -> None:
    wheel(wheels, "bad")
    limit = csv.field_size_limit(10)  # instead of a name with 131073 characters
    try:
        error = await failure(spec("bad"), site, folder)
    finally:
        csv.field_size_limit(limit)
    assert "the list of files of bad-1.0 is damaged" in str(error)


async def test_an_activate_of_a_package_stays_in_the_cache(
    wheels: Path, site: BuildSite, folder: Path, tmp_path: Path
) -> None:
    wheel(wheels, "first", files={"first-1.0.data/data/bin/activate": b"echo of the package\n"})
    found = await built(spec("first"), site, folder)
    assert found.archive is not None
    assert "deactivate" in (unpack(found.archive, tmp_path / "x") / "bin" / "activate").read_text()
    cached = [path.read_text() for path in Path(site.cache).rglob("activate")]
    assert "echo of the package\n" in cached


async def test_a_full_disk_while_uv_installs(wheels: Path, site: BuildSite, folder: Path) -> None:
    wheel(wheels, "large", files={"large.bin": b"\0" * 9 * MEBIBYTE})
    with files_end_at(8 * MEBIBYTE), pytest.raises(DiskFullError, match="no space is left"):
        await built(spec("large"), site, folder)
    assert [*folder.iterdir()] == []


async def test_a_folder_that_does_not_exist(site: BuildSite, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"missing cannot be used for builds: No such file"):
        await built(spec("first"), site, tmp_path / "missing")
