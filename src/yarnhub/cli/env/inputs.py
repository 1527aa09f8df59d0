"""The inputs of builds: a specification and the site's configuration; and how progress is shown."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse

    from yarnhub.environments.local_build.site import BuildSite
    from yarnhub.environments.specification import EnvironmentSpec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the specification and `--site`."""
    parser.add_argument(
        "specification",
        type=Path,
        metavar="SPEC",
        help="a specification (.yaml, .yml or .json), a requirements.txt, an environment.yml, a "
        "pixi.lock, or a pyproject.toml, with a uv.lock if there is one",
    )
    parser.add_argument(
        "--site",
        type=Path,
        metavar="FILE",
        help="a YAML or JSON file with indexes, mirrors, certificates and proxies; default: uv's "
        "settings, SSL_CERT_FILE, and the usual variables for proxies",
    )


def check_extra() -> None:
    """Check that the extra is installed.

    Raises:
        ConfigurationError: It is not.
    """
    from importlib.util import find_spec

    for name in ("packaging", "isal"):
        if find_spec(name) is None:
            raise ConfigurationError(
                f"builds of environments need the package {name}: install `yarnhub[environments]`"
            )


async def read_specification(path: Path, site: BuildSite, folder: Path) -> EnvironmentSpec:
    """Read the specification; a lock of uv is exported in a folder for temporary files."""
    from yarnhub.environments.local_build.environment import project_lock
    from yarnhub.environments.specification_file import read_file

    found = await asyncio.to_thread(read_file, path)
    lock = ""
    if found.uv_project is not None:
        lock = await project_lock(found.uv_project, site, folder)
    return found.with_lock(lock)


def read_site(path: Path | None) -> BuildSite:
    """Read the site's configuration; None for uv's settings and the usual variables. Blocks."""
    from yarnhub.environments.local_build.site import BuildSite, read_site_file, site_of_variables

    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    cache = f"{home}/yarnhub/environments"
    if path is not None:
        return read_site_file(path, cache=cache)
    given = site_of_variables(os.environ)
    return BuildSite.from_dict(
        {"cache": cache, "uv_settings_folders": _uv_settings_folders(), **given}
    )


def _uv_settings_folders() -> list[str]:
    """Where uv has settings of a user and of a machine; like uv, without relative paths."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    machine = os.environ.get("XDG_CONFIG_DIRS", "").split(":")
    return [
        home if Path(home).is_absolute() else str(Path.home() / ".config"),
        *(each for each in machine if Path(each).is_absolute()),
    ]


def show(progress: object) -> None:
    """Print what a build does, in one line of the terminal."""
    width = shutil.get_terminal_size().columns if sys.stderr.isatty() else 0
    line = str(progress)
    print(line[:width] if width else line, file=sys.stderr, flush=True)
