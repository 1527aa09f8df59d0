"""Locks of conda packages, in the format of `conda list --explicit --sha256`. No I/O.

    @EXPLICIT
    https://channels.example.com/science/linux-64/numpy-2.1.0-py312_0.conda#sha256:...

The name of the file has the name, the version and the build of the package.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.base.foreign_text import quoted
from yarnhub.environments.requirements import MAX_REQUIREMENTS
from yarnhub.spec import _reading as reading

if TYPE_CHECKING:
    from collections.abc import Iterable

NOARCH = "noarch"
"""The folder of a channel for packages of all platforms."""
_SUBDIRS = {"x86_64": "linux-64", "aarch64": "linux-aarch64", "ppc64le": "linux-ppc64le"}
_EXPLICIT = "@EXPLICIT"
_MAX_URL = 2000
_PACKAGE = re.compile(
    r"(?P<channel>(?:https?|file)://[^\s@?#]+)/(?P<subdir>noarch|[a-z]+-[a-z0-9_]+)/"
    r"(?P<file>(?P<name>[a-z0-9_][a-z0-9_.-]*)-(?P<version>[A-Za-z0-9_.!+~]+)"
    r"-(?P<build>[A-Za-z0-9_.+]+)\.(?:conda|tar\.bz2))"
)
_HASH = re.compile(r"(?:sha256:)?(?P<sha256>[0-9a-f]{64})")
_TOKEN = re.compile(r"://[^/]+/t/")
"""Some servers of channels have a token of the user in their URLs."""


@dataclass(frozen=True, slots=True)
class CondaPackage:
    """One package of a lock.

    Attributes:
        name: Its name.
        version: The version.
        build: The build, which tells apart packages of one version.
        subdir: The folder of the channel: a platform, or `noarch`.
        url: Where it is.
        sha256: The hash of the file, in hexadecimal digits.
    """

    name: str
    version: str
    build: str
    subdir: str
    url: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.url}#sha256:{self.sha256}"

    @property
    def file(self) -> str:
        """The name of its file."""
        return self.url.rpartition("/")[2]


def conda_subdir(machine: str) -> str:
    """Conda's name of a platform, such as `linux-64`.

    Args:
        machine: The architecture, such as `x86_64`.

    Raises:
        ConfigurationError: Conda has no packages for it.
    """
    if machine not in _SUBDIRS:
        raise ConfigurationError(f"there are no conda packages for {quoted(machine)}")
    return _SUBDIRS[machine]


def conda_package(url: str, sha256: str) -> CondaPackage:
    """Accept the URL and the hash of a package.

    Raises:
        SpecError: The URL is not that of a conda package, or has credentials; or there is no hash.
    """
    found = _PACKAGE.fullmatch(url)
    if found is None or len(url) > _MAX_URL:
        raise SpecError(
            "",
            "must be the http, https or file URL of a conda package (.conda or .tar.bz2) in a "
            "channel, without credentials",
        )
    if _TOKEN.search(url):
        raise SpecError("", "has a token in the URL: write it into the file that `netrc` names")
    digest = _HASH.fullmatch(sha256)
    if digest is None:
        raise SpecError(
            "",
            f"{quoted(found['file'])} has no SHA-256: create the lock with "
            "`conda list --explicit --sha256`",
        )
    return CondaPackage(
        found["name"], found["version"], found["build"], found["subdir"], url, digest["sha256"]
    )


def read_conda_lock(text: str) -> tuple[CondaPackage, ...]:
    """The packages of a lock, by name.

    Raises:
        SpecError: It has anything else; names the line.
    """
    found: dict[str, CondaPackage] = {}
    for number, line in enumerate(map(str.strip, text.splitlines()), start=1):
        if not line or line.startswith("#") or line == _EXPLICIT:
            continue
        with reading.at(f"line {number}"):
            url, _, digest = line.partition("#")
            package = conda_package(url, digest)
            if package.name in found:
                raise SpecError("", f"{package.name} is given twice")
            found[package.name] = package
        if len(found) > MAX_REQUIREMENTS:
            raise SpecError("", f"has more than {MAX_REQUIREMENTS} packages")
    if not found:
        raise SpecError("", "has no packages")
    return tuple(found[name] for name in sorted(found))


def write_conda_lock(packages: Iterable[CondaPackage]) -> str:
    """The text that `read_conda_lock` reads; empty without packages."""
    lines = [str(each) for each in packages]
    return "\n".join([_EXPLICIT, *lines, ""]) if lines else ""
