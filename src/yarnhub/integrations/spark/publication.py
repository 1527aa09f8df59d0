"""Publishing Spark, and deleting what is published no more."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import AccessDeniedError, ConfigurationError
from yarnhub.filesystem.errors import PathExistsError
from yarnhub.filesystem.partials import partial_name, sweep_partials
from yarnhub.integrations.spark import class_data, published
from yarnhub.integrations.spark.driver.java import LIBS, class_data_name
from yarnhub.integrations.spark.published import PublishedFile, PublishedSpark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from yarnhub.filesystem.port import FileStatus, FileSystem
    from yarnhub.integrations.spark.class_data import Java
    from yarnhub.integrations.spark.installation import Installation
    from yarnhub.integrations.spark.published import FoundFolder

    Say = Callable[[str], None]

LIBS_TAR = "spark-libs.tar"
KEPT_SECONDS = 24 * 3600.0
"""Seconds for which nothing is swept: another administrator may be publishing it, or has written a
kernelspec with it."""
_TEMPORARY = "yarnhub-spark-"
_ABANDONED_SECONDS = 600.0
"""Age of a temporary folder from which on nobody holding its lock means that nobody uses it."""
_STEPS = 4
"""Lines of progress for an upload."""
_MEBIBYTE = 1 << 20
_OTHERS_READ = 0o004


@dataclass(frozen=True, slots=True)
class Publication:
    """Publishes an installed Spark into a folder of HDFS.

    Attributes:
        file_system: The cluster's, as the publisher.
        root: The folder in HDFS.
        user: The publisher's name in HDFS.
        say: Prints a line of progress.
    """

    file_system: FileSystem
    root: str
    user: str
    say: Say

    async def publish(
        self, installation: Installation, javas: Sequence[Java]
    ) -> tuple[PublishedSpark, tuple[str, ...]]:
        """Publish what is missing; returns the result and the names of the files uploaded.

        The same Spark is uploaded once, and class data once for each build of Java. If cancelled,
        or interrupted in any other way, complete files remain in HDFS for the next time, but
        nothing is published before all are there. What others left unfinished a day ago is
        deleted; others may publish at the same time.

        Args:
            installation: The Spark.
            javas: The Javas to create class data for.

        Raises:
            ConfigurationError: The folder is not safe or not readable for others, the disk has not
                enough space, or the installation was changed in the meantime.
            AccessDeniedError: The publisher may not write there.
            ClassDataError: A Java cannot create class data.
        """
        state = installation.state()
        self.say(f"Reading Spark {installation.version} in {installation.folder}")
        content = await asyncio.to_thread(installation.content)
        folder = await self._prepare(published.folder_name(installation.version, content))
        with _temporary_folder() as work:
            upload = _Upload(self, folder, installation, work, state)
            await upload.files(javas)
            spark = upload.described(content)
            await self._write(folder, spark)
        with contextlib.suppress(AccessDeniedError):  # folders of other publishers
            await self.sweep(datetime.now(UTC).timestamp())
        return spark, tuple(upload.sent)

    async def sweep(self, now: float, keep: int | None = None) -> tuple[str, ...]:
        """Delete folders that were never finished, and old versions; returns their URLs.

        Nothing that has changed within a day is deleted. Cancelling leaves the rest for the next
        time.

        Args:
            now: Seconds since 1970.
            keep: How many of the newest published folders to keep; None keeps all.
        """
        found = await published.find_all(self.file_system, self.root)
        finished = sorted(
            (each for each in found if each.spark is not None),
            key=lambda each: published.order(_spark(each)),
        )
        old = finished[: max(0, len(finished) - keep)] if keep is not None else []
        deleted = []
        for each in found:
            await sweep_partials(self.file_system, each.files.values(), now)
            unfinished = each.spark is None and not each.problem
            recent = now - each.changed / 1000 <= KEPT_SECONDS
            if (unfinished or each in old) and not recent:
                # First the manifest, so that half of a version never counts as published.
                await self.file_system.delete(f"{each.url}/{published.MANIFEST}")
                await self.file_system.delete(each.url, recursive=True)
                deleted.append(each.url)
        return tuple(deleted)

    async def _prepare(self, name: str) -> FoundFolder:
        """Make the folder, and check who can read and write it."""
        try:
            await self.file_system.make_directory(self.root, 0o755)
            await self.file_system.make_directory(f"{self.root}/{name}", 0o755)
        except AccessDeniedError as error:
            raise ConfigurationError(
                f"{error}: an HDFS administrator creates {self.root} for {self.user} (`hdfs dfs "
                f"-mkdir -p` and `hdfs dfs -chown`), or use another --root"
            ) from error
        found = await published.find(self.file_system, f"{self.root}/{name}")
        if found is None:
            raise ConfigurationError(f"{self.root}/{name} was deleted meanwhile: publish again")
        if found.problem:
            raise ConfigurationError(
                f"{found.problem}: delete the folder with `hdfs dfs -rm -r {found.url}` and "
                "publish again"
            )
        await published.check_readable(self.file_system, found.url)
        await self._check_owner(found)
        return found

    async def _check_owner(self, found: FoundFolder) -> None:
        """Others' files are not adopted, unless the root is theirs: they are administrators."""
        root = await self.file_system.status(self.root)
        trusted = {self.user, *([root.owner] if root is not None else [])}
        status = await self.file_system.status(found.url)
        for each in (*([status] if status is not None else []), *found.files.values()):
            if each.owner not in trusted:
                raise ConfigurationError(
                    f"{each.path} belongs to {each.owner}, not to {self.user} or the owner of "
                    f"{self.root}: check it, and delete it or use another --root"
                )
            if each.permission & 0o022:
                raise ConfigurationError(
                    f"{each.path} can be written by other users: check it, and delete it"
                )
            if not each.permission & _OTHERS_READ:
                raise ConfigurationError(_unreadable(each))

    async def _write(self, before: FoundFolder, spark: PublishedSpark) -> None:
        """Write the manifest, with what others have published in the meantime."""
        found = await published.find(self.file_system, before.url)
        known = found.spark if found is not None else None
        if known is not None:
            merged = {**known.class_data, **spark.class_data}
            spark = replace(spark, published=known.published, class_data=merged)
        if spark != known:
            await published.write_manifest(self.file_system, spark)


