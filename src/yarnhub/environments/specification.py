"""The specification of an environment. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from yarnhub.base.errors import SpecError
from yarnhub.base.foreign_text import quoted
from yarnhub.environments import requirements
from yarnhub.environments.conda_lock import read_conda_lock, write_conda_lock
from yarnhub.spec import Resources
from yarnhub.spec import _reading as reading

if TYPE_CHECKING:
    from yarnhub.environments.requirements import LockedPackage

SCHEMA = 1
"""The version of the schema that this code reads and writes."""
MAX_LOCK = 4 << 20
"""Characters of a lock: 2000 packages with the hashes of all their wheels."""
_MAX_MEMBERS = 1000
"""Users, and groups, of one environment."""
_MAX_RANGE = 60
"""Characters of a range of versions of Python."""
KERNELS: Mapping[str, str] = {"python": "ipykernel", "r": "r-irkernel"}
"""The package with the kernel of each language; R's is a conda package."""
_KERNEL, _R_KERNEL = KERNELS["python"], KERNELS["r"]
_OLDEST = (3, 9)
"""The oldest Python whose interpreters can be copied."""

_environment_name = reading.matching(
    r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?",
    "a name of at most 64 lowercase letters, digits and . _ -, which begins and ends with a letter "
    "or a digit",
)
_member = reading.matching(
    r"[A-Za-z0-9_]([A-Za-z0-9._@$ -]{0,253}[A-Za-z0-9._@$-])?",
    "the name of a user or a group on the cluster",
)
_CHANNEL = r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*|(https?|file)://[^\s@?#]+"
_channel = reading.matching(_CHANNEL, "the name or the URL of a channel, without credentials")
_conda_package = reading.matching(
    rf"(({_CHANNEL})::)?[A-Za-z0-9_][A-Za-z0-9_.-]*([ =<>!~][A-Za-z0-9 _.*,|=<>!~+-]*)?",
    "a conda package, such as 'numpy >=2'",
)


def _bounded(check: reading.Check[str], limit: int, what: str) -> reading.Check[tuple[str, ...]]:
    def check_all(value: object) -> tuple[str, ...]:
        if isinstance(value, Sequence) and not isinstance(value, str) and len(value) > limit:
            raise SpecError("", f"has more than {limit} {what}")
        return tuple(dict.fromkeys(reading.sequence(check)(value)))

    return check_all


def _schema(value: object) -> int:
    found = reading.integer(1)(value)
    if found != SCHEMA:
        raise SpecError(
            "", f"is {found}, and this version of yarnhub supports {SCHEMA}: update yarnhub"
        )
    return found


def _language(value: object) -> str:
    found = reading.text(value).lower()
    if found not in KERNELS:
        raise SpecError("", f"{quoted(value)} is not supported: write 'python' or 'r'")
    return found


def _python(value: object) -> str:
    """Accept a version of Python or a range of versions."""
    text = reading.text(value).replace(" ", "")
    if re.fullmatch(r"3\.\d{1,2}(\.\d{1,2})?", text):
        if tuple(map(int, text.split(".")[:2])) < _OLDEST:
            raise SpecError("", f"must be at least 3.{_OLDEST[1]}, not {quoted(text)}")
        return text
    if len(text) > _MAX_RANGE:
        raise SpecError("", _no_python(value))
    try:
        found = SpecifierSet(text)
    except InvalidSpecifier as error:
        raise SpecError("", _no_python(value)) from error
    return ",".join(sorted(map(str, found)))


def _no_python(value: object) -> str:
    return (
        "must be a version of Python, such as '3.12', or a range, such as '>=3.11', "
        f"not {quoted(value)}"
    )


def _lock(value: object) -> str:
    text = reading.filled(value)
    if len(text) > MAX_LOCK:
        raise SpecError("", f"has more than {MAX_LOCK} characters")
    return requirements.write_lock(requirements.read_lock(text))


def _conda_lock(value: object) -> str:
    text = reading.filled(value)
    if len(text) > MAX_LOCK:
        raise SpecError("", f"has more than {MAX_LOCK} characters")
    return write_conda_lock(read_conda_lock(text))


def _without_lock_file(data: object) -> dict[str, object]:
    """A document, which cannot name a file."""
    document = dict(reading.as_mapping(data))
    if document.pop("lock_file", None) is not None:
        raise SpecError(
            "lock_file", "is only supported in files: write the content of the file as `lock`"
        )
    return document


def _lacks_kernel(document: Mapping[str, object]) -> bool:
    """Whether ipykernel has to be added to the requirements of a document, or of a specification.

    Raises:
        SpecError: It has a lock without ipykernel.
    """
    if _has_ipykernel(document):
        return False
    if document.get("lock"):
        raise SpecError(
            "kernel",
            f"needs {_KERNEL}, which the lock does not have: create a new lock with it, or remove "
            "`kernel`",
        )
    return True


def _has_ipykernel(document: Mapping[str, object]) -> bool:
    return (
        _KERNEL in _names(document.get("pip"))
        or bool(re.search(rf"(?m)^{_KERNEL}==", str(document.get("lock"))))
        or _has_of_conda(document, _KERNEL)
    )


def _has_of_conda(document: Mapping[str, object], package: str) -> bool:
    """Whether the conda packages of a document, or of a specification, name one."""
    conda = document.get("conda")
    if isinstance(conda, Conda):
        conda = conda.to_dict()
    conda = conda if isinstance(conda, Mapping) else {}
    in_lock = re.search(rf"/{package}-[0-9]", str(conda.get("lock")))
    return package in _names(conda.get("packages")) or bool(in_lock)


