"""Requirements and locks in pip's format: only what names packages of an index. No I/O.

Both are parsed and written again, so that no option of a file reaches uv: an index belongs to the
site's configuration, and a path or a URL has no place in an environment that others start.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from yarnhub.base.errors import SpecError
from yarnhub.base.foreign_text import quoted
from yarnhub.spec import _reading as reading

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_REQUIREMENTS = 2000
"""Packages of one environment; those of large distributions have some hundreds."""
_MAX_LENGTH = 500
"""Characters of one requirement."""
_HASH = re.compile(r"--hash[= ](sha(?:256:[0-9a-f]{64}|384:[0-9a-f]{96}|512:[0-9a-f]{128}))")
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_CONTINUED = re.compile(r"\\\r?\n")


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """One package of a lock.

    Attributes:
        name: Its normalized name.
        version: The version.
        hashes: Of its files, with their algorithm, sorted; one of them is installed.
        marker: The condition on which it is installed; empty for none.
    """

    name: str
    version: str
    hashes: tuple[str, ...]
    marker: str = ""

    def __str__(self) -> str:
        marker = f" ; {self.marker}" if self.marker else ""
        hashes = "".join(f" \\\n    --hash={each}" for each in self.hashes)
        return f"{self.name}=={self.version}{marker}{hashes}"


def requirement(value: object) -> str:
    """Accept a requirement for a package of an index, and return it in its normal form."""
    text = reading.filled(value).strip()
    if len(text) > _MAX_LENGTH:
        raise SpecError("", f"has more than {_MAX_LENGTH} characters")
    if text.startswith("-"):
        raise SpecError(
            "",
            f"{quoted(text)} is an option: only requirements are supported, such as 'numpy>=2'; "
            "indexes belong to the site's configuration",
        )
    if "\n" in text or "\r" in text:
        raise SpecError("", "must be one line")
    if text.startswith((".", "/", "~")) or _is_url(text):
        raise SpecError("", _not_of_an_index(text))
    try:
        parsed = Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).partition("\n")[0]
        raise SpecError("", f"{quoted(text)} is not a requirement: {reason}") from error
    except RecursionError as error:
        raise SpecError("", f"{quoted(text)} is nested too deep") from error
    if parsed.url is not None:
        raise SpecError("", _not_of_an_index(text))
    return str(parsed)


def _is_url(text: str) -> bool:
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text) is not None


def _not_of_an_index(text: str) -> str:
    return (
        f"{quoted(text)} is a path or a URL: write the name of a package; build a wheel of a "
        "package of yours and add it to an index of the site"
    )


def read_requirements(text: str) -> tuple[str, ...]:
    """The requirements of a `requirements.txt`.

    Raises:
        SpecError: A line is not a requirement for a package of an index; names the line.
    """
    found = []
    for number, line in _lines(text):
        with reading.at(f"line {number}"):
            if _HASH.search(line):
                raise SpecError("", "has hashes: use the file as a lock")
            found.append(requirement(line))
    return tuple(found)


def is_lock(text: str) -> bool:
    """Whether a `requirements.txt` has hashes."""
    return _HASH.search(text) is not None


def read_lock(text: str) -> tuple[LockedPackage, ...]:
    """The packages of a lock: of a `requirements.txt` with one version and hashes for each.

    Raises:
        SpecError: It has anything else; names the line.
    """
    found: dict[tuple[str, str, str], LockedPackage] = {}
    for number, line in _lines(text):
        with reading.at(f"line {number}"):
            package = _locked(line)
            key = (package.name, package.version, package.marker)
            if key in found:
                raise SpecError("", f"{package.name} is given twice")
            found[key] = package
        if len(found) > MAX_REQUIREMENTS:
            raise SpecError("", f"has more than {MAX_REQUIREMENTS} packages")
    return tuple(found[key] for key in sorted(found))


def write_lock(packages: tuple[LockedPackage, ...]) -> str:
    """The text that `read_lock` reads."""
    return "".join(f"{each}\n" for each in packages)


def _locked(line: str) -> LockedPackage:
    hashes = tuple(sorted(set(_HASH.findall(line))))
    rest = _HASH.sub("", line).strip()
    parsed = Requirement(requirement(rest))
    (pin, *others) = [*parsed.specifier] or [None]
    if pin is None or others or pin.operator not in ("==", "===") or "*" in pin.version:
        raise SpecError("", f"{quoted(rest)} has no exact version: a lock has 'name==version'")
    if not hashes:
        raise SpecError(
            "",
            f"{quoted(rest)} has no hash: create the lock with `uv pip compile --generate-hashes`",
        )
    marker = str(parsed.marker) if parsed.marker is not None else ""
    return LockedPackage(canonicalize_name(parsed.name), pin.version, hashes, marker)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The logical lines with the numbers of their first physical ones, without comments."""
    number = 1
    # The marker keeps the count of physical lines.
    for line in _CONTINUED.sub("\0", text).splitlines():
        count = line.count("\0") + 1
        parts = [_COMMENT.sub("", part).strip() for part in line.split("\0")]
        joined = " ".join(filter(None, parts))
        if joined:
            yield number, joined
        number += count
