"""Installs the packages of a lock upon a foundation."""

from __future__ import annotations

import asyncio
import csv
import functools
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.environments.errors import BuildError
from yarnhub.environments.local_build import byte_code
from yarnhub.environments.local_build.activate import activate_script
from yarnhub.environments.local_build.provided_packages import provided_packages, without_provided
from yarnhub.environments.local_build.python.bare import bare_python
from yarnhub.environments.local_build.python.interpreter import OF_LIBC, SETTINGS
from yarnhub.environments.problems import Problem, ProblemKind
from yarnhub.environments.progress import Progress, Step
from yarnhub.environments.requirements import write_lock
from yarnhub.environments.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from yarnhub.environments.local_build.foundation import Placed
    from yarnhub.environments.local_build.process import Runner
    from yarnhub.environments.local_build.workbench import Workbench
    from yarnhub.environments.requirements import LockedPackage
    from yarnhub.environments.threads import Stop

_MAX_PROBLEMS = 1000
_LIBRARY = re.compile(r"lib/[^/]*\.so[^/]*")
_STANDARD_LIBRARY = re.compile(r"(?s)lib(64)?/python3\.\d+/(?!site-packages/).*")


@dataclass(frozen=True, slots=True)
class Installation:
    """Installs packages upon a foundation.

    Attributes:
        prefix: The folder of the environment.
        placed: The foundation in it.
        bench: The means of the build.
    """

    prefix: Path
    placed: Placed
    bench: Workbench

    @property
    def program(self) -> Path:
        """The interpreter of the environment."""
        return self.prefix / "bin" / "python3"

    @property
    def packages(self) -> Path:
        """The folder of packages."""
        return self.placed.python.site_packages(self.prefix)

    async def install(
        self, packages: Sequence[LockedPackage], runner: Runner
    ) -> tuple[Problem, ...]:
        """Install the packages that the foundation lacks; returns files of several packages.

        Cancelling leaves a part of the environment.

        Args:
            packages: The lock.
            runner: Runs uv in a folder of this build.

        Raises:
            BuildError: A file of a package has another hash, or there is no wheel, in the words of
                uv; the foundation has another version of a package; or a package has files outside
                of the environment or of its interpreter.
        """
        own = await in_thread(functools.partial(_files, self.prefix))
        provided = await asyncio.to_thread(provided_packages, self.packages)
        missing = without_provided(packages, provided, self.placed.python.version)
        if missing:
            await self._run_uv(missing, runner)
        problems = await in_thread(functools.partial(self._check_files, own))
        self.bench.say(Progress(Step.INSTALL, len(missing), len(missing)))
        return problems

    async def _run_uv(self, packages: Sequence[LockedPackage], runner: Runner) -> None:
        lock = runner.folder / "lock.txt"
        await asyncio.to_thread(lock.write_text, write_lock(tuple(packages)), "utf-8")
        marker = self.prefix / "pyvenv.cfg"
        # With it, uv writes programs that find the interpreter in their own folder.
        await asyncio.to_thread(
            marker.write_text, f"home = {self.prefix}/bin\nrelocatable = true\n", "utf-8"
        )
        bare = await asyncio.to_thread(bare_python, self.program, runner.folder)
        total = len(packages)
        self.bench.say(Progress(Step.INSTALL, 0, total))
        await runner.run(
            [
                *(self.bench.programs.uv, "pip", "install", "--no-build", "--require-hashes"),
                # Dependencies that are not in the lock are packages of the foundation.
                *("--no-deps", "--strict", "--no-sources", "--link-mode", "hardlink"),
                *self.bench.site.index_options,
                *("--python", bare, "--requirements", lock.name),
            ],
            lambda line: self.bench.say(Progress(Step.INSTALL, 0, total, line)),
        )
        await asyncio.to_thread(marker.unlink)

    async def write_activate(self, *, conda: bool) -> None:
        """Write the script that activates it. Cancelling leaves it or another one."""
        activate = self.prefix / "bin" / "activate"
        # A package's may be a hard link into uv's cache.
        await asyncio.to_thread(activate.unlink, missing_ok=True)
        await asyncio.to_thread(activate.write_text, activate_script(conda=conda), "utf-8")

    async def compile(self, runner: Runner) -> tuple[Problem, ...]:
        """Compile the modules; returns those that cannot be compiled.

        Cancelling leaves a part of the compiled files.

        Args:
            runner: Runs the interpreter.

        Raises:
            BuildError: A file could not be written.
        """
        folder = runner.folder / "program"
        await asyncio.to_thread(folder.mkdir)
        program = folder / "byte_code.py"
        await asyncio.to_thread(shutil.copyfile, byte_code.__file__, program)
        problems: list[Problem] = []

        def line(text: str) -> None:
            try:
                found = json.loads(text)
            except ValueError:
                return  # a traceback, which is in the error
            if not isinstance(found, dict):
                return
            if "file" in found and len(problems) < _MAX_PROBLEMS:
                detail = clean_and_cut(str(found["error"]), lines=False)
                problems.append(Problem(str(found["file"]), ProblemKind.NOT_COMPILED, detail))
            elif "done" in found:
                self.bench.say(Progress(Step.COMPILE, int(found["done"]), int(found["total"])))

        processes = self.bench.site.processes or len(os.sched_getaffinity(0))
        python = (self.program, *byte_code.OPTIONS, program)
        await runner.run([*python, self.prefix, self.placed.not_compiled, str(processes)], line)
        return tuple(problems)

    def _check_files(self, own: Collection[str], stop: Stop) -> tuple[Problem, ...]:
        """Check that packages have files in the environment only, and none of the interpreter's.

        uv itself refuses scripts elsewhere, and leaves out files of wheels that would be elsewhere.
        """
        # In folders below `lib`, too: the loader prefers some that are named after processors.
        libraries = {name.removeprefix("lib/") for name in own if _LIBRARY.fullmatch(name)}
        found: dict[str, tuple[str, str]] = {}
        problems: list[Problem] = []
        for record in sorted(self.packages.glob("*.dist-info/RECORD")):
            stop.check()
            if record.relative_to(self.prefix).as_posix() in own:
                continue
            package = record.parent.name.removesuffix(".dist-info")
            for name, digest in _recorded(record):
                inside = self._inside(package, name, own, libraries)
                before = ("a conda package", "") if inside in own else (package, digest)
                other, other_digest = found.setdefault(inside, before)
                if digest != other_digest and len(problems) < _MAX_PROBLEMS:
                    both = f"{other} and {package}"
                    problems.append(Problem(inside, ProblemKind.OVERWRITTEN, both))
        for path in _links(self.prefix):
            target = Path(os.path.normpath(path.parent / path.readlink()))
            if not target.is_relative_to(self.prefix):
                link = path.relative_to(self.prefix)
                raise _refusal(f"{link} is a link to {target}, which is outside of it")
        return tuple(problems)

    def _inside(
        self, package: str, name: str, own: Collection[str], libraries: Collection[str]
    ) -> str:
        """The name in the environment of a package's file; refuses some."""
        path = Path(os.path.normpath(self.packages / name))
        shown = clean_and_cut(name, lines=False)
        if not path.is_relative_to(self.prefix):
            raise _refusal(f"the package {package} has a file outside of it: {shown}")
        inside = path.relative_to(self.prefix).as_posix()
        is_module = path.is_relative_to(self.packages)
        if inside in own and not is_module:
            raise _refusal(f"the package {package} replaces a file of the interpreter: {shown}")
        is_library = path.name in libraries or OF_LIBC.fullmatch(path.name)
        if (
            SETTINGS.fullmatch(inside)
            or _STANDARD_LIBRARY.fullmatch(inside)
            or (is_library and inside.startswith("lib/") and not is_module)
        ):
            raise _refusal(
                f"the package {package} takes over the interpreter with the file {shown}"
            )
        return inside


def _files(prefix: Path, stop: Stop) -> frozenset[str]:
    """The names of all files and links."""
    found = set()
    for folder, folders, files in os.walk(prefix):
        stop.check()
        # Thousands of files: without an object for each path.
        paths = [os.path.join(folder, name) for name in (*folders, *files)]  # noqa: PTH118
        links = filter(os.path.islink, paths[: len(folders)])
        found |= {os.path.relpath(path, prefix) for path in (*links, *paths[len(folders) :])}
    return frozenset(found)


def _refusal(reason: str) -> BuildError:
    return BuildError(Step.INSTALL, f"the environment is refused: {reason}")


def _recorded(record: Path) -> Iterator[tuple[str, str]]:
    """The names and hashes of a package's files."""
    with record.open(newline="", encoding="utf-8", errors="replace") as file:
        try:
            for row in csv.reader(file):
                if row:
                    yield row[0], row[1] if len(row) > 1 else ""
        except csv.Error as error:
            package = record.parent.name.removesuffix(".dist-info")
            raise _refusal(f"the list of files of {package} is damaged: {error}") from error


def _links(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for each in entries:
            if each.is_symlink():
                yield Path(each.path)
            elif each.is_dir(follow_symlinks=False):
                yield from _links(Path(each.path))
