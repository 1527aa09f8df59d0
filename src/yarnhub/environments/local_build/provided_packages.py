"""Packages of Python that conda has installed: requirements of pip are resolved around them."""

from __future__ import annotations

import importlib.metadata
import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.markers import Marker
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from yarnhub.environments.errors import BuildError
from yarnhub.environments.progress import Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from yarnhub.environments.requirements import LockedPackage

_OF_EXTRA = re.compile(r";.*\bextra\b")
_WHEEL = "Wheel-Version: 1.0\nGenerator: yarnhub\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@dataclass(frozen=True, slots=True)
class ProvidedPackage:
    """A package that is installed.

    Attributes:
        name: Its normalized name.
        version: The version.
        extras: What it requires for its extras, as it describes them itself.
    """

    name: str
    version: str
    extras: Sequence[str] = ()

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


def provided_packages(folder: Path) -> tuple[ProvidedPackage, ...]:
    """The packages in a folder of Python's, by name. Blocks."""
    found: dict[str, ProvidedPackage] = {}
    for each in importlib.metadata.distributions(path=[str(folder)]):
        about = each.metadata
        try:
            name = canonicalize_name(about["Name"] or "", validate=True)
            version = str(Version(about["Version"] or ""))
        except (
            KeyError,
            InvalidName,
            InvalidVersion,
        ):  # KeyError: of the package that backports it
            continue  # no requirement can name it, or it has no name
        extras = [f"Provides-Extra: {extra}" for extra in about.get_all("Provides-Extra") or ()]
        requires = filter(_OF_EXTRA.search, about.get_all("Requires-Dist") or ())
        extras += [f"Requires-Dist: {line}" for line in requires]
        found[name] = ProvidedPackage(name, version, tuple(extras))
    return tuple(found[name] for name in sorted(found))


def write_wheels(packages: Iterable[ProvidedPackage], folder: Path) -> None:
    """Write an empty wheel for each package, so that a solver knows its version. Blocks.

    Dependencies are left out, because conda has installed them under names of its own.
    """
    for each in packages:
        about = f"{each.name.replace('-', '_')}-{each.version}"
        lines = ["Metadata-Version: 2.1", f"Name: {each.name}", f"Version: {each.version}"]
        with zipfile.ZipFile(folder / f"{about}-py3-none-any.whl", "w") as wheel:
            metadata = "\n".join([*lines, *each.extras, ""])
            wheel.writestr(f"{about}.dist-info/METADATA", metadata)
            wheel.writestr(f"{about}.dist-info/WHEEL", _WHEEL)
            wheel.writestr(f"{about}.dist-info/RECORD", "")


def without_provided(
    packages: Iterable[LockedPackage], provided: Iterable[ProvidedPackage], python: str
) -> tuple[LockedPackage, ...]:
    """The packages of a lock that are not installed yet.

    Args:
        packages: The lock.
        provided: What is installed.
        python: The version of Python, for conditions in the lock.

    Raises:
        BuildError: A package is installed in another version.
    """
    versions = {each.name: each.version for each in provided}
    about = {
        "python_full_version": python,
        "python_version": ".".join(python.split(".")[:2]),
        "extra": "",
    }
    missing = []
    for each in packages:
        if each.name not in versions:
            missing.append(each)
        elif Version(each.version) != Version(versions[each.name]):
            if each.marker and not Marker(each.marker).evaluate(about):
                continue
            raise BuildError(
                Step.LOCK,
                f"the lock has {each.name} {each.version}, and conda has {versions[each.name]}: "
                "remove it from one of them",
            )
    return tuple(missing)
