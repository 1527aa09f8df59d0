"""Whether the files of this package are ours alone; a warning says so, and how to repair it.

Whatever asks for skein, such as `pip install dask-yarn`, lays skein 0.8.2 over ours. Its `__init__`
imports `skein.kv`, where it has a module and we a package, so that ours is what it gets.
"""

from __future__ import annotations

import functools
import warnings
from pathlib import Path

SKEINS = "0.8.2"
"""The last version of skein, whose names these are: programs ask for one at least."""

MEND = (
    "pip uninstall --yes skein && pip install --force-reinstall --no-deps yarnhub   "
    "(with uv: uv pip uninstall skein && uv pip install --reinstall-package yarnhub yarnhub)"
)


@functools.cache
def warn_of_others(packages: Path = Path(__file__).parents[1]) -> None:
    """Warn if another distribution has files of this name, too.

    Args:
        packages: The folder of installed packages that this one is in.
    """
    for folder in packages.glob("skein-*-info"):
        # A distribution without files, which only satisfies those that ask for skein, does no harm.
        if _lists_ours(folder / "RECORD") or _lists_ours(folder / "SOURCES.txt"):
            version = folder.name.removeprefix("skein-").rpartition(".")[0]
            warnings.warn(
                f"skein {version} is installed over yarnhub's package skein: programs get a mix of "
                "both, and uninstalling either deletes files of the other. To repair it: "
                f"{MEND}. The page 'Migrate from skein' tells how to keep it away",
                stacklevel=3,
            )


def _lists_ours(listing: Path) -> bool:
    try:
        return "skein/__init__.py" in listing.read_text("utf-8", errors="replace")
    except OSError:
        return False
