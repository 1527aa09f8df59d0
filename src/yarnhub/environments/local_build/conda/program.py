"""Resolves and installs conda packages with py-rattler; run by yarnhub's Python, not imported.

It is a process of its own because the library ends its process on some damaged packages, has
threads that cannot be canceled, and reads settings and credentials from the home folder.

Reads a plan (`ResolvePlan` or `InstallPlan` as JSON), and prints one JSON object for each line, or
a message that starts with `error:`.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import hashlib
import json
import os
import shutil
import sys
import tempfile
import urllib.parse
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rattler import Channel, Client, RepoDataRecord

_DOWNLOADS = 8
"""At the same time; indexes of packages usually allow some tens for each client."""
_ABANDONED_SECONDS = 24 * 3600
"""Age of an incomplete file that no process writes any more."""


class ResolvePlan(TypedDict):
    """What to resolve.

    Attributes:
        action: `resolve`.
        libraries: Folders with py-rattler and yarnhub.
        cache: The folder for indexes of channels.
        seconds: How long the solver can take.
        channels: Names or URLs, the one with the highest priority first.
        alias: The URL below which channels are that have a name; empty for the library's own.
        mirrors: URLs that replace the beginnings of others.
        packages: What to install, with the names of channels before `::`.
        subdir: The platform.
        virtual_packages: Properties of the nodes, such as `__glibc`: a version, or `version=build`.
    """

    action: str
    libraries: Sequence[str]
    cache: str
    seconds: float
    channels: Sequence[str]
    alias: str
    mirrors: Mapping[str, str]
    packages: Sequence[str]
    subdir: str
    virtual_packages: Mapping[str, str]


class LockedFile(TypedDict):
    """A package to install: the URL and the hash of its file, and what must be in it."""

    url: str
    sha256: str
    name: str
    version: str
    build: str


class InstallPlan(TypedDict):
    """What to install.

    Attributes:
        action: `install`.
        libraries: Folders with py-rattler and yarnhub.
        cache: The folder for files of packages, which are kept by their hashes.
        folder: A folder for their content, on the disk of the environment.
        mirrors: URLs that replace the beginnings of others.
        packages: The packages.
        prefix: The folder of the environment.
        written_prefix: What is written into files instead.
        subdir: The platform.
    """

    action: str
    libraries: Sequence[str]
    cache: str
    folder: str
    mirrors: Mapping[str, str]
    packages: Sequence[LockedFile]
    prefix: str
    written_prefix: str
    subdir: str


class RefusedError(Exception):
    """A package cannot be installed; the message is for the user."""


async def resolve(plan: ResolvePlan) -> None:
    """Print the packages of a solution."""
    from rattler import (
        Gateway,
        GenericVirtualPackage,
        MatchSpec,
        PackageName,
        Subdir,
        Version,
        solve,
    )
    from rattler.exceptions import InvalidMatchSpecError
    from rattler.package.build_string import BuildString

    channels = {given: _channel(given, plan) for given in plan["channels"]}
    specs = []
    for package in plan["packages"]:
        channel, separator, rest = package.rpartition("::")
        if separator:
            channels.setdefault(channel, _channel(channel, plan))
            rest = f"{channels[channel].base_url.rstrip('/')}::{rest}"
        try:
            specs.append(MatchSpec(rest))
        except InvalidMatchSpecError as error:
            raise RefusedError(f"'{package}' is not a conda package: {error}") from error
    records = await solve(
        sources=list(channels.values()),
        specs=specs,
        gateway=Gateway(cache_dir=Path(plan["cache"]), client=_client()),
        platforms=[Subdir(plan["subdir"]), Subdir("noarch")],
        virtual_packages=[
            GenericVirtualPackage(PackageName(name), Version(version), BuildString(build or "0"))
            for name, given in plan["virtual_packages"].items()
            for version, _, build in [given.partition("=")]
        ],
        timeout=dt.timedelta(seconds=plan["seconds"]),
    )
    originals = {mirror: original for original, mirror in plan["mirrors"].items()}
    for each in records:
        digest = each.sha256.hex() if each.sha256 is not None else ""
        _say({"url": replaced(each.url, originals), "sha256": digest})


async def install(plan: InstallPlan) -> None:
    """Fetch packages, check them, and install them."""
    from rattler import Subdir
    from rattler import install as install_packages
    from rattler.install import InstallerReporter

    from yarnhub.base.tasks import task_group

    class Reporter(InstallerReporter):
        def on_link_start(self, operation: int, package_name: str) -> int:
            _say({"said": f"installing {package_name}"})
            return operation

    _delete_abandoned(_partials(plan))
    client = _client()
    slots = asyncio.Semaphore(_DOWNLOADS)

    async def fetched(package: LockedFile) -> Path:
        async with slots:
            file = await _file(package, plan, client)
        _say({"said": f"fetched {package['name']} {package['version']}"})
        return file

    async with task_group() as group:
        tasks = [group.create_task(fetched(each)) for each in plan["packages"]]
    files = zip(plan["packages"], tasks, strict=True)
    records = [await _record(package, task.result()) for package, task in files]
    await _check_paths(records)
    await install_packages(
        records,
        target_prefix=plan["prefix"],
        cache_dir=Path(plan["folder"]),
        installed_packages=[],
        platform=Subdir(plan["subdir"]),
        execute_link_scripts=False,
        reporter=Reporter(),  # type: ignore[abstract]  # its methods are optional
        client=client,
        alternative_target_prefix=plan["written_prefix"],
    )


def _client() -> Client:
    """With the certificates, the proxies and the netrc file that variables name."""
    from rattler import Client, Config

    return Client.from_config(Config.from_toml('tls-root-certs = "system"'))


def _channel(given: str, plan: ResolvePlan) -> Channel:
    from rattler import Channel, ChannelConfig

    config = ChannelConfig(f"{plan['alias'].rstrip('/')}/") if plan["alias"] else ChannelConfig()
    return Channel(replaced(Channel(given, config).base_url, plan["mirrors"]))


def replaced(url: str, by: Mapping[str, str]) -> str:
    """A URL with its longest beginning in `by` replaced; only whole folders count."""
    for begin in sorted(by, key=len, reverse=True):
        rest = url.removeprefix(begin.rstrip("/"))
        if rest != url and (not rest or rest.startswith("/")):
            return by[begin].rstrip("/") + rest
    return url


async def _file(package: LockedFile, plan: InstallPlan, client: Client) -> Path:
    """The file of a package in the cache, with the hash of the lock."""
    from rattler.package_streaming import download_to_writer

    name = package["url"].rpartition("/")[2]
    folder = Path(plan["cache"]) / package["sha256"]
    file = folder / name
    if file.is_file() and _digest(file) == package["sha256"]:
        return file
    url = replaced(package["url"], plan["mirrors"])
    descriptor, partial_name = tempfile.mkstemp(dir=_partials(plan))
    partial = Path(partial_name)
    try:
        with open(descriptor, "wb") as target:  # noqa: PTH123  # it has been opened
            if url.startswith("file:"):
                _copy(_local(url), target)
            else:
                await download_to_writer(client, url, target)
        found = _digest(partial)
        if found != package["sha256"]:
            raise RefusedError(
                f"{url} has the SHA-256 {found}, and the lock has {package['sha256']}: the file "
                "has changed since it was locked"
            )
        folder.mkdir(parents=True, exist_ok=True)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return file


def _copy(source: Path, target: IO[bytes]) -> None:
    if not source.is_file():  # others can block, or have no end
        raise RefusedError(f"{source} does not exist, or is not a file")
    with source.open("rb") as content:
        shutil.copyfileobj(content, target)


def _partials(plan: InstallPlan) -> Path:
    """The folder of files that are not complete."""
    return Path(plan["cache"]) / "partial"


def _delete_abandoned(folder: Path) -> None:
    """Delete files that killed processes have left."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder) as now:
        before = Path(now.name).stat().st_mtime - _ABANDONED_SECONDS
    for each in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if each.stat().st_mtime < before:
                each.unlink()


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


