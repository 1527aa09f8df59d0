"""What is stored about an environment in HDFS, in JSON files next to its archives. No I/O.

<root>/<id>/                            one environment; its HDFS owner is the owner
    environment.json                    EnvironmentRecord
    1/                                  one version; only its kernel can change
        manifest.json                   VersionManifest
        <name>-<start of the key>.tar.gz
        specification.json              of a build: what was built, and the lock
        lock.txt
        conda-lock.txt                  if it has conda packages
    .merged-<16 digits>/                one of the same name, until its versions have been moved
"""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from yarnhub.base.errors import SpecError
from yarnhub.environments.specification import KERNELS
from yarnhub.spec import Resources
from yarnhub.spec import _reading as reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

SCHEMA = 1
"""The version of both files that this code reads and writes."""
RECORD, MANIFEST = "environment.json", "manifest.json"
SPECIFICATION, LOCK, CONDA_LOCK = "specification.json", "lock.txt", "conda-lock.txt"
MAX_RECORD = 1 << 14
MAX_MANIFEST = 1 << 20
"""Bytes of a file: 10 000 packages in a manifest."""
MAX_VERSION = 10**6
"""The greatest number of a version."""
MAX_PACKAGES = 10_000
"""Packages in a manifest; large conda environments have a thousand."""
_MAX_PROBLEMS = 100
_R = "r-base"
"""Its version is R's, which is a part of kernels' names."""

_name = reading.matching(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?", "the name of an environment")
_sum = reading.matching(r"[0-9a-f]{64}", "a SHA-256 sum")
_archive = reading.matching(r"[a-z0-9][a-z0-9._-]{0,99}\.tar\.gz", "the name of a .tar.gz file")
_application = reading.matching(r"application_[0-9]{1,20}_[0-9]{1,20}", "the id of an application")
_short = reading.matching(
    r"[A-Za-z0-9_][A-Za-z0-9._+!~-]{0,99}", "1 to 100 letters, digits and . _ + ! ~ -"
)


class Origin(enum.Enum):
    """Where an archive comes from."""

    BUILD = "build"
    """It was built from a specification, and contains its interpreter."""
    IMPORT = "import"
    """Somebody has packed it with another tool."""


def _schema(value: object) -> int:
    found = reading.integer(1)(value)
    if found > SCHEMA:
        raise SpecError("", f"is {found}: a newer yarnhub has written it; update yarnhub")
    return found


def _problems(value: object) -> tuple[str, ...]:
    return reading.sequence(reading.text)(value)[:_MAX_PROBLEMS]


class _Document(reading.Element):
    """A JSON document with a schema."""

    __slots__ = ()

    @classmethod
    def _expand(cls, data: object) -> object:
        document = reading.as_mapping(data)
        with reading.at("schema"):  # first: a newer schema has unknown keys
            _schema(document.get("schema"))
        return document

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read a file.

        Raises:
            SpecError: It is invalid, or newer than this version of yarnhub.
        """
        return cls.from_json(content.decode(errors="replace"))

    def dump(self) -> bytes:
        """The content of the file."""
        return f"{json.dumps(self.to_dict(), indent=1)}\n".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentRecord(_Document):
    """An environment, apart from its versions.

    A version that is newer than `newest` is current: so the rename of a finished version, alone,
    publishes it.

    Attributes:
        schema: The version of the schema.
        name: The name, which no other environment of the owner has.
        current: The version that the owner has chosen; 0 for the newest one.
        newest: The newest version at the time of that choice. Its number is not used again.
    """

    schema: int = SCHEMA
    name: str
    current: int = 0
    newest: int = 0

    checks: ClassVar[reading.Checks] = {
        "schema": _schema,
        "name": _name,
        "current": reading.integer(0, MAX_VERSION),
        "newest": reading.integer(0, MAX_VERSION),
    }

    def choose(self, numbers: Sequence[int]) -> int:
        """The current version of those that exist; 0 if there is none."""
        newest = max(numbers, default=0)
        return self.current if newest <= self.newest and self.current in numbers else newest


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionManifest(_Document):
    """One version of an environment.

    Attributes:
        schema: The version of the schema.
        key: The hash of all that its content depends on; of an import, the archive's sum.
        archive: The file name of the archive.
        sha256: Of the archive.
        size: The bytes of the archive.
        files: How many files and folders it has.
        origin: Where it comes from.
        python: The version of Python; empty if unknown.
        platform: The operating system, the architecture and the C library; empty if unknown.
        glibc: The oldest glibc that it runs with; empty if unknown.
        packages: The versions of the packages by their normalized names.
        language: The language of a kernel that uses it, `python` or `r`.
        kernel: The resources of a kernel that uses it; None for the defaults of the site.
        problems: What the build has found, as sentences.
        application: The id of the application that has built it; empty if none has.
    """

    schema: int = SCHEMA
    key: str
    archive: str
    sha256: str
    size: int
    files: int
    origin: Origin = Origin.BUILD
    python: str = ""
    platform: str = ""
    glibc: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    language: str = "python"
    kernel: Resources | None = None
    problems: Sequence[str] = ()
    application: str = ""

    # Written only if they are set: older versions of yarnhub do not accept them.
    beyond: ClassVar[frozenset[str]] = frozenset({"application", "language"})
    checks: ClassVar[reading.Checks] = {
        "schema": _schema,
        "key": _sum,
        "archive": _archive,
        "sha256": _sum,
        "size": reading.integer(1, reading.INT64),
        "files": reading.integer(0, reading.INT64),
        "origin": reading.member(Origin),
        "python": reading.optional(_short),
        "platform": reading.optional(_short),
        "glibc": reading.optional(_short),
        "packages": reading.mapping(_short, _short),
        "language": reading.matching("|".join(KERNELS), "python or r"),
        "kernel": Resources.read,
        "problems": _problems,
        "application": reading.optional(_application),
    }

    def _check(self) -> None:
        if len(self.packages) > MAX_PACKAGES:
            raise SpecError("packages", f"has more than {MAX_PACKAGES} packages")

    def without_packages(self) -> Self:
        """The same without problems, and with no package but the one of its kernel, and R."""
        kept = {self.kernel_package, _R}
        packages = {key: value for key, value in self.packages.items() if key in kept}
        return replace(self, packages=packages, problems=())

    @property
    def has_kernel(self) -> bool:
        """Whether a kernel can be started in it."""
        return self.kernel_package in self.packages

    @property
    def kernel_package(self) -> str:
        """The package with the kernel of its language."""
        return KERNELS[self.language]


def archive_name(name: str, key: str) -> str:
    """The file name of an archive: YARN selects by its suffix how to unpack it."""
    return f"{name}-{key[:12]}.tar.gz"
