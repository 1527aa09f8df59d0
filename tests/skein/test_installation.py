"""skein 0.8.2 in the folder of our package skein, as pip and uv put it there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import skein
from docs.blocks import PROJECT, blocks
from docs.session import commands

pytestmark = pytest.mark.timeout(300)

UV = Path(sys.executable).parent / "uv"
PAGE = PROJECT / "docs" / "howto" / "packages-for-skein.md"
TO_THE_INDEX = ("UV_", "PIP_", "SSL_CERT_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "HOME", "XDG_")
"""Variables, or beginnings of them, by which this machine reaches the package index."""

INSTALL = {"pip": "pip install", "uv": "uv pip install"}

DOCTOR = """
import asyncio
from yarnhub.integrations.doctor.installation import check_owners
found = asyncio.run(check_owners(None))
print(found.grade.name, found.what, found.mend)
"""


@dataclass(frozen=True)
class Environment:
    """A virtual environment with yarnhub, and the shell of its user."""

    folder: Path
    variables: dict[str, str]

    def __call__(self, command: str, *, fails: bool = False) -> str:
        """Run a command and return what it prints."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        said = done.stdout + done.stderr
        assert bool(done.returncode) is fails, said
        return said

    def python(self, program: str, *, fails: bool = False) -> str:
        """Run a program and return what it prints."""
        return self(f"cat <<'END' >program.py && python program.py\n{program}\nEND", fails=fails)


@pytest.fixture
def environment(wheel: Path, tmp_path: Path) -> Environment:
    constraint = tmp_path / "constraint.txt"
    sources = {"yarnhub": wheel, "cluster-pack": write_dependent(tmp_path)}
    constraint.write_text("".join(f"{name} @ {at.as_uri()}\n" for name, at in sources.items()))
    venv = tmp_path / "venv"
    variables = {
        name: value
        for name, value in os.environ.items()  # noqa: TID251  # for subprocesses
        if name.upper().startswith(TO_THE_INDEX)
    }
    variables |= {
        "PATH": os.pathsep.join([str(venv / "bin"), str(UV.parent), os.defpath]),
        "VIRTUAL_ENV": str(venv),
        "UV_CONSTRAINT": str(constraint),
        "PIP_CONSTRAINT": str(constraint),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_COMPILE": "1",
    }
    subprocess.run([UV, "venv", "-q", "--seed", "--python", sys.executable, venv], check=True)
    created = Environment(tmp_path, variables)
    created("uv pip install yarnhub")
    return created


def write_dependent(folder: Path) -> Path:
    """An empty wheel in place of cluster-pack, whose other dependencies take 200 MB."""
    path = folder / "cluster_pack-1.0-py3-none-any.whl"
    parts = {
        "METADATA": "Metadata-Version: 2.1\nName: cluster-pack\nVersion: 1.0\n"
        "Requires-Dist: skein\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(f"cluster_pack-1.0.dist-info/{name}", text)
    return path


def is_whole(environment: Environment) -> bool:
    """Whether skein is ours, silently and completely."""
    program = "import skein, skein.recipes; skein.Client; skein.kv; print(skein.__version__)"
    silent = environment.python(program) == f"{skein.__version__}\n"
    shown = environment("skein --version")
    return silent and shown.split()[-1] == skein.__version__


def repair(environment: Environment, message: str, installer: str) -> None:
    """Type what a message shows."""
    mend = re.search(r"To repair it: (?P<pip>.*?) +\(with uv: (?P<uv>.*?)\)\. ", message)
    assert mend, message
    assert f"$ {mend[installer]}\n" in PAGE.read_text("utf-8")
    environment(mend[installer])


def test_alone_it_says_nothing(environment: Environment) -> None:
    assert is_whole(environment)
    assert environment.python(DOCTOR).startswith("OK ")


@pytest.mark.parametrize("installer", INSTALL)
def test_skein_over_ours_is_refused(installer: str, environment: Environment) -> None:
    environment(f"{INSTALL[installer]} --no-deps skein==0.8.2")
    said = environment("python -c 'import skein'", fails=True)
    assert "ImportError: skein 0.8.2 has overwritten files of yarnhub's package skein" in said
    assert said.splitlines()[-1] in environment("skein --version", fails=True)
    found = environment.python(DOCTOR)
    assert found.startswith("ERROR skein also belongs to skein")

    repair(environment, said, installer)
    assert is_whole(environment)


def test_ours_over_skein_is_warned_of(environment: Environment) -> None:
    environment("uv pip uninstall yarnhub && uv pip install --no-deps skein==0.8.2")
    environment("uv pip install yarnhub")
    said = environment.python("import sys\nimport skein\nskein.Client, skein.kv\nimport skein")
    assert said.count("UserWarning") == 1
    assert "program.py:2: UserWarning: skein 0.8.2 is installed in the folder of" in said
    assert environment.python(DOCTOR).startswith("ERROR skein also belongs to skein")

    repair(environment, said, "uv")
    assert is_whole(environment)


def test_what_an_uninstalled_skein_deleted_is_named(environment: Environment) -> None:
    environment("uv pip install --no-deps skein==0.8.2 && uv pip uninstall skein")
    said = environment("python -c 'import skein.kv'", fails=True)
    assert "ImportError: files of yarnhub's package skein are missing" in said
    found = environment.python(DOCTOR)
    assert found.startswith("ERROR files of yarnhub's skein are missing")

    mend = re.search(r"or with uv `(.*?)`", found)
    assert mend
    environment(mend[1])
    assert is_whole(environment)


def test_the_doctor_sees_a_skein_that_is_found_before_ours(environment: Environment) -> None:
    environment("uv pip install --target first --no-deps skein==0.8.2")
    said = environment.python(f"import sys; sys.path.insert(0, 'first')\n{DOCTOR}")
    origin = environment.folder / "first" / "skein" / "__init__.py"
    assert f"ERROR `import skein` finds {origin}, which is not yarnhub's" in said


def test_the_version_satisfies_programs_and_tells_ours() -> None:
    version, _, ours = skein.__version__.partition("+")
    assert tuple(map(int, version.split("."))) >= (0, 8, 2)
    assert ours.startswith("yarnhub.")


# --- the page


def run_page(environment: Environment, test: str) -> None:
    """Type the commands of a page that a test runs."""
    found = [block for block in blocks(PAGE) if block.remark.endswith(f"::{test}")]
    assert found
    for block in found:
        for command in commands(block):
            environment(command.text)


def test_the_page_for_pip(environment: Environment) -> None:
    (empty,) = [block.text for block in blocks(PAGE) if "[project]" in block.text]
    (environment.folder / "skein-is-yarnhub").mkdir()
    (environment.folder / "skein-is-yarnhub" / "pyproject.toml").write_text(empty)
    run_page(environment, "test_the_page_for_pip")
    assert is_whole(environment)
    assert environment.python(DOCTOR).startswith("OK ")
    environment("pip uninstall --yes skein")
    assert is_whole(environment)


def test_the_page_for_uv(environment: Environment) -> None:
    run_page(environment, "test_the_page_for_uv")
    assert is_whole(environment)
