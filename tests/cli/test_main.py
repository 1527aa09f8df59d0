"""The program as a whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from yarnhub.cli.main import BROKEN_PIPE, main

PROGRAM = Path(sys.executable).parent / "yarnhub"


def test_a_doctor_without_a_cluster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = tmp_path / "conf"
    assert main(["doctor", "--conf-dir", str(nowhere)]) == 1
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith(
        f"error        configuration: the Hadoop configuration folder {nowhere} does not exist"
    )
    assert second == "not checked  login: it depends on configuration"


@pytest.mark.parametrize(("mode", "grade"), [(0o600, "warning"), (0o622, "not checked")])
def test_a_doctor_runs_no_configuration_of_others_unasked(
    mode: int,
    grade: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "jupyterhub_config.py"
    file.write_text("from pathlib import Path\nPath('was-run').touch()\n")
    file.chmod(mode)
    monkeypatch.chdir(tmp_path)
    main(["doctor", "--conf-dir", str(tmp_path / "conf")])
    lines = capsys.readouterr().out.splitlines()
    (found,) = [line for line in lines if "  connections to servers: " in line]
    assert found.startswith(f"{grade:<11}  ")
    assert Path("was-run").exists() == (grade == "warning")


def test_a_reader_that_has_left(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [str(PROGRAM), "doctor", "--conf-dir", str(tmp_path / "conf")],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)
    assert done.stderr == ""
    assert done.returncode == BROKEN_PIPE
