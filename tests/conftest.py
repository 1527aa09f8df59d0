"""What all tests share: the clusters, one of each kind for the whole session."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from e2e.walk import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["yarnhub.cluster.pytest_plugin"]

# A shell ignores Ctrl-C for what it starts in the background, and whoever inherits that ignores it
# too: the commands that the tests interrupt would.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Speed is measured in benchmarks/; a test says only what is right.
settings.register_profile("yarnhub", deadline=None)
settings.load_profile("yarnhub")


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's specification, with the environment that it names."""
    folder = tmp_path_factory.mktemp("demo")
    packer = PROJECT / "examples" / "pack_environment.py"
    subprocess.run([sys.executable, packer, folder], check=True, timeout=300)
    shutil.copy(PROJECT / "examples" / "jupyter-demo.yaml", folder)
    return folder
