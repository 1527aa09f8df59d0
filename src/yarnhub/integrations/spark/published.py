"""Published Spark: its jars, its Python and its class data in HDFS, for all users and nodes.

    <root>/spark-<version>-<start of the content's sum>/
        spark-libs.tar          all jars, not compressed
        pyspark.zip
        py4j-<version>-src.zip
        spark-<Java build>.jsa  class data, one file for each build
        published.json          written last: without it, nothing is published

A file is never replaced, since YARN refuses a file that has changed since an application that uses
it was submitted (FSDownload.verifyAndCopy).
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.filesystem.errors import PathNotFoundError
from yarnhub.spec import _reading as reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarnhub.filesystem.port import FileStatus, FileSystem

ROOT = "/yarnhub/spark"
"""The default folder in HDFS."""
MANIFEST = "published.json"
MAX_MANIFEST_BYTES = 1 << 20
MAX_JARS = 2000
"""Spark 4.3 has 280, and a class path must fit into the command of a container."""
MAX_CLASS_DATA = 50
"""Java builds of one version."""

FOLDER_NAME = re.compile(r"spark-[0-9][A-Za-z0-9._+-]*-[0-9a-f]{12}")
_OTHERS_EXECUTE, _OTHERS_WRITE, _STICKY = 0o001, 0o002, 0o1000

_version = reading.matching(r"[0-9][A-Za-z0-9._+-]{0,59}", "a version")
_build = reading.matching(r"[0-9][A-Za-z0-9._+~-]{0,99}", "the build of a Java")
# It becomes an entry of a class path, and an argument of the JVM.
_jar = reading.matching(r"[A-Za-z0-9][A-Za-z0-9._+-]*\.jar", "the file name of a jar")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile(reading.Element):
    """A file as a LocalResource describes it.

    Attributes:
        url: Its URL.
        size: Bytes.
        timestamp: Last change in milliseconds since 1970.
    """

    url: str
    size: int
    timestamp: int

    checks: ClassVar[reading.Checks] = {
        "url": reading.matching(r"[A-Za-z][A-Za-z0-9+.-]*:\S+", "a URL"),
        "size": reading.integer(1, reading.INT64),
        "timestamp": reading.integer(1, reading.INT64),
    }

    @classmethod
    def of(cls, status: FileStatus) -> PublishedFile:
        """A file from its status."""
        return cls(url=status.path, size=status.length, timestamp=status.modification_time)

    @property
    def name(self) -> str:
        """Its file name."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSpark(reading.Element):
    """One version of Spark in HDFS; also the content of `published.json`.

    Attributes:
        version: Spark's version, for example `4.3.0`.
        content: The sum (SHA-256) of the jars and of Spark's Python.
        scala: The version of Scala.
        py4j: The version of py4j.
        published: Seconds since 1970 at which it was first published.
        folder: The URL of its folder.
        jars: The names of the jars in the order of the class path.
        libs: The archive with the jars.
        pyspark: PySpark.
        py4j_zip: py4j, which PySpark needs.
        class_data: Class data by the build of the Java that it is for.
    """

    version: str
    content: str
    scala: str
    py4j: str
    published: int
    folder: str
    jars: Sequence[str]
    libs: PublishedFile
    pyspark: PublishedFile
    py4j_zip: PublishedFile
    class_data: Mapping[str, PublishedFile] = field(default_factory=dict)

    checks: ClassVar[reading.Checks] = {
        "version": _version,
        "content": reading.matching(r"[0-9a-f]{64}", "a SHA-256 sum"),
        "scala": _version,
        "py4j": _version,
        "published": reading.integer(0, reading.INT64),
        "folder": reading.filled,
        "jars": reading.sequence(_jar),
        "libs": PublishedFile.read,
        "pyspark": PublishedFile.read,
        "py4j_zip": PublishedFile.read,
        "class_data": reading.mapping(_build, PublishedFile.read),
    }

    def _check(self) -> None:
        if not 0 < len(self.jars) <= MAX_JARS:
            raise SpecError("jars", f"must be 1 to {MAX_JARS} jars, not {len(self.jars)}")
        if len(self.class_data) > MAX_CLASS_DATA:
            raise SpecError("class_data", f"must be for at most {MAX_CLASS_DATA} builds of Java")
        for each in self.files:
            # Only its own folder is known to be protected.
            if each.url != f"{self.folder}/{each.name}":
                raise SpecError("", f"{each.url} is not in {self.folder}")

    @property
    def files(self) -> tuple[PublishedFile, ...]:
        """All files but the manifest."""
        return (self.libs, self.pyspark, self.py4j_zip, *self.class_data.values())

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(each.size for each in self.files)


def folder_name(version: str, content: str) -> str:
    """The name of the folder of a version with some content."""
    return f"spark-{version}-{content[:12]}"


@dataclass(frozen=True, slots=True)
class FoundFolder:
    """A folder of a version.

    Attributes:
        url: The folder's URL.
        files: What is in it.
        changed: Milliseconds since 1970 of the last change of the folder or a file in it.
        spark: What is published in it; None if nothing is, or nothing that can be used.
        problem: Why it cannot be used; empty if it is published, or not finished.
    """

    url: str
    files: Mapping[str, FileStatus]
    changed: int
    spark: PublishedSpark | None = None
    problem: str = ""

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.url.rpartition("/")[2]


