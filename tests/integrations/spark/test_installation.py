"""Which folders are an installed Spark, and how its jars are packed."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest

from integrations.spark import installations
from yarnhub.base.errors import ConfigurationError
from yarnhub.integrations.spark.installation import find_installation

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_installed_is_described(tmp_path: Path) -> None:
    found = find_installation(str(installations.spark(tmp_path / "pyspark")))
    assert (found.version, found.scala, found.py4j) == ("4.3.0", "2.13.18", "0.10.9.9")
    names = [jar.name for jar in found.jars]
    assert names == sorted(names)
    assert len(names) == 4


def test_a_distribution_of_spark_is_found_too(tmp_path: Path) -> None:
    folder = installations.spark(tmp_path / "spark-4.3.0-bin-hadoop3")
    (folder / "python" / "pyspark").mkdir()
    (folder / "version.py").rename(folder / "python" / "pyspark" / "version.py")
    assert find_installation(str(folder)).version == "4.3.0"


@pytest.mark.parametrize("named", ["bin/python", ""])
def test_the_environment_of_another_python_is_searched(tmp_path: Path, named: str) -> None:
    folder = installations.spark(tmp_path / "packages" / "pyspark")
    (folder / "__init__.py").touch()
    python = tmp_path / "environment" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{folder.parent}" exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    assert find_installation(str(tmp_path / "environment" / named)).folder == folder


def test_a_folder_of_the_current_one_is_not_taken_for_pyspark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installations.spark(tmp_path / "pyspark")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="PySpark is not installed there"):
        find_installation("/usr/bin/python3")


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("jars", "no Spark with jars \\(`pyspark-client` has none\\)"),
        ("version.py", "is not the folder of PySpark or Spark"),
        ("jars/scala-library-2.13.18.jar", "no jar of scala-library"),
        ("jars/spark-yarn_2.13-4.3.0.jar", "no jar of spark-yarn"),
        ("python/lib/pyspark.zip", "pyspark.zip is missing"),
        ("python/lib/py4j-0.10.9.9-src.zip", "no py4j-\\*-src.zip"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, missing: str, expected: str) -> None:
    folder = installations.spark(tmp_path / "pyspark")
    (folder / missing).rename(tmp_path / "away")
    with pytest.raises(ConfigurationError, match=expected):
        find_installation(str(folder))


@pytest.mark.parametrize("name", ["a:b.jar", "a b.jar", "-a.jar", "a$b.jar", "ä.jar"])
def test_a_jar_that_cannot_be_in_a_class_path_is_refused(tmp_path: Path, name: str) -> None:
    folder = installations.spark(tmp_path / "pyspark")
    (folder / "jars" / name).touch()
    with pytest.raises(ConfigurationError, match="cannot be published"):
        find_installation(str(folder))


def test_two_versions_in_one_folder_are_refused(tmp_path: Path) -> None:
    folder = installations.spark(tmp_path / "pyspark")
    (folder / "version.py").write_text('__version__ = "4.2.1"\n')
    with pytest.raises(ConfigurationError, match=r"PySpark is 4\.2\.1, and the jars are 4\.3\.0"):
        find_installation(str(folder))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("/no/such/folder", "does not exist"),
        ("/etc/hostname", "cannot be run"),
        ("/bin/true", "it is not a Python"),
        ("/usr/bin/python3", "PySpark is not installed there"),
    ],
)
def test_what_is_not_a_spark_is_refused(source: str, expected: str) -> None:
    with pytest.raises(ConfigurationError, match=f"--from {source}: .*{expected}"):
        find_installation(source)


def test_the_same_jars_give_the_same_tar(tmp_path: Path) -> None:
    one = find_installation(str(installations.spark(tmp_path / "one")))
    other = find_installation(str(installations.spark(tmp_path / "other")))
    for jar in other.jars:
        os.utime(jar, (1, 1))
        jar.chmod(0o600)
    one.write_tar(tmp_path / "one.tar")
    other.write_tar(tmp_path / "other.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "other.tar").read_bytes()
    assert one.content() == other.content()
    with tarfile.open(tmp_path / "one.tar") as archive:
        entries = archive.getmembers()
    (tmp_path / "unpacked").mkdir()  # as a NodeManager does it
    subprocess.run(["tar", "-xf", "../one.tar"], cwd=tmp_path / "unpacked", check=True)
    assert [each.name for each in entries] == [jar.name for jar in one.jars]
    assert {(each.uid, each.gid, each.mode) for each in entries} == {(0, 0, 0o644)}
    one.copy_jars(tmp_path / "copied")
    for jar in one.jars:
        unpacked, copied = tmp_path / "unpacked" / jar.name, tmp_path / "copied" / jar.name
        assert unpacked.read_bytes() == copied.read_bytes() == jar.read_bytes()
        assert unpacked.stat().st_mtime == copied.stat().st_mtime


def test_other_jars_are_another_content(tmp_path: Path) -> None:
    one = find_installation(str(installations.spark(tmp_path / "one")))
    other = find_installation(str(installations.spark(tmp_path / "other", more="other")))
    assert one.content() != other.content()
