"""The first suitable Java installation on a machine is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.cluster.host import Host
from yarnhub.cluster.java import find_java, read_java

if TYPE_CHECKING:
    from pathlib import Path

JGSS = "java.base jdk.security.jgss"


def make_java(home: Path, version: str, modules: str = JGSS) -> Path:
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").write_text("#!/bin/sh\n")
    (home / "bin" / "java").chmod(0o755)
    (home / "release").write_text(f'JAVA_VERSION="{version}"\nMODULES="{modules}"\n')
    return home


def make_host(folder: Path, **variables: str) -> Host:
    return Host("carol", is_root=False, cache=folder, state=folder, environment=variables)


def test_java_home_comes_first(tmp_path: Path) -> None:
    home = make_java(tmp_path / "home", "17.0.1")
    other = make_java(tmp_path / "other", "21")
    host = make_host(tmp_path, JAVA_HOME=str(home), PATH=str(other / "bin"))
    assert find_java(host, chosen=None, kerberos=False).home == home


def test_one_that_is_too_new_is_passed_over(tmp_path: Path) -> None:
    home = make_java(tmp_path / "home", "25")
    other = make_java(tmp_path / "other", "21.0.2")
    host = make_host(tmp_path, JAVA_HOME=str(home), PATH=str(other / "bin"))
    found = find_java(host, chosen=None, kerberos=False)
    assert (found.home, found.major) == (other, 21)


def test_kerberos_needs_the_gssapi_module(tmp_path: Path) -> None:
    home = make_java(tmp_path / "home", "21", modules="java.base")
    host = make_host(tmp_path)
    assert find_java(host, chosen=home, kerberos=False).home == home
    with pytest.raises(ConfigurationError, match=r"jdk\.security\.jgss.*openjdk-17-jre-headless"):
        find_java(host, chosen=home, kerberos=True)


def test_the_chosen_one_is_not_replaced_by_another(tmp_path: Path) -> None:
    other = make_java(tmp_path / "other", "17")
    host = make_host(tmp_path, JAVA_HOME=str(other))
    with pytest.raises(ConfigurationError, match="is not a Java installation"):
        find_java(host, chosen=tmp_path / "nothing", kerberos=False)


def test_old_version_numbers_are_understood(tmp_path: Path) -> None:
    java = read_java(make_java(tmp_path / "home", "1.8.0_402"))
    assert java is not None
    assert java.major == 8
    assert java.problem(kerberos=False) is not None


def test_a_folder_without_a_version_is_no_java(tmp_path: Path) -> None:
    assert read_java(make_java(tmp_path / "home", "unknown")) is None
