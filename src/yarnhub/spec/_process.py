"""What the ApplicationMaster and a service's instance have in common: a script in a container."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from yarnhub.base.errors import SpecError
from yarnhub.spec import file
from yarnhub.spec._reading import (
    Element,
    as_mapping,
    at,
    checked,
    filled,
    mapping,
    matching,
    override,
    sequence,
    text,
)
from yarnhub.spec.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Mapping

# YARN writes `export NAME="value"` into the script that launches the container.
_variable = matching(r"[A-Za-z_][A-Za-z0-9_]*", "a name that a shell can export")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process(Element):
    """A script in a container.

    Attributes:
        resources: What each container asks of its node.
        script: Run by bash. A document may give `commands` in its place: a list of shell lines,
            of which the first that fails ends the script.
        files: What YARN puts into the container's folder, by destination name.
        env: Environment variables.
    """

    resources: Resources = field(metadata=checked(Resources.read))
    script: str = field(metadata=checked(filled))
    files: Mapping[str, file.File] = field(default_factory=dict, metadata=checked(file.files))
    env: Mapping[str, str] = field(default_factory=dict, metadata=checked(mapping(_variable, text)))

    _shorthand: ClassVar[frozenset[str]] = frozenset({"commands"})

    @override
    @classmethod
    def _expand(cls, data: object) -> object:
        document = dict(as_mapping(data))
        commands = document.pop("commands", None)
        if commands is None:
            return document
        with at("commands"):
            if document.get("script") is not None:
                raise SpecError("", "give either `script` or `commands`, not both")
            lines = sequence(filled)(commands)
            if not lines:
                raise SpecError("", "must hold at least one command")
        # Not -u: the activate scripts of Python environments read variables that may be unset.
        document["script"] = "\n".join(("set -e", *lines, ""))
        return document