class _Upload:
    """One publication of one version: what is in its folder, and what is missing."""

    def __init__(
        self,
        publication: Publication,
        folder: FoundFolder,
        installation: Installation,
        work: Path,
        state: tuple[tuple[int, ...], ...],
    ) -> None:
        self._file_system = publication.file_system
        self._say = publication.say
        self._folder = folder
        self._installation = installation
        self._work = work
        self._state = state
        self._files: dict[str, FileStatus] = dict(folder.files)
        self._class_data: dict[str, PublishedFile] = {}
        self.sent: list[str] = []

    async def files(self, javas: Sequence[Java]) -> None:
        """Upload what is missing."""
        missing = [each for each in javas if class_data_name(each.build) not in self._files]
        if LIBS_TAR not in self._files or missing:
            self._check_space(bool(missing))
        if LIBS_TAR not in self._files:
            tar = self._work / LIBS_TAR
            self._say(f"Packing {len(self._installation.jars)} jars")
            await self._on_disk(self._installation.write_tar, tar)
            self._check_unchanged()
            await self._place(tar, LIBS_TAR)
            tar.unlink()
        for path in (self._installation.pyspark_zip, self._installation.py4j_zip):
            if path.name not in self._files:
                copy = self._work / path.name
                await self._on_disk(shutil.copyfile, path, copy)
                self._check_unchanged()
                await self._place(copy, path.name)
        if missing:
            await self._on_disk(self._installation.copy_jars, self._work / LIBS)
            self._check_unchanged()
        for each in missing:
            await self._create_class_data(each)
        for each in javas:
            status = self._files[class_data_name(each.build)]
            self._class_data[each.build] = PublishedFile.of(status)

    def described(self, content: str) -> PublishedSpark:
        """What is to be published."""
        found = self._installation
        known = self._folder.spark
        now = int(datetime.now(UTC).timestamp())
        return PublishedSpark(
            version=found.version,
            content=content,
            scala=found.scala,
            py4j=found.py4j,
            published=known.published if known is not None else now,
            folder=self._folder.url,
            jars=[jar.name for jar in found.jars],
            libs=PublishedFile.of(self._files[LIBS_TAR]),
            pyspark=PublishedFile.of(self._files[found.pyspark_zip.name]),
            py4j_zip=PublishedFile.of(self._files[found.py4j_zip.name]),
            class_data={**(known.class_data if known is not None else {}), **self._class_data},
        )

    async def _create_class_data(self, found: Java) -> None:
        name = class_data_name(found.build)
        self._say(f"Creating class data for Java {found.build}, which takes about a minute")
        destination = self._work / name
        jars = [jar.name for jar in self._installation.jars]
        version = self._installation.version
        await class_data.create(found, version, self._work, jars, destination)
        await self._place(destination, name)
        destination.unlink()

    async def _place(self, local: Path, name: str) -> None:
        """Upload a file unless another publisher was faster; nothing is ever replaced."""
        size = (await asyncio.to_thread(local.stat)).st_size
        steps = _Steps(self._say, name, size)
        url = f"{self._folder.url}/{name}"
        partial = partial_name(url)
        await self._file_system.upload(local, partial, 0o644, steps.sent)
        try:
            await self._file_system.move(partial, url)
            self.sent.append(name)
        except PathExistsError:
            await self._file_system.delete(partial)
        status = await self._file_system.status(url)
        if status is None:
            raise ConfigurationError(f"{url} was deleted meanwhile: publish again")
        if not status.permission & _OTHERS_READ:
            raise ConfigurationError(_unreadable(status))
        self._files[name] = status

    async def _on_disk(self, function: Callable[..., object], *paths: Path) -> None:
        """Have something written into the temporary folder, whose disk may be full by now."""
        try:
            await asyncio.to_thread(function, *paths)
        except OSError as error:
            raise ConfigurationError(
                f"{error.filename or paths[-1]}: {error.strerror or error}: make room there, or "
                "set TMPDIR to another folder, and publish again"
            ) from error

    def _check_unchanged(self) -> None:
        if self._installation.state() != self._state:
            raise ConfigurationError(
                f"{self._installation.folder} was changed while it was published: publish again"
            )

    def _check_space(self, creates_class_data: bool) -> None:  # noqa: FBT001  # of one caller
        needed = self._installation.size + _MEBIBYTE
        needed += class_data.MAX_SIZE if creates_class_data else 0
        free = shutil.disk_usage(self._work).free
        if free < needed:
            raise ConfigurationError(
                f"{self._work.parent} has {free // _MEBIBYTE} MiB of free space, and publishing "
                f"needs {needed // _MEBIBYTE} MiB there: set TMPDIR to another folder"
            )


