"""`yarnhub spark`, with a local folder as the cluster's file system."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integrations.spark import installations
from yarnhub.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCAL = (
    "<configuration><property><name>fs.defaultFS</name><value>file:///</value></property>"
    "</configuration>"
)


@pytest.fixture
def public_folder() -> Iterator[Path]:
    yield from installations.public_folder()


@pytest.fixture
def root(public_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "core-site.xml").write_text(LOCAL)
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path / "conf"))
    monkeypatch.delenv("HADOOP_USER_NAME", raising=False)
    return str(public_folder / "spark")


def test_from_publishing_to_sweeping(
    root: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = str(installations.spark(tmp_path / "pyspark"))
    home = str(installations.java(tmp_path / "java"))
    publish = ["spark", "publish", "--from", source, "--root", root, "--java-home", home]
    assert main(["spark", "list", "--root", root]) == 0
    assert capsys.readouterr().out == (
        f"No Spark is published in {root}: see `yarnhub spark publish`.\n"
    )
    assert main(publish) == 0
    printed = capsys.readouterr()
    first, second = printed.out.splitlines()
    found = re.fullmatch(rf"Published: Spark 4\.3\.0 in file://({root}/\S+)", first)
    assert found is not None
    assert second == f"Class data for Java: {installations.BUILD}"
    assert "Packing 4 jars" in printed.err
    assert main(publish) == 0
    assert "nothing was uploaded" in capsys.readouterr().out

    assert main(["spark", "list", "--root", root]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split("  ")[0] == "VERSION"
    assert row.split()[0] == "4.3.0"
    assert installations.BUILD in row
    assert row.endswith(found[1])
    assert main(["spark", "list", "--root", root, "--json"]) == 0
    (document,) = json.loads(capsys.readouterr().out)
    assert document["java_builds"] == [installations.BUILD]
    assert document["problem"] == ""

    assert main(["spark", "sweep", "--root", root, "--keep", "1"]) == 0
    assert capsys.readouterr().out == "There was nothing to delete.\n"
    Path(found[1], "published.json").unlink()
    assert main(["spark", "list", "--root", root]) == 0
    assert capsys.readouterr().out == f"file://{found[1]}: not finished\n"
    for each in (*os.scandir(found[1]), found[1]):
        os.utime(each, (1, 1))
    assert main(["spark", "sweep", "--root", root]) == 0
    assert capsys.readouterr().out == f"Deleted: file://{found[1]}\n"
    assert main(["spark", "list", "--root", root, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_without_class_data_no_java_is_needed(
    root: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    source = str(installations.spark(tmp_path / "pyspark"))
    publish = ["spark", "publish", "--from", source, "--root", root]
    assert main(publish) == 1
    assert "there is no Java here" in capsys.readouterr().err
    assert main([*publish, "--no-class-data"]) == 0
    assert "Class data for Java: none" in capsys.readouterr().out
    assert main(["spark", "list", "--root", root]) == 0
    assert " none " in capsys.readouterr().out


@pytest.mark.parametrize("wrong", ["/", "spark", "hdfs://namenode", "/a/../b", "//"])
def test_a_root_that_is_no_folder_is_refused(
    wrong: str, root: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["spark", "list", "--root", wrong]) == 1
    assert f"--root {wrong}: expected the path" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["0", "-1", "x", "٣", "9" * 30, ""])
def test_what_is_kept_is_a_number(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["spark", "sweep", f"--keep={wrong}"])
    assert "is not a number from 1 on" in capsys.readouterr().err


def test_the_environment_has_no_pyspark(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spark", "publish", "--root", root, "--no-class-data"]) == 1
    assert "PySpark is not installed in this environment" in capsys.readouterr().err


SLOW_JAVA = """\
#!/bin/sh
# Takes for ever to create class data.
case "$*" in
    *-Xshare:dump*) echo $$ > {}; exec sleep 1000 ;;
esac
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_java_that_creates_class_data(
    number: signal.Signals, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = str(installations.spark(tmp_path / "pyspark"))
    began = tmp_path / "began"
    os.mkfifo(began)
    home = str(installations.java(tmp_path / "java", program=SLOW_JAVA.format(began)))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    command = ["publish", "--from", source, "--root", root, "--java-home", home]
    with subprocess.Popen(
        [sys.executable, "-m", "yarnhub.cli.main", "spark", *command], stderr=subprocess.PIPE
    ) as process:
        java = int(began.read_text())
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode in (-number, 128 + number)
    assert b"Traceback" not in errors
    assert not Path(f"/proc/{java}").exists()
    assert list(temporary.iterdir()) == []
