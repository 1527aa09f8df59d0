"""Jupyter's own tests of kernels, sessions, websockets and clients, with our managers.

They are in the source distributions only. `excluded.txt` lists those that do not run here, with the
reasons; `plugin.py` has what differs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

pytestmark = pytest.mark.jupyter

TESTS = Path(__file__).parents[3]
PLUGIN = "integrations.kernels.upstream.plugin"


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("package", "paths"),
    [
        ("jupyter_server", ("services/kernels", "services/sessions")),
        ("jupyter_client", ("test_client.py",)),
    ],
)
def test_the_tests_of(package: str, paths: tuple[str, ...], tmp_path: Path) -> None:
    download(package, tmp_path)
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", PLUGIN, "-p", "no:asyncio"),
        *("-p", "no:cacheprovider", "--rootdir", str(tmp_path), "--timeout", "120"),
    ]
    done = subprocess.run(
        [*command, *(f"{package}/tests/{path}" for path in paths)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(TESTS)},  # noqa: TID251
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout.splitlines()[-1]


def download(package: str, folder: Path) -> None:
    """Put the tests of the installed version of a package into a folder."""
    python = Path(sys.executable)
    uv = shutil.which("uv", path=f"{python.parent}{os.pathsep}{os.environ['PATH']}") or "uv"  # noqa: TID251
    pip = (uv, "run", "-q", "--no-project", "--python", python.resolve(), "--with", "pip")
    wanted = f"{package}=={version(package)}"
    build = ("hatchling", "hatch-jupyter-builder")
    subprocess.run(
        [
            *(*pip, "python", "-m", "pip", "download", "-q", "--no-deps", "-d", folder, wanted),
            *("--no-binary", ":all:", "--only-binary", ",".join(build)),
        ],
        check=True,
    )
    (archive,) = folder.glob("*.tar.gz")
    shutil.unpack_archive(archive, folder)
    (folder / package).mkdir()
    unpacked = folder / archive.name.removesuffix(".tar.gz")
    (unpacked / "tests").rename(folder / package / "tests")
