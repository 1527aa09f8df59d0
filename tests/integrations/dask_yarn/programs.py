"""Programs of users, run as processes of their own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HEAD = """\
import sys
import time
import dask.config
from dask.distributed import Client
from yarnhub.integrations.dask_yarn import YarnCluster
"""


def start(text: str, folder: Path, variables: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start a program that has what a user imports."""
    return _start(HEAD + text, folder, variables)


def run(text: str, folder: Path, variables: Mapping[str, str]) -> str:
    """What a program prints that has what a user imports."""
    return execute(HEAD + text, folder, variables)


def execute(text: str, folder: Path, variables: Mapping[str, str]) -> str:
    """What a whole program prints."""
    with _start(text, folder, variables) as process:
        out, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    return out


def _start(text: str, folder: Path, variables: Mapping[str, str]) -> subprocess.Popen[str]:
    path = folder / "program.py"
    path.write_text(text)
    return subprocess.Popen(
        [sys.executable, str(path)],
        cwd=folder,
        env=dict(variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
