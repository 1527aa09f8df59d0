"""Whether the files of this package are ours alone, and what repairs it if they are not.

No package index lists yarnhub as a provider of skein. A package that depends on skein, such as
dask-yarn, therefore makes pip and uv install skein 0.8.2 into the same folder, and uninstalling
either deletes the files whose names both have. Three states follow:

- skein is installed over ours. `import skein` runs its `__init__`, which first imports `skein.kv`.
  Of its module kv.py and our package kv, Python takes the package: ours. It cannot work with the
  other files, so `require_ours` refuses, where the import would fail with an unrelated message.
- ours is installed over skein. It works, and `warn_of_others` warns: uninstalling skein would
  delete it.
- skein was uninstalled, and `skein/__init__.py` with it. Nothing of ours runs when the rest is
  imported; `yarnhub doctor` reports it.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

SKEINS = "0.8.2"
"""The last version of skein, whose names these are: programs ask for one at least."""

MEND = (
    "pip uninstall --yes skein && pip install --force-reinstall --no-deps yarnhub   "
    "(with uv: uv pip uninstall skein && uv pip install --reinstall-package yarnhub yarnhub)"
)

_HOME = Path(__file__).parent
_PAGE = "The page 'Install packages that depend on skein' describes how to prevent it"


def warn_of_others() -> None:
    """Warn if another skein is installed in the folder of this one."""
    # Every version of skein has this file, and we do not. To look for it is all that this costs.
    if (_HOME / "java" / "skein.jar").exists():
        warnings.warn(
            f"{_other()} is installed in the folder of yarnhub's package skein: to uninstall or "
            f"update either deletes files of the other. To repair it: {MEND}. {_PAGE}",
            stacklevel=3,
        )


def require_ours() -> None:
    """Refuse to continue with a `skein/__init__.py` that is not ours.

    Raises:
        ImportError: Another skein has overwritten it, or has deleted it when it was uninstalled.
    """
    package = sys.modules["skein"]
    if "yarnhub" in getattr(package, "__version__", ""):
        return
    overwritten = getattr(package, "__file__", None) is not None
    problem = (
        f"{_other()} has overwritten files of yarnhub's package skein"
        if overwritten
        else "files of yarnhub's package skein are missing: another skein that was installed over "
        "it has been uninstalled"
    )
    raise ImportError(f"{problem}. To repair it: {MEND}. {_PAGE}", name="skein")


def _other() -> str:
    versions = [
        folder.name.removeprefix("skein-").rpartition(".")[0]
        for folder in _HOME.parent.glob("skein-*-info")
        if (folder / "RECORD").exists() or (folder / "SOURCES.txt").exists()
    ]
    return " ".join(["skein", *versions])
