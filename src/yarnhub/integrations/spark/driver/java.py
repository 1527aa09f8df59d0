"""How the JVMs of Spark are started: flags, class path, and the build of a Java."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LIBS = "__spark_libs__"
"""The folder with Spark's jars: in the containers of executors, where Spark's name for it is fixed,
and wherever class data is created or used, since its class path is part of class data."""

_OPENED = (
    *("java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio"),
    *("java.util", "java.util.concurrent", "java.util.concurrent.atomic", "jdk.internal.ref"),
    *("sun.nio.ch", "sun.nio.cs", "sun.security.action", "sun.util.calendar"),
)
"""The packages of java.base that Spark uses by reflection."""

_EVER: tuple[str, ...] = (
    "-server",
    "-Djava.net.preferIPv6Addresses=false",
    "-XX:+IgnoreUnrecognizedVMOptions",
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED),
    "--add-opens=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    "-Dio.netty.tryReflectionSetAccessible=true",
)
_SINCE: tuple[tuple[tuple[int, int], tuple[str, ...]], ...] = (
    ((4, 0), ("--add-modules=jdk.incubator.vector",)),
    (
        (4, 1),
        (
            "-Dio.netty.allocator.type=pooled",
            "-Dio.netty.handler.ssl.defaultEndpointVerificationAlgorithm=NONE",
            "--enable-native-access=ALL-UNNAMED",
        ),
    ),
    ((4, 2), ("--sun-misc-unsafe-memory-access=allow",)),
)
_BEFORE_4_2 = ("-Djdk.reflect.useDirectMethodHandle=false",)

OLDEST = 17
_NEWEST_BEFORE_4_2 = 22
"""Newer Javas lack Subject.getSubject, which Hadoop's client calls before its version 3.5."""

GARBAGE_COLLECTOR = "-XX:+UseSerialGC"
"""Class data can be used by JVMs with the garbage collector that it was created with only."""

_MAX_RELEASE_BYTES = 64 * 1024
_VERSION_SECONDS = 60
_BUILD = re.compile(r"[0-9][A-Za-z0-9._+~-]{0,99}")


class JavaError(Exception):
    """A Java cannot be used; the message says which one and why."""


def flags(version: str) -> tuple[str, ...]:
    """What a version of Spark starts every JVM with.

    Source: org.apache.spark.launcher.JavaModuleOptions of Spark 3.5 to 4.3.
    """
    release = _release(version)
    found = [*_EVER]
    for since, added in _SINCE:
        found += added if release >= since else ()
    return (*found, *(_BEFORE_4_2 if release < (4, 2) else ()))


def check_build(version: str, build: str) -> None:
    """Check that a version of Spark runs on a build of Java.

    Raises:
        JavaError: It does not; says what it needs.
    """
    major = int(re.split(r"[^0-9]", build, maxsplit=1)[0])
    newest = _NEWEST_BEFORE_4_2 if _release(version) < (4, 2) else None
    if major < OLDEST or (newest is not None and major > newest):
        needed = f"Java {OLDEST} or newer" if newest is None else f"Java {OLDEST} to {newest}"
        raise JavaError(
            f"Spark {version} needs {needed}, and not Java {build}: name another Java that the "
            "nodes have"
        )


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(each) for each in re.findall(r"\d+", version)[:2])


def class_path(libs: str, jars: Sequence[str]) -> str:
    """The class path of Spark's jars: explicit, since class data is for exactly this text.

    Args:
        libs: The folder with the jars, without a slash at the end.
        jars: Their names, in the order of the class path.
    """
    return ":".join(f"{libs}/{jar}" for jar in jars)


def java_program(java_home: Path) -> Path:
    """The program `java` of a Java home.

    Raises:
        JavaError: It does not exist.
    """
    program = java_home / "bin" / "java"
    if not program.is_file():
        raise JavaError(f"{java_home} is not the folder of a Java: {program} does not exist")
    return program


def java_build(java_home: Path) -> str:
    """The build of a Java, for example `17.0.15+6-Debian-1deb12u1`.

    It is read from the file `release`, which takes no time; without one, from `java -version`.

    Raises:
        JavaError: The Java does not exist, or its build cannot be determined.
    """
    program = java_program(java_home)
    return _released(java_home / "release") or _reported(program)


def class_data_name(build: str) -> str:
    """The file name of the class data for a Java's build, in HDFS and in containers."""
    return f"spark-{re.sub(r'[^A-Za-z0-9._-]', '_', build)}.jsa"


def _released(file: Path) -> str:
    """The build in the file `release` of a Java home; empty if it has none."""
    try:
        with file.open(encoding="utf-8", errors="replace") as opened:
            text = opened.read(_MAX_RELEASE_BYTES)
    except OSError:
        return ""
    found = re.search(r'^JAVA_RUNTIME_VERSION="([^"\n]*)"', text, re.MULTILINE)
    return found[1] if found and _BUILD.fullmatch(found[1]) else ""


def _reported(program: Path) -> str:
    """The build that `java -version` prints: `OpenJDK Runtime Environment (build 17.0.15+6)`."""
    try:
        done = subprocess.run(
            [program, "-version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise JavaError(f"{program} -version cannot be run: {error}") from error
    # With JAVA_TOOL_OPTIONS, they come first.
    lines = [line for line in done.stderr.splitlines() if not line.startswith("Picked up ")]
    found = re.search(r"\(build ([^\s,)]+)", "\n".join(lines))
    if done.returncode != 0 or found is None or not _BUILD.fullmatch(found[1]):
        shown = done.stderr.strip()[-300:] or f"exit code {done.returncode}"
        raise JavaError(f"{program} -version does not name a build: {shown}")
    return found[1]
