"""Hadoop's jars: the list for each version, and downloads into the cache.

A folder in the cache is either complete or missing: it is filled under another name and renamed.
Next to the jars is a manifest with their SHA-256 sums, which are checked before each use.

The sums of the tested Hadoop versions come with this package (`jars.txt`, to which
scripts/known_jars.py adds versions). Other versions are resolved with jgo; their jars are checked
against the repository's SHA-1 sums.
jgo's own download is not used: it only warns about a wrong sum, and leaves partial files behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import importlib.resources
import os
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.tasks import task_group
from yarnhub.cluster.errors import DownloadError
from yarnhub.cluster.state.lock import file_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import httpx

    Report = Callable[[str, int, int], None]
    """Called with the step, the number of finished items and their total."""

KNOWN_JARS = "jars.txt"
"""Next to this module: each jar with the Hadoop versions that it belongs to."""
MANIFEST = "SHA256SUMS"
MAX_DOWNLOADS = 8
"""Concurrent downloads; more are not faster with one repository."""
DOWNLOAD_ATTEMPTS = 3
ROOT_ARTIFACTS = (
    "org.apache.hadoop:hadoop-common",
    "org.apache.hadoop:hadoop-hdfs",
    "org.apache.hadoop:hadoop-yarn-server-resourcemanager",
    "org.apache.hadoop:hadoop-yarn-server-nodemanager",
    "org.apache.hadoop:hadoop-yarn-client",
    # The ResourceManager does not depend on it, but does not start without it.
    "org.apache.hadoop:hadoop-yarn-server-timelineservice",
    # Java clients that fetch delegation tokens for an application load a class from it.
    "org.apache.hadoop:hadoop-mapreduce-client-core",
)
KEY_SERVER_ARTIFACT = "org.apache.hadoop:hadoop-kms"
KEY_SERVER_VERSIONS = ("3.4.2",)
"""In Hadoop 2 it is a war, and 3.5.0's is not in Maven Central."""
ROUTER_SUFFIX = "-router"
"""Suffix of a version for the Router's additional jars; known for tested versions only."""
LOGGING_BINDING = "org.slf4j:slf4j-reload4j:1.7.36"
"""Without a binding Hadoop logs nothing; each of its tested versions uses reload4j."""
EXCLUDED_LOGGING_BINDING = "slf4j-log4j12"
"""A second binding, a dependency of some jars, of which every tool would warn."""


@dataclasses.dataclass(frozen=True, slots=True)
class Jar:
    """One file of a Maven repository.

    Attributes:
        path: The path in the repository.
        sha256: The expected sum; None if only the repository's SHA-1 is known.
    """

    path: str
    sha256: str | None

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.rpartition("/")[2]


async def provide_jars(
    version: str, cache: Path, *, repository: str | None, report: Report
) -> Path:
    """The folder of a Hadoop version's jars; downloads missing and damaged ones.

    If two processes do so at once, the second one waits for the first.
    Cancelling leaves complete jars behind, which the next call uses.

    Raises:
        DownloadError: A jar could not be downloaded.
        ConfigurationError: The package that resolves the version is missing.
    """
    jars = read_known_jars(version)
    name = cache_name(version, jars)
    folder = cache / name
    await asyncio.to_thread(cache.mkdir, parents=True, exist_ok=True)
    async with file_lock(cache / f"{name}.lock", deadline=1800):
        if await asyncio.to_thread(is_complete, folder, jars):
            return folder
        if jars is None and version.endswith(ROUTER_SUFFIX):
            raise ConfigurationError(
                f"the Router's jars are not in the built-in list for {version}"
            )
        if jars is None:
            report(f"resolving the dependencies of Hadoop {version}", 0, 0)
            jars = await asyncio.to_thread(resolve_jars, version, repository)
        partial = cache / f"{name}.partial"
        await asyncio.to_thread(_prepare, partial, folder)
        sums = await download_jars(jars, partial, repository or central(), report)
        await asyncio.to_thread(_finish, partial, folder, sums)
    return folder


def cache_name(version: str, known: Sequence[Jar] | None) -> str:
    """The name of a version's folder in the cache, which depends on the list of jars.

    Another yarnhub with another list does not change the jars of a running cluster.
    """
    if known is None:
        return f"hadoop-{version}"
    content = format_table(dict.fromkeys(known, (version,))).encode()
    return f"hadoop-{version}-{hashlib.sha256(content).hexdigest()[:8]}"


def read_known_jars(version: str) -> list[Jar] | None:
    """The jars of a tested version; None for other versions."""
    text = (importlib.resources.files(__package__) / KNOWN_JARS).read_text(encoding="ascii")
    return [jar for jar, versions in parse_table(text).items() if version in versions] or None


def parse_table(text: str) -> dict[Jar, set[str]]:
    """Jars with the Hadoop versions that each belongs to, from lines `SUM  PATH  VERSION,...`."""
    rows = (line.split("  ") for line in text.splitlines())
    return {Jar(path, sha256): set(versions.split(",")) for sha256, path, versions in rows}


def root_artifacts(version: str) -> tuple[str, ...]:
    """The artifacts whose dependencies are all jars of a version."""
    return (
        (*ROOT_ARTIFACTS, KEY_SERVER_ARTIFACT) if version in KEY_SERVER_VERSIONS else ROOT_ARTIFACTS
    )


def format_table(known: Mapping[Jar, Iterable[str]]) -> str:
    """What `parse_table` reads."""
    rows = sorted((jar.path, jar.sha256, ",".join(sorted(each))) for jar, each in known.items())
    return "".join(f"{sha256}  {path}  {versions}\n" for path, sha256, versions in rows)


