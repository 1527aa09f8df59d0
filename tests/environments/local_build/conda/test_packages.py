"""Conda packages that are damaged, or write where they must not."""

from __future__ import annotations

import hashlib
import sys
from typing import TYPE_CHECKING

import pytest

from environments.archives import names, run, unpack
from environments.local_build.conda.building import built, failure, spec
from environments.wheels import wheel
from yarnhub.environments.progress import Step

if TYPE_CHECKING:
    from pathlib import Path

    from environments.local_build.conda.channel import CondaChannel
    from yarnhub.environments.local_build.site import BuildSite

LIBRARY = f"lib/python3.{sys.version_info[1]}"


@pytest.mark.parametrize(
    ("paths", "links", "said"),
    [
        (["../outside"], {}, "bad-1.0-0.conda has a file outside of the environment: ../outside"),
        (["/tmp/outside"], {}, "has a file outside of the environment: /tmp/outside"),
        (["share/up/outside"], {"share/up": "../.."}, "but share/up is a link of bad-1.0-0.conda"),
    ],
)
async def test_a_package_that_writes_elsewhere_is_refused(
    paths: list[str],
    links: dict[str, str],
    said: str,
    channel: CondaChannel,
    conda_site: BuildSite,
    folder: Path,
    tmp_path: Path,
) -> None:
    before = {each.name for each in tmp_path.iterdir()}
    channel.add("bad", files={}, paths=paths, links=links)
    error = await failure(spec("bad"), conda_site, folder)
    assert error.step is Step.INSTALL
    assert said in str(error)
    assert {each.name for each in tmp_path.iterdir()} == before


async def test_a_link_to_elsewhere_is_refused(
    channel: CondaChannel, conda_site: BuildSite, folder: Path
) -> None:
    channel.add("bad", files={}, links={"share/passwords": "/etc/passwd"})
    error = await failure(spec("bad"), conda_site, folder)
    assert "share/passwords is a link to /etc/passwd, which is outside of it" in str(error)


async def test_a_package_with_another_description_is_refused(
    channel: CondaChannel, conda_site: BuildSite, folder: Path
) -> None:
    channel.add("first", described="second")
    error = await failure(spec("first"), conda_site, folder)
    assert "first-1.0-0.conda is another package: second-1.0-0" in str(error)


async def test_a_build_runs_no_code_of_packages(
    channel: CondaChannel, conda_site: BuildSite, wheels: Path, folder: Path, tmp_path: Path
) -> None:
    """Python runs these files whenever it starts; a build has the site's credentials."""
    ran = tmp_path / "ran"
    code = f"import os; open({str(ran)!r}, 'a').write(__name__)\n".encode()
    files = {
        f"{where}/{name}": code
        for where in (f"{LIBRARY}/site-packages", LIBRARY)
        for name in ("code.pth", "sitecustomize.py", "usercustomize.py")
    }
    channel.add("first", files=files, subdir="linux-64")
    wheel(wheels, "second", files={"second.pth": code, "second.py": b""})
    found = await built(spec("first", pip=["second"]), conda_site, folder)
    assert not ran.exists()
    assert found.archive is not None
    moved = unpack(found.archive, tmp_path / "moved")
    assert {*files, f"{LIBRARY}/site-packages/second.pth"} <= {*names(found.archive)}
    run(moved, "pass", tmp_path)
    assert ran.exists()


@pytest.mark.parametrize(
    "file",
    [
        "pyvenv.cfg",
        "bin/pyvenv.cfg",
        f"bin/python3.{sys.version_info[1]}._pth",
        f"lib/python3{sys.version_info[1]}.zip",
    ],
)
async def test_a_package_that_takes_over_the_interpreter_is_refused(
    file: str, channel: CondaChannel, conda_site: BuildSite, folder: Path
) -> None:
    channel.add("bad", files={file: b"home = /tmp\n"})
    error = await failure(spec("bad"), conda_site, folder)
    assert error.step is Step.INSTALL
    assert str(error).endswith(
        f"the conda package bad takes over the interpreter with the file {file}"
    )


async def test_a_damaged_package(
    channel: CondaChannel, conda_site: BuildSite, folder: Path
) -> None:
    file = channel.file("broken")
    file.write_bytes(b"not an archive")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    index = {"name": "broken", "version": "1.0", "build": "0", "build_number": 0, "depends": []}
    channel.record(file, {**index, "subdir": "noarch", "sha256": digest, "size": 14})
    error = await failure(spec("broken"), conda_site, folder)
    assert error.step is Step.INSTALL
    assert str(error).startswith("error: broken-1.0-0.conda is not a package: ")


async def test_files_of_two_packages_are_listed(
    channel: CondaChannel, conda_site: BuildSite, wheels: Path, folder: Path
) -> None:
    channel.add("first", files={"share/same": b"1", "share/other": b"1"})
    channel.add("second", files={"share/same": b"1", "share/other": b"2"})
    channel.add("third")
    wheel(wheels, "fourth", files={"third.py": b"v = 4\n"})
    specification = spec("first", "second", "third", pip=["fourth"])
    one, two = (await built(specification, conda_site, folder)).problems
    assert one.file == "share/other"
    assert "is a different file in" in str(one)
    assert two.file == f"{LIBRARY}/site-packages/third.py"
    assert "is a different file in a conda package and fourth-1.0" in str(two)
