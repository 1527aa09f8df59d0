"""An environment with Jupyter's kernel: unpacked elsewhere, with all that built it hidden."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from environments import r_packages
from environments.archives import unpack
from yarnhub.environments.local_build.environment import build
from yarnhub.environments.problems import Problem, ProblemKind
from yarnhub.environments.specification import Conda, EnvironmentSpec
from yarnhub.kernels import kernelspec_file

if TYPE_CHECKING:
    from environments.local_build.conda.channel import CondaChannel
    from yarnhub.environments.local_build.site import BuildSite

PROGRAM = Path(__file__).with_name("moved_program.py")
R_PROGRAM = Path(__file__).with_name("moved_r_program.py")


@pytest.fixture(params=["copied Python", "conda's Python"])
async def environment(
    request: pytest.FixtureRequest,
    index_site: BuildSite,
    python_channel: CondaChannel,
    tmp_path: Path,
) -> Path:
    (tmp_path / "builder").mkdir()
    conda = Conda()
    if request.param == "conda's Python":
        conda = Conda(channels=[python_channel.url], packages=["python"])
    specification = EnvironmentSpec(name="kernel", pip=["ipykernel", "six"], conda=conda)
    built = await build(specification, index_site, tmp_path / "builder", lambda _: None)
    assert built.archive is not None
    assert [each for each in built.problems if "site-packages" not in each.file] == []
    return unpack(built.archive, tmp_path / "moved")


def hidden(program: Path, folders: list[Path]) -> list[str]:
    """A command that runs another one where these do not exist, if possible as `nobody`."""
    mounts = [f"mount -t tmpfs none '{each}'" for each in folders]
    script = "; ".join([f"mount --bind /dev/null '{program}'", *mounts])
    if os.geteuid() == 0:
        drop = "exec setpriv --reuid 65534 --regid 65534 --clear-groups"
        return ["unshare", "--mount", "sh", "-ec", f'{script}; {drop} "$@"', "sh"]
    return ["unshare", "--map-root-user", "--mount", "sh", "-ec", f'{script}; exec "$@"', "sh"]


def run_hidden(
    environment: Path, hide: list[Path], home: Path, source: Path = PROGRAM
) -> dict[str, object]:
    """What a program finds in the environment, by default `moved_program`."""
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    program = home / source.name
    program.write_text(source.read_text())
    # pytest's own folders are private, also again as soon as another pytest starts.
    for each in environment.parents:
        if each.stat().st_uid == os.geteuid() and each.is_relative_to(tempfile.gettempdir()):
            each.chmod(each.stat().st_mode | 0o055)
    activated = ["bash", "-c", '. "$1"/bin/activate && python "$2"', "bash"]
    done = subprocess.run(
        [*hidden(base, hide), *activated, str(environment), str(program)],
        env={
            "HOME": str(home),
            "PATH": os.defpath,
            "LC_ALL": "C.UTF-8",
            "JUPYTER_PATH": str(home),
            "TMPDIR": str(home),  # R that is killed leaves a folder
        },
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of any user."""
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o777)
    return home


def test_it_runs_elsewhere_with_everything_hidden(
    environment: Path, cache: Path, python_channel: CondaChannel, home: Path, tmp_path: Path
) -> None:
    builder = [tmp_path / "builder", cache, python_channel.folder]
    hide = [*builder, Path(os.__file__).parent, Path(sys.prefix)]
    found = run_hidden(environment, hide, home)
    jupyter = str(found.pop("jupyter"))
    assert jupyter.startswith("Selected Jupyter core packages")
    assert found == {
        "prefix": str(environment),
        "child": str(environment),
        "spawned": [str(environment)] * 2,
        "kernel": repr(str(environment)),
        "elsewhere": [],
    }


async def test_r_runs_elsewhere_with_everything_hidden(
    index_site: BuildSite, channel: CondaChannel, cache: Path, home: Path, tmp_path: Path
) -> None:
    r_packages.add_r(channel)
    (tmp_path / "builder").mkdir()
    conda = Conda(channels=[channel.url], packages=["r-irkernel"])
    specification = EnvironmentSpec(name="statistics", conda=conda, pip=["jupyter_client"])
    built = await build(specification, index_site, tmp_path / "builder", lambda _: None)
    assert built.archive is not None
    problems = [each for each in built.problems if "site-packages" not in each.file]
    assert problems == [Problem("lib/R/etc/ldpaths", ProblemKind.CONDA_PATH)]
    environment = unpack(built.archive, tmp_path / "moved")
    kernelspec = home / "kernels" / "r" / "kernel.json"
    kernelspec.parent.mkdir(parents=True)
    kernelspec.write_text(json.dumps(kernelspec_file.R))
    hide = [tmp_path / "builder", cache, channel.folder, *r_packages.FOLDERS]
    r_home, library = f"{environment}/lib/R", f"{environment}/lib/R/library"
    found = run_hidden(environment, hide, home, R_PROGRAM)
    mapped = found.pop("mapped")
    assert isinstance(mapped, list)
    assert f"{r_home}/lib/libR.so" in mapped
    assert [each for each in mapped if not each.startswith(r_home)] == []
    assert found == {
        "answer": [42],
        "home": [r_home],
        "share": [f"{r_home}/share"],
        "libraries": [library],
        "kernel": [f"{library}/IRkernel"],
        "child": [r_home],
    }
