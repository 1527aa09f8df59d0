"""The foundation of an environment without conda packages: a copy of an installed Python."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from yarnhub.environments.local_build.foundation import Placed
from yarnhub.environments.local_build.python import installed, interpreter
from yarnhub.environments.local_build.python.source import find_python, matches
from yarnhub.environments.problems import Problem, ProblemKind
from yarnhub.environments.threads import in_thread

if TYPE_CHECKING:
    from yarnhub.environments.local_build.process import Runner
    from yarnhub.environments.local_build.python.interpreter import InterpreterTree
    from yarnhub.environments.local_build.workbench import Workbench
    from yarnhub.environments.threads import Stop

PYTHONS, INTERPRETERS = "yarnhub-pythons", "yarnhub-interpreters"
"""Folders in the cache: of the Pythons of the site's list, and of copies that run in any folder."""


async def copied_python(wanted: str, bench: Workbench, runner: Runner) -> CopiedPython:
    """Find a Python and copy it into the cache, unless the builder has a copy.

    Cancelling leaves nothing incomplete.

    Args:
        wanted: A version or a range; empty for any.
        bench: The means of the build.
        runner: Runs uv.

    Raises:
        BuildError: There is no such Python, or it cannot be copied.
    """
    own = bench.builder.tree
    if own is not None and not bench.site.python_list and matches(wanted, own.python.version):
        return CopiedPython(own)
    pythons, trees = bench.cache / PYTHONS, bench.cache / INTERPRETERS
    program = await find_python(wanted, bench.site, bench.programs, runner, pythons)
    python = await asyncio.to_thread(installed.examine, program)
    copy = functools.partial(interpreter.cached_tree, python, trees, bench.programs)
    return CopiedPython(await in_thread(copy))


@dataclass(frozen=True, slots=True)
class CopiedPython:
    """A copy in the cache; see `Foundation`.

    Attributes:
        tree: The copy.
    """

    tree: InterpreterTree

    conda_lock: ClassVar[str] = ""
    written_prefix: ClassVar[str] = ""

    @property
    def digest(self) -> str:
        """The hash of its content."""
        return self.tree.digest

    @property
    def version(self) -> str:
        """The version of Python."""
        return self.tree.python.version

    @property
    def platform(self) -> str:
        """The operating system, the architecture and the C library."""
        return self.tree.python.platform

    @property
    def glibc(self) -> str:
        """The version of the C library."""
        return self.tree.python.glibc

    @property
    def program(self) -> Path:
        """The interpreter of the copy."""
        return self.tree.program

    async def place(self, prefix: Path, runner: Runner) -> Placed:
        """Copy it into the folder of an environment. Cancelling leaves a part of it."""
        del runner
        await in_thread(functools.partial(self._copy, prefix))
        python = self.tree.python
        left_out = (Problem(each, ProblemKind.MODULE_LEFT_OUT) for each in self.tree.left_out)
        # The standard library is compiled in the cache.
        packages = python.site_packages(prefix).relative_to(prefix)
        return Placed(python, packages, tuple(left_out))

    def _copy(self, prefix: Path, stop: Stop) -> None:
        # Not hard links, unlike packages: a package may replace a file of the interpreter.
        for folder, folders, files in os.walk(self.tree.folder):
            source = Path(folder)
            target = prefix / source.relative_to(self.tree.folder)
            target.mkdir()
            for name in (*folders, *files):
                stop.check()
                if (source / name).is_symlink():
                    (target / name).symlink_to((source / name).readlink())
                elif name in files:
                    shutil.copyfile(source / name, target / name)
                    inside = (target / name).relative_to(prefix).as_posix()
                    (target / name).chmod(interpreter.mode_of(inside))
