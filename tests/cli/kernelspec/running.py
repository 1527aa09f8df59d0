"""Runs `yarnhub kernelspec`, and reads and writes kernelspecs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from yarnhub.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

ARCHIVE = "hdfs:///environments/science.tar.gz"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["kernelspec", *arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def document(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "kernel.json").read_text())
    return found


def put(folder: Path, content: object) -> Path:
    folder.mkdir(parents=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "kernel.json").write_text(text)
    return folder
