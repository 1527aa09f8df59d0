"""What all tests share: the clusters, one of each kind for the whole session."""

from __future__ import annotations

import contextlib
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
from environments.kernel_environment import KernelEnvironment

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["yarnhub.cluster.pytest_plugin", "postgresql"]

# A shell ignores Ctrl-C for what it starts in the background, as nohup does a hangup, and whoever
# inherits that ignores it too: the commands that the tests interrupt would.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Speed is measured in benchmarks/; a test says only what is right.
settings.register_profile("yarnhub", deadline=None)
settings.load_profile("yarnhub")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Check what all tests need, also those that another step runs, and mark some."""
    _need_known_fixtures(items)
    _ignore_sockets_of_jupyter(items)


def _need_known_fixtures(items: list[pytest.Item]) -> None:
    """A fixture that was moved would be missed only when its test runs: an hour later, in CI."""
    for item in items:
        if isinstance(item, pytest.Function):
            known = item._fixtureinfo  # pytest has nothing public
            given = set(item.callspec.params) if hasattr(item, "callspec") else set()
            missing = {*known.names_closure} - {*known.name2fixturedefs} - given - {"request"}
            if missing:
                raise pytest.UsageError(f"{item.nodeid} needs unknown fixtures: {missing}")


def _ignore_sockets_of_jupyter(items: list[pytest.Item]) -> None:
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
def kernel_environment(tmp_path_factory: pytest.TempPathFactory) -> KernelEnvironment:
    """An environment with ipykernel and one more package, built by `yarnhub.environments`."""
    return KernelEnvironment.build(tmp_path_factory.mktemp("kernel-environment"))


@pytest.fixture(scope="session")
def r_environment(tmp_path_factory: pytest.TempPathFactory) -> KernelEnvironment:
    """An environment with IRkernel, made of Debian's."""
    return KernelEnvironment.build_r(tmp_path_factory.mktemp("r-environment"))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this project."""
    folder = tmp_path_factory.mktemp("wheel")
    uv = Path(sys.executable).parent / "uv"
    build = (uv, "build", "--quiet", "--wheel", "--out-dir", folder, PROJECT)
    subprocess.run(build, check=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def shared_python() -> Iterator[Path]:
    """A Python with JupyterLab that containers of every OS user can run."""
    with _python_of("--extra", "lab", "--group", "widgets") as python:
        yield python


@pytest.fixture(scope="session")
def dask_python() -> Iterator[Path]:
    """The same with Dask, its dashboard, and its panel in JupyterLab."""
    with _python_of("--extra", "lab", "--group", "dask", "--group", "dask-lab") as python:
        yield python


@contextlib.contextmanager
def _python_of(*packages: str) -> Iterator[Path]:
    """The Python of a new environment with parts of the project; all OS users can run it."""
    folder = Path(tempfile.mkdtemp(prefix="yarnhub-python-"))  # pytest's own folders are private
    folder.chmod(0o755)
    bin_folder = Path(sys.executable).parent
    uv = shutil.which("uv", path=f"{bin_folder}{os.pathsep}{os.environ['PATH']}") or "uv"  # noqa: TID251
    # uv keeps the wheel of a project for as long as its pyproject.toml is the same.
    wheel = ("--no-editable", "--reinstall-package", "yarnhub")
    options = ("--locked", "--no-default-groups", *packages, *wheel)
    python = Path(sys.executable).resolve()
    try:
        # Relocatable: it may be packed, too.
        subprocess.run(
            [uv, "venv", "-q", "--clear", "--relocatable", "--python", python, folder],
            check=True,
            timeout=60,
        )
        subprocess.run(
            [uv, "sync", "-q", *options, "--project", PROJECT, "--python", python],
            env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(folder)},  # noqa: TID251
            check=True,
            timeout=300,
        )
        yield folder / "bin" / "python"
    finally:
        shutil.rmtree(folder)
