"""What the packages of an index are installed upon: an interpreter, and what comes with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from yarnhub.environments.local_build.process import Runner
    from yarnhub.environments.local_build.python.installed import InstalledPython
    from yarnhub.environments.problems import Problem


@dataclass(frozen=True, slots=True)
class Placed:
    """A foundation in the folder of an environment.

    Attributes:
        python: Its interpreter, in that folder.
        not_compiled: The folder of its modules that have no byte code, or all of its modules.
        problems: What the user should know.
    """

    python: InstalledPython
    not_compiled: Path
    problems: Sequence[Problem] = ()


class Foundation(Protocol):
    """A foundation whose content is known."""

    @property
    def digest(self) -> str:
        """The hash of its content."""

    @property
    def version(self) -> str:
        """The version of Python."""

    @property
    def platform(self) -> str:
        """The operating system, the architecture and the C library."""

    @property
    def glibc(self) -> str:
        """The version of the C library on the machine that builds, which selects wheels."""

    @property
    def conda_lock(self) -> str:
        """Its conda packages; empty without any."""

    @property
    def program(self) -> Path | None:
        """An interpreter that packages can be resolved for; None before it is placed."""

    @property
    def written_prefix(self) -> str:
        """The path that files have instead of the environment's folder; empty for none."""

    async def place(self, prefix: Path, runner: Runner) -> Placed:
        """Make the folder of an environment. Once; cancelling leaves a part of it.

        Args:
            prefix: The folder; it must not exist.
            runner: Runs programs in a folder of this build.

        Raises:
            BuildError: It cannot be installed, with the words of the program that failed.
        """