class _Steps:
    """Lines of progress for an upload."""

    def __init__(self, say: Say, name: str, size: int) -> None:
        self._say = say
        self._name = name
        self._size = size
        self._said = -1
        self.sent(0)

    def sent(self, count: int) -> None:
        """Print a line for each step."""
        step = count * _STEPS // self._size
        if step > self._said and (step == 0 or self._size > 16 * _MEBIBYTE):
            shown = f"{max(1, self._size // _MEBIBYTE)} MiB"
            percent = f": {100 * step // _STEPS} %" if step else ""
            self._say(f"Uploading {self._name} ({shown}){percent}")
        self._said = max(self._said, step)


def _unreadable(status: FileStatus) -> str:
    """A default ACL of a folder has precedence over the permissions that a file is made with."""
    return (
        f"{status.path} cannot be read by other users (its permissions are "
        f"{status.permission & 0o7777:o}): remove a default ACL with `hdfs dfs -setfacl -k` from "
        "its folder, and delete it"
    )


def _spark(found: FoundFolder) -> PublishedSpark:
    assert found.spark is not None
    return found.spark


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    """A folder that is deleted after the block, or by the next publication if this process dies."""
    parent = Path(tempfile.gettempdir())
    _delete_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY))
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _delete_abandoned(parent: Path) -> None:
    """Delete temporary folders of this user whose process has ended."""
    now = datetime.now(UTC).timestamp()
    for folder in parent.glob(f"{_TEMPORARY}*"):
        with contextlib.suppress(OSError):
            found = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                status = os.fstat(found)
                if status.st_uid != os.geteuid() or now - status.st_mtime < _ABANDONED_SECONDS:
                    continue
                fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(found)
