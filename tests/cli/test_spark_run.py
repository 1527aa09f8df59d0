"""`yarnhub spark run`: what it refuses before it submits anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from yarnhub.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

LOCAL = (
    "<configuration><property><name>fs.defaultFS</name><value>file:///</value></property>"
    "</configuration>"
)


@pytest.fixture(autouse=True)
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "core-site.xml").write_text(LOCAL)
    (tmp_path / "job.py").touch()
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.py"], "SCRIPT nowhere.py: there is no such file"),
        (["folder"], "SCRIPT folder: this is a folder: pack it into an archive"),
        (["--files", "a#b", "job.py"], "--files a: there is no such file"),
        (["--py-files", "job.py,b.py", "job.py"], "--py-files b.py: there is no such file"),
        (["--archives", "folder", "job.py"], "--archives folder: this is a folder"),
        (["--environment", "e.tar.gz", "job.py"], "--environment e.tar.gz: there is no such file"),
        (["--conf", "spark.x", "job.py"], "--conf spark.x: expected NAME=VALUE"),
        (["--root", "relative", "job.py"], "--root relative: expected the path or the URL"),
        (["--root", "/nowhere", "job.py"], "Spark is not published in /nowhere: an administrator"),
        (["--root", "/nowhere", "--spark", "4", "job.py", "--files", "x"], "Spark 4 is not"),
    ],
)
def test_bad_input(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spark", "run", *words]) == 1
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


@pytest.mark.parametrize("command", ["wait", "kill"])
def test_ids_are_checked(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spark", command, "application_x"]) == 1
    assert "'application_x' is not the id of an application" in capsys.readouterr().err


def test_one_python_only(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["spark", "run", "--python", "python3", "--environment", "e.zip", "job.py"])
    assert "not allowed with argument" in capsys.readouterr().err
