"""The form for a new environment: its fields as a specification, and its problems at its fields."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from yarnhub.base.errors import SpecError
from yarnhub.base.foreign_text import clean_and_cut
from yarnhub.environments.specification import KERNELS, EnvironmentSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATH = re.compile(r"(?:(conda|kernel)\.?)?([a-z]*)(?:\[([0-9]+)\])?.*")
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_VALID: dict[str, Any] = {
    "name": "x",
    "python": "",
    "pip": ["x"],
    "channels": [],
    "packages": [],
    "memory": 1,
    "vcores": 1,
}
"""What replaces a field that has a problem, to find those of the others."""
NAMES = (*_VALID, "queue")
"""The fields that can have a problem."""
_KERNEL = KERNELS["python"]
_GROUPS = {"channels": "conda", "packages": "conda", "memory": "kernel", "vcores": "kernel"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildForm:
    """The fields, as a browser sends them.

    Attributes:
        name: The name of the environment.
        python: The version of Python.
        pip: Requirements, one on each line.
        channels: Conda channels, one on each line.
        packages: Conda packages, one on each line.
        notebooks: Whether notebooks can use it; empty if not.
        memory: The memory of kernels.
        vcores: The virtual cores of kernels.
        queue: The queue of the build.
    """

    name: str = ""
    python: str = ""
    pip: str = ""
    channels: str = ""
    packages: str = ""
    notebooks: str = ""
    memory: str = ""
    vcores: str = ""
    queue: str = "default"

    @classmethod
    def of(cls, sent: Mapping[str, str]) -> BuildForm:
        """The form that was sent; other fields are ignored."""
        known = {each.name for each in fields(cls)}
        return cls(
            **{key: value.replace("\r\n", "\n") for key, value in sent.items() if key in known}
        )

    @classmethod
    def from_specification(cls, given: EnvironmentSpec) -> BuildForm:
        """The form of a specification, without its locks and who can use it."""
        kernel = given.kernel
        return cls(
            name=given.name,
            python=given.python,
            pip="\n".join(each for each in given.pip if each != _KERNEL),
            channels="\n".join(given.conda.channels),
            packages="\n".join(given.conda.packages),
            notebooks="on" if _KERNEL in given.pip else "",
            memory=str(kernel.memory) if kernel else "",
            vcores=str(kernel.vcores) if kernel else "",
        )

    def specification(self) -> EnvironmentSpec:
        """The specification.

        Raises:
            SpecError: A field has a problem.
        """
        return EnvironmentSpec.from_dict(self._document())

    def problems(self) -> dict[str, str]:
        """The problem of each field that has one, in words; of the whole form without a name."""
        document, found = self._document(), dict[str, str]()
        if not self.queue.strip() or len(self.queue) > 256:
            found["queue"] = "Must be the name of a queue."
        while True:
            try:
                EnvironmentSpec.from_dict(document)
            except SpecError as error:
                field, words = self._problem(error)
                if field in found or field not in _VALID:
                    return found | {field: words}
                found[field] = words
                group = _GROUPS.get(field)
                part = document.setdefault(group, {}) if group else document
                part[field] = _VALID[field]
            else:
                return found

    def without_empty(self, found: Mapping[str, str]) -> dict[str, str]:
        """The problems of fields that are not empty: the others are not filled in yet."""
        return {key: words for key, words in found.items() if key and getattr(self, key).strip()}

    def _document(self) -> dict[str, Any]:
        lists = {
            key: [line for _, line in _lines(getattr(self, key))]
            for key in ("channels", "packages")
        }
        given = {"memory": _number(self.memory), "vcores": _number(self.vcores)}
        kernel = {key: value for key, value in given.items() if value != ""}
        document = {
            "name": self.name.strip() or None,
            "python": self.python.strip(),
            "pip": [line for _, line in _lines(self.pip)],
            "conda": {key: value for key, value in lists.items() if value} or None,
            "kernel": kernel if kernel or self.notebooks else None,
        }
        return {key: value for key, value in document.items() if value is not None}

    def _problem(self, error: SpecError) -> tuple[str, str]:
        """The field of a problem, and its words."""
        found = _PATH.fullmatch(error.path)
        group, field, index = found.groups() if found else (None, "", None)
        if group and not field:
            field = "packages" if group == "conda" else "memory"
        words = clean_and_cut(error.reason, lines=False)
        if field not in _VALID:
            return "", f"{field}: {words}" if field else words
        if index is None:
            return field, f"{words[:1].upper()}{words[1:]}."
        numbers = [number for number, _ in _lines(getattr(self, field))]
        line = numbers[int(index)] if int(index) < len(numbers) else len(numbers)
        return field, f"Line {line}: {words}."


def _lines(text: str) -> list[tuple[int, str]]:
    """The lines that are not empty, with their numbers; without comments."""
    found = (
        (number, _COMMENT.sub("", line).strip()) for number, line in enumerate(text.split("\n"), 1)
    )
    return [(number, line) for number, line in found if line]


def _number(text: str) -> int | str:
    text = text.strip()
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else text
