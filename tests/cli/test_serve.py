"""`yarnhub serve`, up to the start of JupyterHub."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jupyterhub
import pytest

PROGRAM = Path(sys.executable).parent / "yarnhub"
CONFIG = """\
import os, yarnspawner
os.environ["HADOOP_CONF_DIR"] = {conf!r}
yarnspawner.add_services(c, __file__, ["gateway"], url={url!r}, state={state!r})
"""


def serve(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROGRAM), "serve", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "jupyterhub_config.py"
    file.write_text(
        CONFIG.format(
            conf=str(tmp_path), state=str(tmp_path / "state"), url="https://hub.example.com"
        )
    )
    return file


def test_it_becomes_jupyterhub(config: Path) -> None:
    done = serve("--", "--version", folder=config.parent)
    assert (done.returncode, done.stdout.strip()) == (0, jupyterhub.__version__), done.stderr


def test_the_exit_code_is_jupyterhub_s(config: Path) -> None:
    assert serve("--", "--JupyterHub.port=none", folder=config.parent).returncode == 1


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    done = serve("--config", "mine.py", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "Error: mine.py does not exist: `yarnhub init` writes one\n"


def test_nothing_starts_with_a_mistake_in_the_file(config: Path) -> None:
    config.write_text(config.read_text().replace('["gateway"]', '["kernels"]'))
    done = serve("--", "--version", folder=config.parent)
    assert (done.returncode, done.stdout) == (1, "")
    assert "hub's configuration: jupyterhub_config.py cannot be read: " in done.stderr
    assert "'kernels' is not one of gateway, dask-gateway, platform" in done.stderr


def test_nothing_starts_if_others_can_read_its_state(config: Path) -> None:
    (config.parent / "state" / "gateway").mkdir(parents=True)
    (config.parent / "state" / "gateway").chmod(0o755)
    done = serve("--", "--version", folder=config.parent)
    assert (done.returncode, done.stdout) == (1, "")
    assert "services' folders: other users have access to" in done.stderr
    assert "chmod 700" in done.stderr