def _usual_language(document: Mapping[str, object]) -> str:
    """The language whose kernel a document, or a specification, has."""
    return "r" if _has_of_conda(document, _R_KERNEL) and not _has_ipykernel(document) else "python"


def _names(packages: object) -> set[str]:
    """The names of packages that may be invalid."""
    texts = packages if isinstance(packages, list | tuple) else ()
    found = (
        re.match(r"[A-Za-z0-9_.-]+", each.rpartition("::")[2])
        for each in texts
        if isinstance(each, str)
    )
    return {name[0].lower() for name in found if name}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conda(reading.Element):
    """Packages of conda channels.

    Attributes:
        channels: Names or URLs; the first one has the highest priority.
        packages: What to install, as match specifications.
        lock: A lock, instead of `packages`: every package with its URL and hash, as
            `conda list --explicit --sha256` prints them.
    """

    channels: Sequence[str] = ()
    packages: Sequence[str] = ()
    lock: str = ""

    checks: ClassVar[reading.Checks] = {
        "channels": _bounded(_channel, 50, "channels"),
        "packages": _bounded(_conda_package, requirements.MAX_REQUIREMENTS, "packages"),
        "lock": reading.optional(_conda_lock),
    }
    shorthand: ClassVar[frozenset[str]] = frozenset({"lock_file"})

    def _check(self) -> None:
        if self.packages and self.lock:
            message = "a lock has all packages: remove `packages`, or create a new lock"
            raise SpecError("lock", message)

    @property
    def is_used(self) -> bool:
        """Whether there are conda packages."""
        return bool(self.packages or self.lock)

    @classmethod
    def _expand(cls, data: object) -> object:
        return _without_lock_file(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access(reading.Element):
    """Who can use an environment, in addition to its owner.

    Attributes:
        users: Names of users on the cluster.
        groups: Names of groups.
        everyone: Whether all users can.
    """

    users: Sequence[str] = ()
    groups: Sequence[str] = ()
    everyone: bool = False

    checks: ClassVar[reading.Checks] = {
        "users": _bounded(_member, _MAX_MEMBERS, "users"),
        "groups": _bounded(_member, _MAX_MEMBERS, "groups"),
        "everyone": reading.flag,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSpec(reading.Element):
    """An environment to build.

    Attributes:
        schema: The version of the schema.
        name: The name of the environment.
        language: The language of its kernel, `python` or `r`, whose conda package is r-irkernel.
            Empty selects `r` if the conda packages name r-irkernel and nothing names ipykernel.
        python: A version, such as `3.12`, or a range, such as `>=3.11`; empty for the builder's, or
            with conda packages for the newest one.
        pip: Requirements, which the build resolves.
        lock: A lock in pip's format, instead of `pip`: every package with its version and hashes.
        conda: Packages of conda channels.
        kernel: The resources of a kernel that uses it; None for the defaults of the site. With
            resources, or an empty mapping in a document, ipykernel is one of the requirements if
            the language is `python`.
        access: Who can use it.
    """

    schema: int = SCHEMA
    name: str
    language: str = ""
    python: str = ""
    pip: Sequence[str] = ()
    lock: str = ""
    conda: Conda = field(default=Conda())
    kernel: Resources | None = None
    access: Access = field(default=Access())

    checks: ClassVar[reading.Checks] = {
        "schema": _schema,
        "name": _environment_name,
        "language": reading.optional(_language),
        "python": reading.optional(_python),
        "pip": _bounded(requirements.requirement, requirements.MAX_REQUIREMENTS, "requirements"),
        "lock": reading.optional(_lock),
        "conda": Conda.read,
        "kernel": Resources.read,
        "access": Access.read,
    }
    shorthand: ClassVar[frozenset[str]] = frozenset({"lock_file"})

    def _check(self) -> None:
        if self.pip and self.lock:
            raise SpecError("lock", "a lock has all packages: remove `pip`, or create a new lock")
        mine = {"pip": self.pip, "lock": self.lock, "conda": self.conda}
        if not self.language:
            object.__setattr__(self, "language", _usual_language(mine))
        if self.language == "r":
            if not _has_of_conda(mine, _R_KERNEL):
                raise SpecError(
                    "language",
                    f"R needs the conda package {_R_KERNEL}: add it to `conda.packages`, or create "
                    "a new `conda.lock` with it",
                )
        elif self.kernel is not None and _lacks_kernel(mine):
            object.__setattr__(self, "pip", (*self.pip, _KERNEL))
        if not (self.pip or self.lock or self.conda.is_used):
            raise SpecError("pip", "is required: an environment needs a package")

    @property
    def locked(self) -> tuple[LockedPackage, ...]:
        """The packages of the lock."""
        return requirements.read_lock(self.lock) if self.lock else ()

    @classmethod
    def _expand(cls, data: object) -> object:
        document = _without_lock_file(data)
        if document.get("kernel") == {}:
            del document["kernel"]
            pip = document.get("pip") or ()
            language = document.get("language") or _usual_language(document)
            is_r = str(language).lower() == "r"
            if isinstance(pip, list | tuple) and not is_r and _lacks_kernel(document):
                document["pip"] = [*pip, _KERNEL]
        version = document.get("python")
        if isinstance(version, float):  # 3.12 without quotes; 3.10 would be 3.1
            with reading.at("python"):
                raise reading.wrong_type("text", version, ": put the value in quotes")
        return document

    @classmethod
    def read(cls, value: object) -> EnvironmentSpec:
        """Accept a specification, and read anything else as a document."""
        return value if isinstance(value, cls) else cls.from_dict(value)


def from_mapping(document: Mapping[str, object]) -> EnvironmentSpec:
    """Read a document.

    Raises:
        SpecError: It is invalid; names the key.
    """
    return EnvironmentSpec.from_dict(document)
