"""Another distribution's files in the folder of ours."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import skein

SOURCES = Path(skein.__file__).parents[1]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages."""
    for package in ("skein", "yarnhub", "yarnspawner"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(SOURCES / package, tmp_path / package, ignore=ignored)
    return tmp_path


def install(site: Path, *files: str) -> None:
    folder = site / "skein-0.8.2.dist-info"
    folder.mkdir()
    (folder / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: skein\nVersion: 0.8.2\n")


def python(site: Path, program: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", program],
        env={"PYTHONPATH": str(site)},
        cwd=site,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


def test_alone_it_says_nothing(site: Path) -> None:
    assert python(site, "import skein; skein.Client; skein.kv") == ""


def test_two_owners_are_warned_of_with_what_mends_it(site: Path) -> None:
    install(site, "skein/__init__.py", "skein/core.py")
    said = python(site, "import skein; skein.kv")
    assert said.count("UserWarning: skein 0.8.2 is installed over yarnhub's package skein") == 1
    assert "pip uninstall --yes skein && pip install --force-reinstall --no-deps yarnhub" in said
    assert said.startswith("<string>:1"), "the line that imports it"


def test_files_of_skein_over_ours_are_warned_of(site: Path) -> None:
    # As in skein 0.8.2, whose module kv.py our package comes before.
    (site / "skein" / "__init__.py").write_text("from . import kv\n__version__ = '0.8.2'\n")
    (site / "skein" / "kv.py").write_text("")
    install(site, "skein/__init__.py", "skein/kv.py")
    assert "skein 0.8.2 is installed over" in python(site, "import skein")


def test_a_distribution_without_files_is_no_other_owner(site: Path) -> None:
    install(site, "skein-0.8.2.dist-info/METADATA")
    assert python(site, "import skein") == ""


def test_the_version_satisfies_programs_and_tells_ours(site: Path) -> None:
    version, _, ours = skein.__version__.partition("+")
    assert tuple(map(int, version.split("."))) >= (0, 8, 2)
    assert ours.startswith("yarnhub.")


DOCTOR = """
import asyncio
from yarnhub.integrations.doctor.installation import check_owners
found = asyncio.run(check_owners(None))
print(found.grade.name, found.what, found.mend)
"""


def test_the_doctor_sees_what_an_uninstalled_skein_has_taken_along(site: Path) -> None:
    alone = "-S"  # without the packages of this environment, which has ours, too
    assert python(site, DOCTOR, alone).startswith("OK ")
    (site / "skein" / "__init__.py").unlink()
    said = python(site, DOCTOR, alone)
    assert said.startswith("ERROR files of yarnhub's skein are missing")
    assert "pip install --force-reinstall --no-deps yarnhub" in said


def test_the_doctor_sees_a_skein_that_is_found_before_ours(site: Path) -> None:
    first = site / "first" / "skein"
    first.mkdir(parents=True)
    (first / "__init__.py").touch()
    path = f"import sys; sys.path.insert(0, {str(first.parent)!r})\n"
    said = python(site, path + DOCTOR)
    assert f"`import skein` finds {first / '__init__.py'}, which is not yarnhub's" in said
