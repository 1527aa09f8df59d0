"""What an application is, as skein's users write it.

The fields are those of `yarnhub.spec`, where they are described; those that skein did not have
are arguments by name only. A None for one counts as if it were not given.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from skein.document import Document
from skein.files import File
from skein.security import Security
from yarnhub import spec
from yarnhub.base import units
from yarnhub.base.errors import SpecError
from yarnhub.spec import Docker, LogLevel, Readiness, file
from yarnhub.spec import _reading as read
from yarnhub.spec.service import service_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.base.units import MiB, Seconds, VCores

    Files = Mapping[str, File | str]


def parse_memory(s: str | float) -> MiB:
    """Read a quantity of memory, such as `"2 GiB"`, in MiB; a unit alone is one of it.

    Raises:
        TypeError: It is neither text nor a number.
        ValueError: It is no quantity, or negative.
    """
    if isinstance(s, bool) or not isinstance(s, str | int | float):
        raise read.wrong_type("a quantity of memory", s)
    text = str(s).strip()
    try:
        return units.parse_memory(f"1 {text}" if text[:1].isalpha() else text)
    except ValueError as error:
        raise SpecError("", str(error)) from error


def _requested(value: object) -> Resources:
    """Take what a container may ask for: something of memory and cores."""
    found = Resources.read(value)
    spec.Resources.from_dict(found.to_dict())
    return found


class Resources(Document, spec.Resources):
    """What a container asks of its node, or what is held or used.

    Args:
        memory: MiB, or a quantity such as `"2 GiB"`.
        vcores: Virtual cores.
        gpus: How many `yarn.io/gpu`.
        fpgas: How many `yarn.io/fpga`.
        custom: How many of any other resource type, by its name.
    """

    __slots__ = ()

    memory: MiB
    vcores: VCores
    gpus: int
    fpgas: int
    custom: dict[str, int]

    checks: ClassVar[read.Checks] = {
        **spec.Resources.checks,
        "memory": parse_memory,  # type: ignore[dict-item]  # it refuses what is none
        "vcores": read.integer(0),
    }

    def __init__(
        self,
        memory: float | str,
        vcores: int,
        gpus: int = 0,
        fpgas: int = 0,
        custom: Mapping[str, int] | None = None,
    ) -> None:
        self._fill(locals())

    def __repr__(self) -> str:
        devices = {"gpus": self.gpus, "fpgas": self.fpgas, **self.custom}
        more = "".join(f", {name}={amount}" for name, amount in devices.items() if amount)
        return f"Resources<memory={self.memory}, vcores={self.vcores}{more}>"


class ACLs(Document, spec.ACLs):
    """The users who can view and change an application; `*` stands for all users."""

    __slots__ = ()

    enable: bool
    view_users: list[str]
    view_groups: list[str]
    modify_users: list[str]
    modify_groups: list[str]
    ui_users: list[str]

    def __init__(
        self,
        enable: bool = False,  # noqa: FBT001, FBT002  # skein's signature
        view_users: Iterable[str] | None = None,
        view_groups: Iterable[str] | None = None,
        modify_users: Iterable[str] | None = None,
        modify_groups: Iterable[str] | None = None,
        ui_users: Iterable[str] | None = None,
    ) -> None:
        self._fill(locals())

    def __repr__(self) -> str:
        return f"ACLs<enable={self.enable}, ...>"


class Service(Document, spec.Service):
    """A number of containers that run the same script."""

    __slots__ = ()

    resources: Resources
    script: str
    instances: int
    files: dict[str, File]
    env: dict[str, str]
    depends: set[str]
    max_restarts: int
    allow_failures: bool
    node_label: str
    nodes: list[str]
    racks: list[str]
    relax_locality: bool
    docker: Docker | None
    restart_delay: Seconds
    max_restart_delay: Seconds
    grace_period: Seconds
    ready: Readiness | None

    checks: ClassVar[read.Checks] = {
        **spec.Service.checks,
        "resources": _requested,
        "files": file.files(File.read),
    }

    def __init__(
        self,
        resources: Resources | Mapping[str, object],
        script: str,
        instances: int = 1,
        files: Files | None = None,
        env: Mapping[str, str] | None = None,
        depends: Iterable[str] | None = None,
        max_restarts: int = 0,
        allow_failures: bool = False,  # noqa: FBT001, FBT002  # skein's signature
        node_label: str = "",
        nodes: Iterable[str] | None = None,
        racks: Iterable[str] | None = None,
        relax_locality: bool = False,  # noqa: FBT001, FBT002
        *,
        docker: Docker | Mapping[str, object] | None = None,
        restart_delay: float | str = 0,
        max_restart_delay: float | str = 300,
        grace_period: float | str = 0,
        ready: Readiness | Mapping[str, object] | None = None,
    ) -> None:
        self._fill(locals())

    def __repr__(self) -> str:
        return f"Service<instances={self.instances}, ...>"


class Master(Document, spec.Master):
    """The ApplicationMaster's container, and the script that it can run."""

    __slots__ = ()

    resources: Resources
    script: str
    files: dict[str, File]
    env: dict[str, str]
    docker: Docker | None
    log_level: LogLevel
    log_config: File | None
    security: Security | None

    checks: ClassVar[read.Checks] = {
        **spec.Master.checks,
        "resources": _requested,
        "files": file.files(File.read),
        "log_config": File.read,
        "security": Security.read,
    }

    def __init__(
        self,
        resources: Resources | Mapping[str, object] | None = None,
        script: str = "",
        files: Files | None = None,
        env: Mapping[str, str] | None = None,
        log_level: LogLevel | str = LogLevel.INFO,
        log_config: File | str | None = None,
        security: Security | None = None,
        *,
        docker: Docker | Mapping[str, object] | None = None,
    ) -> None:
        self._fill(locals())

    def __repr__(self) -> str:
        return "Master<...>"


