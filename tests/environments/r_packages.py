"""Conda packages of R and IRkernel, made of Debian's `r-base-core` and `r-cran-irkernel`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from environments.local_build.conda.channel import PLACEHOLDER, Content

if TYPE_CHECKING:
    from collections.abc import Iterator

    from environments.local_build.conda.channel import CondaChannel

R_HOME = Path("/usr/lib/R")
SHARED = Path("/usr/share/R/share")
CONFIGURATION = Path("/etc/R")
FOLDERS = [R_HOME, SHARED.parent, CONFIGURATION]
"""Where Debian's R is. The libraries that it needs, such as ICU and ZeroMQ, are elsewhere."""
_PACKAGES = R_HOME / "site-library"
_UNUSED = frozenset(
    {
        *("help", "html", "doc", "demo", "po", "tests", "translations", "tcltk"),
        *("Renviron.site", "Rprofile.site", "Renviron.ucf"),  # Debian's own
    }
)


def add_r(channel: CondaChannel) -> None:
    """Add `r-base`, `r-irkernel` and the packages that IRkernel imports."""
    version = _field(R_HOME / "library" / "base" / "DESCRIPTION", "Version")
    channel.add("r-base", version, dict(_base()), subdir="linux-64")
    added: set[str] = set()
    missing = {"IRkernel"}
    while missing:
        name = missing.pop()
        _add_package(channel, name)
        added.add(name)
        missing |= {*_imports(name)} - added


def _base() -> Iterator[tuple[str, Content]]:
    """The files of R. `bin/R` and `etc/ldpaths` have the folder of the environment, as conda's."""
    for folder in ("bin/exec", "etc", "lib", "library", "modules"):
        yield from _files(R_HOME / folder, f"lib/R/{folder}")
    yield from _files(SHARED, "lib/R/share")
    script = (R_HOME / "bin" / "R").read_text()
    script = script.replace("/usr/share/R/", f"{PLACEHOLDER}/lib/R/")
    script = script.replace("/usr/", f"{PLACEHOLDER}/")
    for name in ("bin/R", "lib/R/bin/R"):
        yield name, Content(script.encode(), is_program=True, prefix="text")
    paths = (R_HOME / "etc" / "ldpaths").read_text().replace("/usr/", f"{PLACEHOLDER}/")
    yield "lib/R/etc/ldpaths", Content(paths.encode(), prefix="text")
    variables = (R_HOME / "etc" / "Renviron").read_text()
    # R's own default, to which Debian adds a folder of the machine.
    variables = variables.replace("/usr/local/lib/R/site-library:%S", "%S")
    yield "lib/R/etc/Renviron", Content(variables.encode())


def _add_package(channel: CondaChannel, name: str) -> None:
    folder = _PACKAGES / name
    channel.add(
        _conda_name(name),
        _field(folder / "DESCRIPTION", "Version").replace("-", "_"),
        dict(_files(folder, f"lib/R/library/{name}")),
        depends=["r-base", *map(_conda_name, _imports(name))],
        subdir="linux-64",
    )


def _imports(name: str) -> list[str]:
    """The packages that one imports, without those of R itself."""
    found = _field(_PACKAGES / name / "DESCRIPTION", "Imports")
    names = re.findall(r"(?:^|,)\s*([A-Za-z0-9.]+)", found)
    return [each for each in names if (_PACKAGES / each).is_dir()]


def _conda_name(name: str) -> str:
    return f"r-{name.lower()}"


def _field(description: Path, key: str) -> str:
    """A field of a package's description; its further lines are indented."""
    found = re.search(rf"(?m)^{key}:((?:.*)(?:\n\s.*)*)", description.read_text())
    return found[1].strip() if found is not None else ""


def _files(folder: Path, name: str) -> Iterator[tuple[str, Content]]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not _UNUSED & {*inside.parts}:
            is_program = bool(path.stat().st_mode & 0o100)
            yield f"{name}/{inside}", Content(path.read_bytes(), is_program=is_program)
