"""Where the interpreter of an environment comes from."""

from __future__ import annotations

import hashlib
import re
import sys
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from yarnhub.environments.errors import BuildError
from yarnhub.environments.progress import Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from yarnhub.environments.local_build.process import Runner
    from yarnhub.environments.local_build.programs import Programs
    from yarnhub.environments.local_build.site import BuildSite

_ANY = ">=3.9"
_ENTRY = re.compile(
    r"(?P<key>cpython-(?P<version>\d+\.\d+\.\d+)-(?!\w+-x86_64_v)\S+)\s+(?P<url>\S+)"
)
"""A line of `uv python list`: not of a prerelease, a variant such as freethreaded, or for newer
processors only."""
_DIGITS = 16


async def find_python(
    wanted: str, site: BuildSite, programs: Programs, runner: Runner, cache: Path
) -> Path:
    """The program of an installed Python.

    Cancelling leaves a complete Python of the site's list in the cache, or none.

    Args:
        wanted: A version or a range; empty for any.
        site: If it has a list of Pythons, one of them is installed into the cache. Otherwise it is
            the Python that runs this, if its version is right, or another one of this machine.
        programs: The programs of builds.
        runner: Runs uv.
        cache: A folder for Pythons of the list.

    Raises:
        BuildError: There is no such Python; with the words of uv.
    """
    if site.python_list:
        return await _of_list(wanted or _ANY, site, programs, runner, cache)
    if matches(wanted, ".".join(map(str, sys.version_info[:3]))):
        # Any: site and venv know it, typeshed does not.
        return Path(getattr(sys, "_base_executable", sys.executable))
    command = [str(programs.uv), "python", "find", "--no-config", "--no-project", "--system"]
    try:
        return await _found_by_uv([*command, "--no-managed-python", wanted], runner)
    except BuildError as error:
        raise BuildError(
            Step.INTERPRETER,
            f"{error}\nThis machine has no Python {wanted}: request another version, or configure "
            "`python_list` or `python_folders`",
            error.said,
        ) from error


def matches(wanted: str, version: str) -> bool:
    """Whether a version is the wanted one, or in the wanted range."""
    if re.fullmatch(r"[\d.]+", wanted):
        wanted = f"=={wanted}" if wanted.count(".") > 1 else f"=={wanted}.*"
    return SpecifierSet(wanted).contains(version, prereleases=False)


async def _of_list(
    wanted: str, site: BuildSite, programs: Programs, runner: Runner, cache: Path
) -> Path:
    """A Python of the list, whatever the cache has: each entry has a folder of its own."""
    variables = {
        **runner.variables,
        "UV_PYTHON_DOWNLOADS_JSON_URL": site.python_list,
        "UV_PYTHON_DOWNLOADS": "manual",
    }
    lister = replace(runner, variables=variables)
    lines: list[str] = []
    shown = ("--only-downloads", "--all-versions", "--show-urls")
    await lister.run([programs.uv, "python", "list", "--no-config", *shown], lines.append)
    entry = _newest(wanted, lines)
    name = hashlib.sha256("{key} {url}".format_map(entry.groupdict()).encode()).hexdigest()
    folder = cache / name[:_DIGITS]
    uv = replace(lister, variables={**variables, "UV_PYTHON_INSTALL_DIR": str(folder)})
    options = ["--no-config", "--managed-python", entry["key"]]
    await uv.run([programs.uv, "python", "install", "--no-bin", *options])
    return await _found_by_uv([str(programs.uv), "python", "find", "--no-project", *options], uv)


async def _found_by_uv(command: Sequence[str], runner: Runner) -> Path:
    """What `uv python find` prints after its warnings."""
    lines = deque([""], maxlen=1)
    await runner.run(command, lines.append)
    return Path(lines[-1])


def _newest(wanted: str, lines: Iterable[str]) -> re.Match[str]:
    """The entry with the newest wanted version; the first one of several."""
    entries = filter(None, map(_ENTRY.fullmatch, lines))
    found = [each for each in entries if matches(wanted, each["version"])]
    if not found:
        raise BuildError(
            Step.INTERPRETER, f"the `python_list` has no Python {wanted} for this machine"
        )
    return max(found, key=lambda each: Version(each["version"]))
