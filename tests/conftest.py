"""What all tests share: the clusters, one of each kind for the whole session."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from e2e.walk import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["yarnhub.cluster.pytest_plugin"]

# A shell ignores Ctrl-C for what it starts in the background, and whoever inherits that ignores it
# too: the commands that the tests interrupt would.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Speed is measured in benchmarks/; a test says only what is right.
settings.register_profile("yarnhub", deadline=None)
settings.load_profile("yarnhub")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Jupyter leaves sockets to the garbage collector, as anyio does when a connect is cancelled.

    Which test is running then is chance; those without a Jupyter server see every such socket.
    """
    left = "Exception ignored in. <(socket.socket|function _SelectorTransport.__del__)"
    ignored = f"ignore:{left}:pytest.PytestUnraisableExceptionWarning"
    for item in items:
        if item.get_closest_marker("jupyter"):
            item.add_marker(pytest.mark.filterwarnings(ignored))


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's specification, with the environment that it names."""
    folder = tmp_path_factory.mktemp("demo")
    packer = PROJECT / "examples" / "pack_environment.py"
    subprocess.run([sys.executable, packer, folder], check=True, timeout=300)
    shutil.copy(PROJECT / "examples" / "jupyter-demo.yaml", folder)
    return folder


@pytest.fixture(scope="session")
def shared_python() -> Iterator[Path]:
    """A Python with JupyterLab that containers of every OS user can run."""
    folder = Path(tempfile.mkdtemp(prefix="yarnhub-python-"))  # pytest's own folders are private
    folder.chmod(0o755)
    bin_folder = Path(sys.executable).parent
    uv = shutil.which("uv", path=f"{bin_folder}{os.pathsep}{os.environ['PATH']}") or "uv"  # noqa: TID251
    # uv keeps the wheel of a project for as long as its pyproject.toml is the same.
    wheel = ("--no-editable", "--reinstall-package", "yarnhub")
    packages = ("--locked", "--no-default-groups", "--extra", "lab", "--group", "widgets", *wheel)
    python = Path(sys.executable).resolve()
    try:
        # Relocatable: it may be packed, too.
        subprocess.run(
            [uv, "venv", "-q", "--clear", "--relocatable", "--python", python, folder],
            check=True,
            timeout=60,
        )
        subprocess.run(
            [uv, "sync", "-q", *packages, "--project", PROJECT, "--python", python],
            env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(folder)},  # noqa: TID251
            check=True,
            timeout=300,
        )
        yield folder / "bin" / "python"
    finally:
        shutil.rmtree(folder)
