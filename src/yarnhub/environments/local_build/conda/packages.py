"""The foundation of an environment with conda packages: what conda installs, Python included."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import importlib.util
import json
import platform
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.environments.conda_lock import (
    NOARCH,
    CondaPackage,
    conda_package,
    conda_subdir,
    read_conda_lock,
    write_conda_lock,
)
from yarnhub.environments.errors import BuildError
from yarnhub.environments.local_build.conda import program as conda_program
from yarnhub.environments.local_build.conda.relocation import META, WRITTEN_PREFIX, relocate
from yarnhub.environments.local_build.foundation import Placed
from yarnhub.environments.local_build.python import installed
from yarnhub.environments.local_build.python.interpreter import SETTINGS
from yarnhub.environments.local_build.python.source import matches
from yarnhub.environments.progress import Progress, Step
from yarnhub.environments.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yarnhub.environments.local_build.process import Runner
    from yarnhub.environments.local_build.workbench import Workbench
    from yarnhub.environments.specification import EnvironmentSpec
    from yarnhub.environments.threads import Stop

FORMAT = 1
"""Raised when the same packages are installed in another way."""
_FOLDER = "yarnhub-conda"
"""In the cache."""
_OLDEST_PYTHON = ">=3.9"
_VERSION = re.compile(r"\d+(\.\d+)*")


async def conda_packages(
    specification: EnvironmentSpec, bench: Workbench, runner: Runner
) -> CondaPackages:
    """The packages of the specification's lock, or resolve them.

    Cancelling leaves files in the folder of the build.

    Args:
        specification: An environment with conda packages.
        bench: The means of the build.
        runner: Runs the solver.

    Raises:
        BuildError: They have no solution, in the words of the solver; a channel does not respond;
            or the lock is for another platform or Python, or has no Python.
        ConfigurationError: The extra is not installed.
    """
    if specification.conda.lock:
        packages = read_conda_lock(specification.conda.lock)
    else:
        packages = await _resolve(specification, bench, runner)
    bench.say(Progress(Step.LOCK, len(packages), len(packages)))
    subdir = conda_subdir(platform.machine())
    foreign = next((each for each in packages if each.subdir not in (NOARCH, subdir)), None)
    if foreign is not None:
        raise _failure(f"{foreign.file} is for {foreign.subdir}, not for {subdir}")
    python = next((each for each in packages if each.name == "python"), None)
    if python is None:
        raise _failure("the lock has no package `python`: add it")
    wanted = specification.python or _OLDEST_PYTHON
    if not matches(wanted, python.version):
        raise _failure(f"the lock has Python {python.version}, not {wanted}")
    return CondaPackages(packages, python.version, bench)


async def _resolve(
    specification: EnvironmentSpec, bench: Workbench, runner: Runner
) -> tuple[CondaPackage, ...]:
    conda, site = specification.conda, bench.site
    channels = conda.channels or site.conda_channels
    if not channels:
        raise _failure("conda packages need a channel: add `conda.channels`")
    plan = conda_program.ResolvePlan(
        action="resolve",
        libraries=_libraries(),
        cache=str(bench.cache / _FOLDER / "indexes"),
        seconds=site.step_timeout,
        channels=list(channels),
        alias=site.conda_channel_alias,
        mirrors=dict(site.conda_mirrors),
        packages=[*conda.packages, f"python {_conda_range(specification.python)}"],
        subdir=conda_subdir(platform.machine()),
        virtual_packages={**_virtual_packages(), **site.conda_virtual_packages},
    )
    lines: list[Mapping[str, object]] = []
    await _run(plan, runner, lines.append)
    try:
        packages = [conda_package(str(each["url"]), str(each["sha256"])) for each in lines]
    except SpecError as error:
        raise _failure(f"a package of a channel cannot be used: {error}") from error
    return tuple(sorted(packages, key=lambda each: each.name))


def _conda_range(python: str) -> str:
    """The range of versions in conda's notation."""
    if not _VERSION.fullmatch(python):
        return python or _OLDEST_PYTHON
    return f"=={python}" if python.count(".") > 1 else f"{python}.*"


def _virtual_packages() -> dict[str, str]:
    """What conda's packages can require of this machine; of processors, only the oldest."""
    kernel = _VERSION.match(platform.release())
    return {
        "__unix": "0",
        "__linux": kernel[0] if kernel is not None else "0",
        "__glibc": platform.libc_ver()[1],
        "__archspec": f"1={platform.machine()}",
    }


