"""What a user should know of an environment that was built, as data and as sentences."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import assert_never


class ProblemKind(enum.Enum):
    """What was found in an environment."""

    NOT_COMPILED = "not compiled"
    """A module has no valid syntax for this Python."""
    OVERWRITTEN = "overwritten"
    """Two packages have different files of the same name."""
    BUILD_PATH = "build path"
    """A file has the path of the folder in which the environment was built."""
    CONDA_PATH = "conda path"
    """A file of a conda package has the path that is written into all of them."""
    LINK_SCRIPT = "link script"
    """A conda package has a script for its installation."""
    MODULE_LEFT_OUT = "module left out"
    """An extension module of the standard library, whose libraries the builder does not have."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem.

    Attributes:
        file: The file in the environment, or the module.
        kind: What was found.
        detail: For `NOT_COMPILED`, the error of the compiler; for `OVERWRITTEN`, the packages; for
            `LINK_SCRIPT`, the package.
    """

    file: str
    kind: ProblemKind
    detail: str = ""

    def __str__(self) -> str:
        match self.kind:
            case ProblemKind.NOT_COMPILED:
                return f"{self.file} cannot be compiled, and cannot be imported: {self.detail}"
            case ProblemKind.OVERWRITTEN:
                return (
                    f"{self.file} is a different file in {self.detail}: only one of them is "
                    "installed, and which one may change"
                )
            case ProblemKind.BUILD_PATH:
                return (
                    f"{self.file} contains the path of the folder in which the environment was "
                    "built: programs that use this path fail"
                )
            case ProblemKind.CONDA_PATH:
                return (
                    f"{self.file} contains a fixed path instead of the environment's folder: "
                    "programs that use this path fail, unless a variable replaces it"
                )
            case ProblemKind.LINK_SCRIPT:
                return (
                    f"{self.file} was not run: what the conda package {self.detail} does when it "
                    "is installed is missing"
                )
            case ProblemKind.MODULE_LEFT_OUT:
                return f"{self.file} is missing: its libraries are not installed on this machine"
            case _:
                assert_never(self.kind)
