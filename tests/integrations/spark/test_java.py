"""The build of a Java, and the class path of Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integrations.spark import installations
from yarnhub.integrations.spark.driver import java

if TYPE_CHECKING:
    from pathlib import Path

VERSION = """\
#!/bin/sh
echo 'Picked up JAVA_TOOL_OPTIONS: -Dtext=(build 1)' >&2
echo 'openjdk version "21.0.7" 2025-04-15' >&2
echo 'OpenJDK Runtime Environment (build 21.0.7+6-Ubuntu-~22.04.1, mixed mode)' >&2
"""


def test_the_build_is_read_from_the_release_file_without_a_jvm(tmp_path: Path) -> None:
    home = installations.java(tmp_path / "java", program="#!/bin/sh\nexit 1\n")
    assert java.java_build(home) == installations.BUILD


@pytest.mark.parametrize("release", [None, "", 'JAVA_RUNTIME_VERSION="$(rm -rf)"', "\0\xff"])
def test_without_one_java_is_run(tmp_path: Path, release: str | None) -> None:
    home = installations.java(tmp_path / "java", program=VERSION)
    (home / "release").unlink()
    if release is not None:
        (home / "release").write_text(release)
    assert java.java_build(home) == "21.0.7+6-Ubuntu-~22.04.1"


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("#!/bin/sh\necho broken >&2\nexit 3\n", "does not name a build: broken"),
        ("#!/bin/sh\nexit 3\n", "does not name a build: exit code 3"),
        ("#!/no/such/shell\n", "cannot be run"),
    ],
)
def test_a_java_that_does_not_run_is_named(tmp_path: Path, program: str, expected: str) -> None:
    home = installations.java(tmp_path / "java", program=program)
    (home / "release").unlink()
    with pytest.raises(java.JavaError, match=f"{home}/bin/java -version {expected}"):
        java.java_build(home)


def test_a_folder_without_java_is_named(tmp_path: Path) -> None:
    with pytest.raises(java.JavaError, match=f"{tmp_path} is not the folder of a Java"):
        java.java_build(tmp_path)


def test_the_class_path_has_every_jar_in_order() -> None:
    assert java.class_path("__spark_libs__", ["b.jar", "a.jar"]) == (
        "__spark_libs__/b.jar:__spark_libs__/a.jar"
    )


def test_a_name_of_class_data_is_a_file_name_in_containers() -> None:
    assert java.class_data_name("17.0.15+6-Debian-1deb12u1") == (
        "spark-17.0.15_6-Debian-1deb12u1.jsa"
    )
    assert java.class_data_name("21.0.7+6-~22") == "spark-21.0.7_6-_22.jsa"


@pytest.mark.parametrize(
    ("version", "has", "lacks"),
    [
        (
            "3.5.9",
            "-Djdk.reflect.useDirectMethodHandle=false",
            "--add-modules=jdk.incubator.vector",
        ),
        ("4.0.5", "--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"),
        ("4.1.4", "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"),
        (
            "4.3.0",
            "--sun-misc-unsafe-memory-access=allow",
            "-Djdk.reflect.useDirectMethodHandle=false",
        ),
    ],
)
def test_every_version_has_its_flags(version: str, has: str, lacks: str) -> None:
    found = java.flags(version)
    assert has in found
    assert lacks not in found
    assert "--add-opens=java.base/java.nio=ALL-UNNAMED" in found


def test_versions_and_the_javas_that_they_run_on() -> None:
    for version, build in (("3.5.9", "17.0.15+6"), ("4.1.4", "21.0.7+6"), ("4.2.1", "25.0.3+9")):
        java.check_build(version, build)
    with pytest.raises(java.JavaError, match=r"Spark 4\.0\.5 needs Java 17 to 22, and not Java 25"):
        java.check_build("4.0.5", "25.0.3+9-LTS")
    with pytest.raises(java.JavaError, match=r"Spark 4\.3\.0 needs Java 17 or newer, and not"):
        java.check_build("4.3.0", "11.0.20+8")