@dataclass(frozen=True, slots=True)
class CondaPackages:
    """Conda packages, by name; see `Foundation`.

    Attributes:
        packages: The packages.
        version: The version of Python.
        bench: The means of the build.
    """

    packages: tuple[CondaPackage, ...]
    version: str
    bench: Workbench

    program: ClassVar[Path | None] = None
    written_prefix: ClassVar[str] = WRITTEN_PREFIX

    @property
    def digest(self) -> str:
        """The hash of its content: not of where the packages are."""
        entries = [
            [each.name, each.version, each.build, each.subdir, each.sha256]
            for each in self.packages
        ]
        text = json.dumps([FORMAT, WRITTEN_PREFIX, entries], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def platform(self) -> str:
        """The operating system, the architecture and the C library."""
        return f"linux-{platform.machine()}-gnu"

    @property
    def glibc(self) -> str:
        """The version of the C library on this machine."""
        return platform.libc_ver()[1]

    @property
    def conda_lock(self) -> str:
        """The lock."""
        return write_conda_lock(self.packages)

    async def place(self, prefix: Path, runner: Runner) -> Placed:
        """Fetch and install the packages. Cancelling leaves a part of them.

        Raises:
            BuildError: A file has another hash; or a package has files outside of the environment,
                or settings of its interpreter.
        """
        bench = self.bench
        content = bench.folder / "conda-packages"
        plan = conda_program.InstallPlan(
            action="install",
            libraries=_libraries(),
            cache=str(bench.cache / _FOLDER / "packages"),
            folder=str(content),
            mirrors=dict(bench.site.conda_mirrors),
            packages=[_locked_file(each) for each in self.packages],
            prefix=str(prefix),
            written_prefix=WRITTEN_PREFIX,
            subdir=conda_subdir(platform.machine()),
        )
        await _run(plan, runner, self._say)
        await in_thread(functools.partial(_check_files, prefix))
        python = await asyncio.to_thread(installed.examine, prefix / "bin" / "python3")
        library = Path(python.platlibdir) / f"python{python.short_version}"
        problems = await in_thread(functools.partial(relocate, prefix, library))
        await in_thread(functools.partial(_delete, content))
        return Placed(python, library, problems)

    def _say(self, line: Mapping[str, object]) -> None:
        text = str(line.get("said", ""))
        self.bench.say(Progress(Step.INSTALL, 0, len(self.packages), text))


def _locked_file(package: CondaPackage) -> conda_program.LockedFile:
    return conda_program.LockedFile(
        url=package.url,
        sha256=package.sha256,
        name=package.name,
        version=package.version,
        build=package.build,
    )


async def _run(
    plan: conda_program.ResolvePlan | conda_program.InstallPlan,
    runner: Runner,
    take: Callable[[Mapping[str, object]], None],
) -> None:
    """Run the program for a plan, and take what it prints."""
    file = runner.folder / f"conda-{plan['action']}.json"
    await asyncio.to_thread(file.write_text, json.dumps(plan), "utf-8")

    def line(text: str) -> None:
        try:
            found = json.loads(text)
        except ValueError:
            return  # a message, which is in the error
        if isinstance(found, dict):
            take(found)

    # Isolated: without the folder of the program, in which Python would search modules.
    await runner.run([sys.executable, "-I", conda_program.__file__, file], line)


def _libraries() -> list[str]:
    """The folders of packages that the program imports: it does not see those of the user."""
    specs = [importlib.util.find_spec(name) for name in ("rattler", "yarnhub")]
    files = [Path(each.origin) for each in specs if each is not None and each.origin is not None]
    if len(files) < len(specs):
        raise ConfigurationError(
            "conda packages need the package py-rattler: install `yarnhub[environments]`"
        )
    return [str(each.parent.parent) for each in files]


def _check_files(prefix: Path, stop: Stop) -> None:
    for description in sorted((prefix / META).glob("*.json")):
        stop.check()
        package = json.loads(description.read_text("utf-8"))
        for name in package["files"]:
            if SETTINGS.fullmatch(name):
                raise BuildError(
                    Step.INSTALL,
                    f"the environment is refused: the conda package {package['name']} takes over "
                    f"the interpreter with the file {clean_and_cut(name, lines=False)}",
                )


def _delete(folder: Path, stop: Stop) -> None:
    del stop
    shutil.rmtree(folder, ignore_errors=True)


def _failure(message: str) -> BuildError:
    return BuildError(Step.LOCK, message)