async def find_all(file_system: FileSystem, root: str) -> tuple[FoundFolder, ...]:
    """The folders of all versions, finished or not; none if the root does not exist.

    Cancelling leaves nothing behind.

    Args:
        file_system: The cluster's, as a user.
        root: The folder in HDFS.
    """
    try:
        entries = await file_system.list(root)
    except PathNotFoundError:
        return ()
    found = [
        await find(file_system, each.path)
        for each in entries
        if each.is_directory and FOLDER_NAME.fullmatch(each.path.rpartition("/")[2])
    ]
    return tuple(each for each in found if each is not None)


async def find(file_system: FileSystem, folder: str) -> FoundFolder | None:
    """The folder of a version; None if it does not exist.

    Cancelling leaves nothing behind.

    Args:
        file_system: The cluster's, as a user.
        folder: The folder's URL or path.
    """
    status = await file_system.status(folder)
    if status is None:
        return None
    try:
        entries = await file_system.list(status.path)
    except PathNotFoundError:  # it was deleted in the meantime
        return None
    files = {each.path.rpartition("/")[2]: each for each in entries if not each.is_directory}
    changed = max(each.modification_time for each in (status, *entries))
    if MANIFEST not in files:
        return FoundFolder(status.path, files, changed)
    try:
        spark = await _read(file_system, files[MANIFEST])
        _compare(spark, status.path, files)
    except (SpecError, PathNotFoundError) as error:
        return FoundFolder(status.path, files, changed, problem=str(error))
    return FoundFolder(status.path, files, changed, spark)


async def find_version(file_system: FileSystem, root: str, version: str = "") -> PublishedSpark:
    """What was published last.

    Cancelling leaves nothing behind.

    Args:
        file_system: The cluster's, as a user.
        root: The folder in HDFS.
        version: Spark's version; empty for the newest one.

    Raises:
        ConfigurationError: It is not published, or anybody could publish a newer one there.
    """
    status = await file_system.status(root)
    if status is not None and status.permission & _OTHERS_WRITE:
        raise ConfigurationError(
            f"{status.path} can be written by all users, and what is published there runs as each "
            "of them: restrict it with `hdfs dfs -chmod o-w`, or use another folder"
        )
    found = [each.spark for each in await find_all(file_system, root) if each.spark is not None]
    wanted = [each for each in found if version in ("", each.version)]
    if wanted:
        return max(wanted, key=order)
    what = f"Spark {version}" if version else "Spark"
    known = ", ".join(sorted({each.version for each in found}))
    raise ConfigurationError(
        f"{what} is not published in {root}{known and f', only {known}'}: an administrator "
        "publishes it with `yarnhub spark publish`"
    )


def order(spark: PublishedSpark) -> tuple[tuple[int, ...], int]:
    """The order of versions; of the same version, the one published last is the greatest."""
    numbers = re.findall(r"\d+", spark.version)
    return tuple(int(each) for each in numbers[:4]), spark.published


async def write_manifest(file_system: FileSystem, spark: PublishedSpark) -> None:
    """Publish a version whose files are all there.

    If cancelled, it may have been published.
    """
    text = json.dumps(spark.to_dict(), indent=1) + "\n"
    await file_system.write(f"{spark.folder}/{MANIFEST}", text.encode(), 0o644)


async def check_readable(file_system: FileSystem, folder: str) -> None:
    """Check that nodes can keep one copy for all users, and that others cannot change it.

    Cancelling leaves nothing behind.

    Args:
        file_system: The cluster's, as a user.
        folder: An existing folder's URL.

    Raises:
        ConfigurationError: Another user cannot enter a folder of its path, or can write there.

    Source: org.apache.hadoop.yarn.util.FSDownload.isPublic.
    """
    at = folder
    while at.removeprefix(file_system.uri).strip("/"):
        status = await file_system.status(at)
        if status is None:
            raise ConfigurationError(f"{at} does not exist")
        mode = f"its permissions are {status.permission & 0o7777:o}, owner {status.owner}"
        if not status.permission & _OTHERS_EXECUTE:
            raise ConfigurationError(
                f"{at} cannot be entered by other users ({mode}): nodes would download Spark once "
                f"for each user. Allow it with `hdfs dfs -chmod o+x`, or use another --root"
            )
        others = status.permission & (0o022 if at == folder else 0o002)
        if others and not status.permission & _STICKY:
            raise ConfigurationError(
                f"{at} can be written by other users ({mode}), who could replace Spark: restrict "
                f"it with `hdfs dfs -chmod go-w`, or use another --root"
            )
        at = at.rpartition("/")[0]


async def _read(file_system: FileSystem, status: FileStatus) -> PublishedSpark:
    if status.length > MAX_MANIFEST_BYTES:
        raise SpecError("", f"{status.path} has more than {MAX_MANIFEST_BYTES} bytes")
    content = bytearray()
    async with contextlib.aclosing(file_system.read(status.path, 0, MAX_MANIFEST_BYTES)) as chunks:
        async for chunk in chunks:
            content += chunk
    try:
        return PublishedSpark.from_json(content.decode(errors="replace"))
    except SpecError as error:
        raise SpecError("", f"{status.path}: {error}") from error


def _compare(spark: PublishedSpark, folder: str, files: Mapping[str, FileStatus]) -> None:
    """Check that a manifest describes the files in its folder."""
    if spark.folder != folder:
        raise SpecError("", f"{folder} has been moved or copied: {MANIFEST} names {spark.folder}")
    for each in spark.files:
        status = files.get(each.name)
        if status is None:
            raise SpecError("", f"{each.url} is missing")
        if PublishedFile.of(status) != each:
            raise SpecError("", f"{each.url} has been changed since it was published")
