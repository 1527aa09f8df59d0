"""A service: a number of containers that run the same script."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from yarnhub.base.errors import SpecError
from yarnhub.base.units import Seconds
from yarnhub.spec import _reading as read
from yarnhub.spec import file
from yarnhub.spec.docker import Docker
from yarnhub.spec.readiness import Readiness
from yarnhub.spec.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

LONG_RUN = Seconds(600)
"""Seconds after which a failure of an instance is unrelated to earlier ones."""

# A service's name becomes part of file names and of the script that launches its containers.
service_name = read.matching(
    r"[A-Za-z0-9][A-Za-z0-9._-]*",
    "a name of letters, digits, '.', '_' and '-' that begins with a letter or digit",
)
# YARN writes `export NAME="value"` into the script that launches the container.
_variable = read.matching(r"[A-Za-z_][A-Za-z0-9_]*", "a name that a shell can export")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process(read.Element):
    """A script in a container.

    Attributes:
        resources: The resources of each container.
        script: Run by bash. A document may have `commands` instead: a list of shell lines,
            of which the first that fails ends the script.
        files: What YARN puts into the container's folder, by destination name.
        env: Environment variables.
        docker: The image that it runs in; None for the node itself.
    """

    resources: Resources
    script: str
    files: Mapping[str, file.File] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    docker: Docker | None = None

    checks: ClassVar[read.Checks] = {
        "resources": Resources.read,
        "script": read.filled,
        "files": file.files(file.File.read),
        "env": read.mapping(_variable, read.text),
        "docker": Docker.read,
    }
    shorthand: ClassVar[frozenset[str]] = frozenset({"commands"})
    beyond: ClassVar[frozenset[str]] = frozenset({"docker"})

    @classmethod
    def _expand(cls, data: object) -> object:
        document = dict(read.as_mapping(data))
        commands = document.pop("commands", None)
        if commands is None:
            return document
        with read.at("commands"):
            if document.get("script") is not None:
                raise SpecError("", "give either `script` or `commands`, not both")
            lines = read.sequence(read.filled)(commands)
            if not lines:
                raise SpecError("", "must hold at least one command")
        # Not -u: the activate scripts of Python environments read variables that may be unset.
        document["script"] = "\n".join(("set -e", *lines, ""))
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(Process):
    """A number of containers, the instances, that run the same script.

    Attributes:
        instances: The initial number of containers.
        depends: Names of services that must be ready first.
        max_restarts: The number of failed instances that are replaced, for the whole service; -1
            for no limit.
        allow_failures: Whether the application continues if more instances fail.
        restart_delay: Seconds before a failed instance is replaced; doubled each time that a
            replacement fails too, until one runs for `LONG_RUN` seconds.
        max_restart_delay: The limit of this delay, in seconds.
        grace_period: Seconds between the request to end (SIGTERM) and the kill of an instance; 0
            for YARN's default of 250 ms.
        ready: When an instance is ready; None for when YARN has allocated its container.
        node_label: The label of the containers' nodes; empty for the application's label.
        nodes: Hosts to run on.
        racks: Racks to run on.
        relax_locality: Whether other nodes may be used when these are busy.
    """

    instances: int = 1
    depends: AbstractSet[str] = frozenset()
    max_restarts: int = 0
    allow_failures: bool = False
    restart_delay: Seconds = field(default=Seconds(0))
    max_restart_delay: Seconds = field(default=Seconds(300))
    grace_period: Seconds = field(default=Seconds(0))
    ready: Readiness | None = None
    node_label: str = ""
    nodes: Sequence[str] = ()
    racks: Sequence[str] = ()
    relax_locality: bool = False

    checks: ClassVar[read.Checks] = {
        **Process.checks,
        "instances": read.integer(0),
        "depends": read.distinct(service_name),
        "max_restarts": read.integer(-1),
        "allow_failures": read.flag,
        "restart_delay": read.duration(),
        "max_restart_delay": read.duration(),
        "grace_period": read.duration(),
        "ready": Readiness.read,
        "node_label": read.text,
        "nodes": read.sequence(read.filled),
        "racks": read.sequence(read.filled),
        "relax_locality": read.flag,
    }
    beyond: ClassVar[frozenset[str]] = Process.beyond | {
        "restart_delay",
        "max_restart_delay",
        "grace_period",
        "ready",
    }

    def _check(self) -> None:
        if self.max_restart_delay < self.restart_delay:
            raise SpecError(
                "max_restart_delay",
                f"{self.max_restart_delay:g} s is less than restart_delay, "
                f"{self.restart_delay:g} s",
            )