def format_sums(sums: dict[str, str]) -> str:
    """Sums by file as the program sha256sum writes them."""
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))


def parse_sums(text: str) -> dict[str, str]:
    """Sums by file name from what `format_sums` wrote."""
    pairs = (line.split("  ", 1) for line in text.splitlines())
    return {name: digest for digest, name in pairs}


def is_complete(folder: Path, known: Sequence[Jar] | None = None) -> bool:
    """Whether the folder contains all files of its manifest with the right sums.

    Args:
        folder: The finished folder.
        known: The jars that the manifest must list; None accepts any.
    """
    try:
        sums = parse_sums((folder / MANIFEST).read_text(encoding="utf-8"))
        if known is not None and sums != {jar.name: jar.sha256 for jar in known}:
            return False
        return bool(sums) and all(_sha256(folder / name) == sums[name] for name in sums)
    except (OSError, ValueError):
        return False


def _has_sum(path: Path, sha256: str) -> bool:
    return path.is_file() and _sha256(path) == sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _prepare(partial: Path, folder: Path) -> None:
    """Create the folder to fill; a damaged one is reused for its good files."""
    if folder.is_dir() and not partial.exists():
        folder.rename(partial)
    partial.mkdir(exist_ok=True)
    (partial / MANIFEST).unlink(missing_ok=True)


def _finish(partial: Path, folder: Path, sums: dict[str, str]) -> None:
    for path in partial.iterdir():
        if path.name not in sums:
            path.unlink()
    (partial / MANIFEST).write_text(format_sums(sums), encoding="utf-8")
    with contextlib.suppress(FileNotFoundError):
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    partial.rename(folder)


async def download_jars(
    jars: Sequence[Jar], folder: Path, repository: str, report: Report
) -> dict[str, str]:
    """Download all jars into a folder, except those with the right sum.

    Cancelling leaves complete jars behind, and possibly files named `*.part`.

    Returns:
        Their SHA-256 sums by file name.

    Raises:
        DownloadError: One could not be downloaded, or has a wrong sum.
    """
    import httpx

    sums: dict[str, str] = {}
    slots = asyncio.Semaphore(MAX_DOWNLOADS)
    task = "downloading Hadoop's jars"

    async def fetch(jar: Jar) -> None:
        async with slots:
            sums[jar.name] = await _provide_one(client, jar, folder)
        report(task, len(sums), len(jars))

    report(task, 0, len(jars))
    base = repository.rstrip("/") + "/"
    async with (
        httpx.AsyncClient(base_url=base, timeout=30, follow_redirects=True) as client,
        task_group() as group,
    ):
        for jar in jars:
            group.create_task(fetch(jar), name=f"download {jar.name}")
    return sums


async def _provide_one(client: httpx.AsyncClient, jar: Jar, folder: Path) -> str:
    """Download one jar unless it exists; returns its SHA-256 sum."""
    import httpx

    path = folder / jar.name
    if jar.sha256 is not None and await asyncio.to_thread(_has_sum, path, jar.sha256):
        return jar.sha256
    problem = "not tried"
    for _ in range(DOWNLOAD_ATTEMPTS):
        try:
            content = (await client.get(jar.path)).raise_for_status().content
            sha256 = hashlib.sha256(content).hexdigest()
            if jar.sha256 is not None:
                good = sha256 == jar.sha256
            else:
                published = (await client.get(f"{jar.path}.sha1")).raise_for_status().text
                good = hashlib.sha1(content).hexdigest() == published.split()[0]  # noqa: S324
        except httpx.HTTPError as exc:
            problem = f"{type(exc).__name__}: {exc}"
            continue
        if good:
            await asyncio.to_thread(_write_whole, path, content)
            return sha256
        problem = "wrong checksum"
    raise DownloadError(f"{client.base_url}{jar.path} could not be downloaded: {problem}")


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file that has its name only when it is complete."""
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def central() -> str:
    """Maven Central's base URL."""
    from jgo.constants import MAVEN_CENTRAL_URL

    return str(MAVEN_CENTRAL_URL)


def resolve_jars(version: str, repository: str | None) -> list[Jar]:
    """Resolve the jars of a Hadoop version with jgo; blocks for up to two minutes.

    Raises:
        DownloadError: The repository does not have the version, or does not respond.
        ConfigurationError: jgo is not installed.
    """
    try:
        from jgo.maven import MavenContext
    except ImportError as exc:
        raise ConfigurationError(
            f"the jars of Hadoop {version} are not in the built-in list: "
            "install yarnhub[cluster] to resolve it"
        ) from exc

    with tempfile.TemporaryDirectory(prefix="yarnhub-maven-") as poms:
        context = MavenContext(
            repo_cache=Path(poms), remote_repos={"central": repository or central()}
        )
        roots = [context.create_dependency(f"{root}:{version}") for root in root_artifacts(version)]
        roots.append(context.create_dependency(LOGGING_BINDING))
        try:
            inputs, others = context.resolver.resolve(roots)
        except (RuntimeError, OSError, ET.ParseError) as exc:
            raise DownloadError(f"cannot resolve Hadoop {version}: {exc}") from exc
        return _jars_of([*inputs, *(one for one in others if one.scope in {"compile", "runtime"})])


def _jars_of(dependencies: Iterable[object]) -> list[Jar]:
    """The files of jgo's dependencies, which have no type annotations to rely on."""
    paths = set()
    for dependency in dependencies:
        artifact = dependency.artifact  # type: ignore[attr-defined]  # untyped package
        if artifact.packaging == "jar" and artifact.artifactId != EXCLUDED_LOGGING_BINDING:
            paths.add(f"{artifact.component.path_prefix.as_posix()}/{artifact.filename}")
    return [Jar(path, None) for path in sorted(paths)]
