"""Jupyter's folders, in a temporary one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from jupyter_core import paths

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Jupyter's folders: `user`, `env` and `host`."""
    for name in ("JUPYTER_PATH", "JUPYTER_PREFER_ENV_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))
    monkeypatch.setattr(paths, "SYSTEM_JUPYTER_PATH", [str(tmp_path / "host")])
    monkeypatch.setattr(paths, "ENV_JUPYTER_PATH", [str(tmp_path / "env")])
    return tmp_path


@pytest.fixture(autouse=True)
def _sys_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