class ApplicationSpec(Document, spec.ApplicationSpec):
    """What to run on YARN."""

    __slots__ = ()

    name: str
    queue: str
    user: str
    node_label: str
    tags: set[str]
    file_systems: list[str]
    max_attempts: int
    priority: int
    timeout: Seconds | None
    acls: ACLs
    master: Master
    services: dict[str, Service]

    checks: ClassVar[read.Checks] = {
        **spec.ApplicationSpec.checks,
        "acls": ACLs.read,
        "master": Master.read,
        "services": read.mapping(service_name, Service.read),
    }

    def __init__(
        self,
        services: Mapping[str, Service] | None = None,
        master: Master | None = None,
        name: str = "skein",
        queue: str = "default",
        user: str = "",
        node_label: str = "",
        tags: Iterable[str] | None = None,
        file_systems: Iterable[str] | None = None,
        acls: ACLs | None = None,
        max_attempts: int = 1,
        *,
        priority: int = 0,
        timeout: float | str | None = None,
    ) -> None:
        self._fill(locals())

    def __repr__(self) -> str:
        return f"ApplicationSpec<name={self.name!r}, queue={self.queue!r}, services=...>"

    @classmethod
    def _from_any(cls, spec: object) -> ApplicationSpec:  # skein's name
        match spec:
            case ApplicationSpec():
                return spec
            case str() | Path():
                return cls.from_file(spec)
            case Mapping():
                return cls.from_dict(spec)
            case _:
                raise TypeError(
                    f"spec must be an ApplicationSpec, a dict or a path, not {type(spec).__name__}"
                )

    def checked(self) -> spec.ApplicationSpec:
        """The specification that is submitted: what was changed inside is checked as a whole.

        Raises:
            SpecError: Something in it is wrong.
        """
        return spec.ApplicationSpec.from_dict(self.to_dict())
