"""Builds an environment: from a specification to an archive, on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.environments.errors import BuildError, DiskFullError
from yarnhub.environments.local_build.builder import Builder
from yarnhub.environments.local_build.cache import prepare_cache
from yarnhub.environments.local_build.conda.packages import conda_packages
from yarnhub.environments.local_build.conda.relocation import matters_at_run_time
from yarnhub.environments.local_build.copied_python import copied_python
from yarnhub.environments.local_build.install import Installation
from yarnhub.environments.local_build.key import environment_key
from yarnhub.environments.local_build.lock import export_uv_lock, resolve
from yarnhub.environments.local_build.pack import Packed, pack
from yarnhub.environments.local_build.process import Runner, disk_is_full, is_full
from yarnhub.environments.local_build.programs import find_programs
from yarnhub.environments.local_build.provided_packages import ProvidedPackage, provided_packages
from yarnhub.environments.local_build.work_folder import WorkFolder
from yarnhub.environments.local_build.workbench import Workbench
from yarnhub.environments.progress import Progress, Say, Step
from yarnhub.environments.requirements import write_lock
from yarnhub.environments.threads import in_thread

if TYPE_CHECKING:
    from yarnhub.environments.local_build.foundation import Foundation, Placed
    from yarnhub.environments.local_build.site import BuildSite
    from yarnhub.environments.problems import Problem
    from yarnhub.environments.requirements import LockedPackage
    from yarnhub.environments.specification import EnvironmentSpec
    from yarnhub.environments.threads import Stop

Exists = Callable[[str], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class BuiltEnvironment:
    """An environment that was built.

    Attributes:
        key: The hash of all that its content depends on.
        archive: The archive; None if an environment with this key existed.
        sha256: Of the archive; empty without one. Two archives of the same key are usually, but not
            always equal: the processor selects the code that compresses.
        size: The bytes of the archive.
        files: How many files and folders it has.
        lock: The packages with their versions and hashes, in pip's format.
        python: The version of Python.
        platform: The operating system, the architecture and the C library.
        glibc: The oldest glibc that it runs with; empty without an archive.
        problems: What the user should know.
        conda_lock: The conda packages with their URLs and hashes, in the format of `conda list
            --explicit`; empty without any.
    """

    key: str
    archive: Path | None
    sha256: str
    size: int
    files: int
    lock: str
    python: str
    platform: str
    glibc: str
    problems: tuple[Problem, ...]
    conda_lock: str = ""


async def build(
    specification: EnvironmentSpec,
    site: BuildSite,
    folder: Path,
    say: Say,
    *,
    target: Path | None = None,
    exists: Exists | None = None,
    builder: Builder | None = None,
) -> BuiltEnvironment:
    """Build an environment.

    If cancelled or failed, nothing is left in the folder, and programs that it has started have
    ended. If this process is killed, the next build in the folder deletes what is left.

    Args:
        specification: The environment.
        site: Indexes, certificates and limits.
        folder: Where to build; it needs space for the environment and the archive. The fastest is
            one on the same disk as the site's cache.
        say: Is called with the progress.
        target: The archive, on the disk of the folder; it is replaced if it exists. None for
            `<key>.tar.gz` in the folder.
        exists: Whether an environment with a key exists: then the build ends with the lock.
        builder: What builds; None for what this Python has.

    Raises:
        BuildError: A step failed, with the words of the program that failed; see `step`.
        DiskFullError: The disk is full.
        ConfigurationError: The machine or the site's configuration lacks something.
    """
    async with _work_folder(folder) as work:
        cache = await _cache(site, work)
        bench = Workbench(site, builder or Builder(find_programs()), work, cache, say)
        one = _Build(specification, folder, bench)
        return await one.run(target, exists)


async def project_lock(project: Path, site: BuildSite, folder: Path) -> str:
    """The lock of a project with a `uv.lock`, for `SpecificationFile.with_lock`.

    Cancelling leaves nothing.

    Args:
        project: The folder with `pyproject.toml` and `uv.lock`.
        site: The site.
        folder: A folder for temporary files.

    Raises:
        BuildError: It is not readable, in the words of uv.
        ConfigurationError: The machine or the site's configuration lacks something.
    """
    async with _work_folder(folder) as work:
        variables = site.variables(work, await _cache(site, work))
        runner = Runner(Step.LOCK, work, variables, site.step_timeout)
        return await export_uv_lock(project, find_programs(), runner)


async def _cache(site: BuildSite, work: Path) -> Path:
    cache = Path(site.cache or work / "cache")
    await asyncio.to_thread(prepare_cache, cache)
    return cache


class _Build:
    """One build."""

    def __init__(self, specification: EnvironmentSpec, folder: Path, bench: Workbench) -> None:
        self._specification = specification
        self._folder = folder
        self._bench = bench
        self._loop = asyncio.get_running_loop()

    async def run(self, target: Path | None, exists: Exists | None) -> BuiltEnvironment:
        """Build it."""
        try:
            await asyncio.to_thread(self._bench.site.check_files)
            return await self._run(target, exists)
        except OSError as error:
            step = self._bench.step
            if is_full(error):
                # Of a copy, the second name is the one that is written.
                named = error.filename2 or error.filename
                usual = self._bench.cache if step is Step.INTERPRETER else self._folder
                where = Path(named).parent if named else usual
                raise DiskFullError(step, disk_is_full(where)) from error
            place = f"{error.filename}: " if error.filename else ""
            raise BuildError(step, f"{place}{error.strerror or error}") from error

    async def _run(self, target: Path | None, exists: Exists | None) -> BuiltEnvironment:
        bench = self._bench
        foundation = await self._foundation()
        packages, placed = await self._lock(foundation)
        # Only wheels are selected by the C library.
        glibc = foundation.glibc if packages else ""
        built = BuiltEnvironment(
            key=environment_key(packages, foundation.digest, foundation.platform, glibc),
            archive=None,
            sha256="",
            size=0,
            files=0,
            lock=write_lock(packages),
            python=foundation.version,
            platform=foundation.platform,
            glibc="",
            problems=(),
            conda_lock=foundation.conda_lock,
        )
        if exists is not None and await exists(built.key):
            return built
        runner = bench.start(Step.INSTALL)
        if placed is None:
            placed = await foundation.place(self._prefix, runner)
        installation = Installation(self._prefix, placed, bench)
        overwritten = await installation.install(packages, runner)
        await installation.write_activate(conda=bool(foundation.conda_lock))
        not_compiled = await installation.compile(bench.start(Step.COMPILE))
        bench.start(Step.PACK)
        partial = bench.folder / "environment.tar.gz"
        packed = await in_thread(functools.partial(self._pack, partial, foundation.written_prefix))
        await in_thread(functools.partial(_only, partial))
        # From here on nothing waits: it is either complete or does not exist.
        archive = partial.replace(target or self._folder / f"{built.key}.tar.gz")
        paths = (each for each in packed.problems if matters_at_run_time(each))
        return replace(
            built,
            archive=archive,
            sha256=packed.sha256,
            size=packed.size,
            files=packed.files,
            glibc=packed.glibc,
            problems=(*placed.problems, *overwritten, *not_compiled, *paths),
        )

    async def _foundation(self) -> Foundation:
        specification, bench = self._specification, self._bench
        if specification.conda.is_used:
            return await conda_packages(specification, bench, bench.start(Step.LOCK))
        return await copied_python(specification.python, bench, bench.start(Step.INTERPRETER))

    async def _lock(
        self, foundation: Foundation
    ) -> tuple[tuple[LockedPackage, ...], Placed | None]:
        """The packages of indexes, and the foundation if they are resolved around what it has."""
        bench, pip = self._bench, self._specification.pip
        placed: Placed | None = None
        program, provided = foundation.program, tuple[ProvidedPackage, ...]()
        if pip and program is None:
            placed = await foundation.place(self._prefix, bench.start(Step.INSTALL))
            program = self._prefix / "bin" / "python3"
            folder = placed.python.site_packages(self._prefix)
            provided = await asyncio.to_thread(provided_packages, folder)
        packages = self._specification.locked
        if pip or packages:
            runner = bench.start(Step.LOCK)
            if program is not None and pip:
                packages = await resolve(pip, program, provided, bench, runner)
            bench.say(Progress(Step.LOCK, len(packages), len(packages)))
        return packages, placed

    @property
    def _prefix(self) -> Path:
        return self._bench.folder / "environment"

    def _pack(self, target: Path, written_prefix: str, stop: Stop) -> Packed:
        def progress(done: int, total: int) -> None:
            step = Progress(Step.PACK, done, total)
            self._loop.call_soon_threadsafe(self._bench.say, step)

        return pack(self._prefix, target, progress, stop, written_prefix)


@contextlib.asynccontextmanager
async def _work_folder(parent: Path) -> AsyncIterator[Path]:
    """A folder that is deleted after the block, or by the next build if this process dies."""
    work = WorkFolder(parent)
    try:
        yield await in_thread(work.make)
    finally:
        # Without a wait if it is empty, so that nobody can cancel what is complete.
        if not work.removed():
            await in_thread(work.delete)


def _only(archive: Path, stop: Stop) -> None:
    """Delete everything else in its folder."""
    del stop
    for each in archive.parent.iterdir():
        if each.is_dir():
            shutil.rmtree(each, ignore_errors=True)
        elif each != archive:
            each.unlink()