async def _record(package: LockedFile, file: Path) -> RepoDataRecord:
    """What the package's own description says, which must agree with its name in the lock."""
    from rattler import RepoDataRecord
    from rattler.exceptions import ExtractError

    try:
        record = await RepoDataRecord.from_package_archive(file)
    except (ExtractError, OSError) as error:
        raise RefusedError(f"{file.name} is not a package: {error}") from error
    said = (record.name.normalized, str(record.version), str(record.build))
    if said != (package["name"], package["version"], package["build"]):
        raise RefusedError(f"{file.name} is another package: {'-'.join(said)}")
    packages = record.python_site_packages_path
    if packages is not None and _leaves(packages):
        raise RefusedError(f"{file.name} has packages outside of the environment: {packages}")
    return record


async def _check_paths(records: Sequence[RepoDataRecord]) -> None:
    """Refuse files outside of the environment, also those that are below a link to elsewhere."""
    links: dict[PurePosixPath, str] = {}
    names: list[tuple[PurePosixPath, str]] = []
    for record in records:
        for name, is_link in await _paths(record):
            if _leaves(name):
                raise RefusedError(
                    f"{record.file_name} has a file outside of the environment: {name}"
                )
            path = PurePosixPath(name)
            names.append((path, record.file_name))
            if is_link:
                links[path] = record.file_name
    for path, package in names:
        below = next((each for each in path.parents if each in links), None)
        if below is not None:
            raise RefusedError(
                f"{package} has the file {path}, but {below} is a link of {links[below]}"
            )


async def _paths(record: RepoDataRecord) -> list[tuple[str, bool]]:
    """The names of the package's files, and whether they are links."""
    from rattler.exceptions import ExtractError
    from rattler.package_streaming import PackageArchive

    try:
        archive = await PackageArchive.from_path(_local(record.url))
        paths = (await archive.paths_json()).paths
    except (ExtractError, OSError) as error:
        raise RefusedError(f"{record.file_name} has no list of files: {error}") from error
    return [(str(each.relative_path), each.path_type.softlink) for each in paths]


def _local(url: str) -> Path:
    return Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path))


def _leaves(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts


def _say(line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main(file: str) -> int:
    """Carry out the plan in a file."""
    plan = json.loads(Path(file).read_text("utf-8"))
    sys.path += plan["libraries"]
    from rattler.exceptions import (
        GatewayError,
        InstallerError,
        InvalidChannelError,
        InvalidVersionError,
        SolverError,
    )

    try:
        asyncio.run(resolve(plan) if plan["action"] == "resolve" else install(plan))
    except (
        RefusedError,
        GatewayError,
        InstallerError,
        InvalidChannelError,
        InvalidVersionError,
        SolverError,
        RuntimeError,  # of a download
        OSError,
    ) as error:
        sys.stdout.write(f"error: {str(error).strip()}\n")
        return 1
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1])
    sys.stdout.flush()
    # Without the end of the interpreter, in which threads of the library can crash.
    os._exit(code)
