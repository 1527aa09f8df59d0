"""Locks of indexes that need a login, and of projects with a uv.lock."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import PurePath
from typing import TYPE_CHECKING

import pytest

from environments.archives import names
from environments.folder_server import LOGIN, Folder, netrc, proxy, serving
from environments.wheels import wheel
from yarnhub.environments.errors import BuildError
from yarnhub.environments.local_build.environment import build, project_lock
from yarnhub.environments.local_build.programs import find_programs
from yarnhub.environments.local_build.site import BuildSite
from yarnhub.environments.progress import Step
from yarnhub.environments.specification import EnvironmentSpec
from yarnhub.environments.specification_file import read_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from yarnhub.environments.specification_file import SpecificationFile

WINDOWS = "second; sys_platform == 'win32'"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """The URL of a server with `public` and `private` indexes with two packages."""
    for name in ("public", "private"):
        for file in (
            wheel(tmp_path / "index" / name / "first", "first", requires=[WINDOWS]),
            wheel(tmp_path / "index" / name / "second", "second"),
        ):
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            link = f'<a href="{file.name}#sha256={digest}">{file.name}</a>'
            (file.parent / "index.html").write_text(link)
    with serving(Folder, tmp_path / "index") as url:
        yield url


async def test_an_index_with_a_login(index: str, cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "builds"
    folder.mkdir()
    specification = EnvironmentSpec(name="x", pip=["first"])
    site = BuildSite(index_url=f"{index}/private", netrc=netrc(tmp_path), cache=str(cache))
    said: list[str] = []
    built = await build(specification, site, folder, lambda each: said.append(each.line))
    assert built.lock.startswith("first==1.0")
    assert "secret-of-alice" not in "\n".join([*said, built.lock])


@pytest.mark.parametrize(("scheme", "host"), [("", "one.invalid"), ("http://", "two.invalid")])
async def test_an_index_behind_a_proxy_with_a_login(
    scheme: str, host: str, index: str, cache: Path, tmp_path: Path
) -> None:
    del index  # its folder is what the proxy serves
    seen: list[tuple[str, str | None]] = []

    with serving(proxy(seen), tmp_path / "index") as address:
        login = f"{scheme}alice:secret-of-alice@{address.removeprefix('http://')}"
        site = BuildSite(index_url=f"http://{host}/public", http_proxy=login, cache=str(cache))
        specification = EnvironmentSpec(name="x", pip=["second"])
        said: list[str] = []
        built = await build(specification, site, tmp_path, lambda each: said.append(each.line))
    assert (f"http://{host}/public/second/", LOGIN) in seen
    assert built.lock.startswith("second==1.0")
    assert "secret-of-alice" not in "\n".join([*said, built.lock])
    with pytest.raises(BuildError, match=f"{host}/public/first") as caught:
        await build(EnvironmentSpec(name="x", pip=["first"]), site, tmp_path, lambda _: None)
    assert "secret-of-alice" not in str(caught.value)


async def test_an_index_that_refuses_the_login(index: str, tmp_path: Path) -> None:
    specification = EnvironmentSpec(name="x", pip=["first"])
    site = BuildSite(index_url=f"{index}/private")
    with pytest.raises(BuildError, match=r"(?i)401|unauthorized") as caught:
        await build(specification, site, tmp_path, lambda _: None)
    assert caught.value.step is Step.LOCK


def project(folder: Path, index: str) -> Path:
    """A project with a uv.lock, which has another dependency for Windows."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "tool"\nversion = "1"\nrequires-python = ">=3.9"\n'
        'dependencies = ["first"]\n'
        f'[[tool.uv.index]]\nurl = "{index}/public"\ndefault = true\n'
    )
    uv = [
        str(find_programs().uv),
        "lock",
        "--quiet",
        "--project",
        str(folder),
        "--no-python-downloads",
    ]
    subprocess.run(uv, check=True, timeout=60)
    return folder / "pyproject.toml"


@pytest.fixture
def locked(tmp_path: Path, index: str) -> SpecificationFile:
    return read_file(project(tmp_path / "project", index))


async def test_a_project_with_a_lock_of_uv(
    locked: SpecificationFile, index: str, cache: Path, tmp_path: Path
) -> None:
    assert locked.uv_project == tmp_path / "project"
    newer = wheel(tmp_path / "index" / "public" / "first", "first", "2.0")
    with (newer.parent / "index.html").open("a") as page:
        page.write(f'<a href="{newer.name}">{newer.name}</a>')
    folder = tmp_path / "builds"
    folder.mkdir()
    site = BuildSite(index_url=f"{index}/public", cache=str(cache))
    lock = await project_lock(locked.uv_project, site, folder)
    specification = locked.with_lock(lock)
    assert [(each.name, each.version) for each in specification.locked] == [
        ("first", "1.0"),
        ("second", "1.0"),
    ]
    assert "win32" in specification.locked[1].marker
    built = await build(specification, site, folder, lambda _: None)
    assert built.archive is not None
    assert [*folder.iterdir()] == [built.archive]
    packages = [each for each in names(built.archive) if each.endswith(".dist-info")]
    assert [PurePath(each).name for each in packages] == ["first-1.0.dist-info"]


async def test_a_lock_of_uv_with_many_packages(tmp_path: Path) -> None:
    """It has more lines than an error of uv keeps."""
    packages = [f"package{number}" for number in range(150)]
    wanted = "".join(f'    {{ name = "{name}" }},\n' for name in packages)
    digest = f"sha256:{'0' * 64}"
    entries = "".join(
        f'[[package]]\nname = "{name}"\nversion = "1.0"\n'
        'source = { registry = "https://host/simple" }\n'
        f'wheels = [{{ url = "https://host/{name}-1.0-py3-none-any.whl", hash = "{digest}" }}]\n'
        for name in packages
    )
    (tmp_path / "uv.lock").write_text(
        f'version = 1\nrequires-python = ">=3.9"\n{entries}[[package]]\nname = "tool"\n'
        f'version = "1"\nsource = {{ virtual = "." }}\ndependencies = [\n{wanted}]\n'
    )
    listed = ", ".join(f'"{name}"' for name in packages)
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "tool"\nversion = "1"\nrequires-python = ">=3.9"\n'
        f"dependencies = [{listed}]\n"
    )
    found = read_file(tmp_path / "pyproject.toml")
    lock = await project_lock(tmp_path, BuildSite(), tmp_path)
    assert {each.name for each in found.with_lock(lock).locked} == {*packages}


async def test_a_lock_of_uv_that_is_damaged(locked: SpecificationFile, tmp_path: Path) -> None:
    (tmp_path / "project" / "uv.lock").write_text("version = 1\nnonsense")
    assert locked.uv_project is not None
    with pytest.raises(BuildError, match="error: "):
        await project_lock(locked.uv_project, BuildSite(), tmp_path)
