"""Kernelspecs for the provisioner `yarnhub`: what they can contain, and the requests they become.

`metadata.kernel_provisioner.config` of a `kernel.json` is one mapping; `KernelspecConfig` has its
keys. No I/O.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, ClassVar

from yarnhub.base.errors import SpecError
from yarnhub.base.foreign_text import quoted
from yarnhub.base.units import MiB, VCores
from yarnhub.kernels import bounds, spark
from yarnhub.kernels.environment import Environment, archive_on_cluster, file_on_cluster
from yarnhub.kernels.programs import CONNECT
from yarnhub.kernels.request import KernelRequest
from yarnhub.kernels.spark import SparkConfig
from yarnhub.spec import Resources
from yarnhub.spec import _reading as reading
from yarnhub.spec.file import files as files_check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from yarnhub.spec import File

PROVISIONER = "yarnhub"
"""The name of the provisioner in a kernelspec, and of its entry point."""
CONFIG = "metadata.kernel_provisioner.config"
WORK = "work"
"""The folder in the container that a kernel starts in by default."""
GPU = "yarn.io/gpu"

_PYTHON = re.compile(r"python(3(\.\d+)?)?")
"""What kernelspecs have for the Python of the environment that they are in."""
_MAX_VARIABLES = 200
_MAX_VARIABLE_BYTES = 12 * 1024
"""Of all variables of a request. They travel in the token file, a part of each submission."""
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

_variable = reading.matching(
    r"[A-Za-z_][A-Za-z0-9_]*", "the name of an environment variable: letters, digits and '_'"
)
_program = reading.matching(
    r"[A-Za-z0-9._/+@=-]+", "a program's name or path, of letters, digits and . _ / + @ = -"
)


def _folder(value: object) -> str:
    """Accept an absolute path without `.` and `..`, whatever is in its names."""
    path = reading.filled(value)
    if not path.startswith("/") or not path.isprintable() or ".." in PurePosixPath(path).parts:
        raise reading.wrong("an absolute path without '..'", value)
    return str(PurePosixPath(path))


def _transport(value: object) -> str:
    if value not in ("ipc", "tcp"):
        raise reading.wrong("'ipc' or 'tcp'", value)
    return str(value)


def _shared(value: object) -> Mapping[str, str]:
    """Accept a mapping of folders, or a list of folders with the same path everywhere."""
    if isinstance(value, list | tuple):
        value = {folder: folder for folder in reading.sequence(_folder)(value)}
    return reading.mapping(_folder, _folder)(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelspecConfig(reading.Element):
    """The `config` of the provisioner in a kernelspec.

    Attributes:
        queue: YARN's queue.
        memory: Bytes.
        vcores: Virtual cores.
        gpus: How many `yarn.io/gpu`.
        resource_types: Amounts of other resource types of the cluster.
        node_label: The node label; empty for the queue's default.
        priority: Among the queue's applications.
        files: What YARN puts into the container's folder, by destination name.
        archives: What YARN unpacks there.
        environment: Where the kernel's programs are; None for the nodes' `PATH`.
        prologue: Shell lines before the launcher starts, after the environment is active.
        env: Variables of the kernel, in addition to the kernelspec's.
        cwd: The folder on the node that the kernel starts in; empty for the container's own.
        shared_folders: Folders that the nodes have too: from the path on the notebook server to
            the path on the nodes. A kernel whose notebook is in one of them starts in its folder.
        python: The Python that runs the launcher, and `python` in argv without an environment;
            empty for the environment's, or the nodes', if that is new enough.
        transport: `ipc`, or `tcp` for kernels that cannot bind Unix sockets.
        limits: What a request may change, by variable.
        allowed_env: Names of further variables that a request may set for the kernel.
        spark: What makes `spark` and `sc` ready to use in its cells; None for a kernel without.
    """

    queue: str = "default"
    memory: int = 1024 * bounds.MEBIBYTE
    vcores: int = 1
    gpus: int = 0
    resource_types: Mapping[str, int] = field(default_factory=dict)
    node_label: str = ""
    priority: int = 0
    files: Mapping[str, File] = field(default_factory=dict)
    archives: Mapping[str, File] = field(default_factory=dict)
    environment: Environment | None = None
    prologue: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = ""
    shared_folders: Mapping[str, str] = field(default_factory=dict)
    python: str = ""
    transport: str = "ipc"
    limits: Mapping[str, bounds.Bound] = field(default_factory=dict)
    allowed_env: Sequence[str] = ()
    spark: SparkConfig | None = None

    checks: ClassVar[reading.Checks] = {
        "queue": bounds.queue,
        "memory": bounds.memory,
        "vcores": bounds.vcores,
        "gpus": bounds.gpus,
        "resource_types": Resources.checks["custom"],
        "node_label": reading.optional(bounds.node_label),
        "priority": bounds.priority,
        "files": files_check(file_on_cluster),
        "archives": files_check(archive_on_cluster),
        "environment": Environment.read,
        "prologue": reading.text,
        "env": reading.mapping(_variable, reading.text),
        "cwd": reading.optional(_folder),
        "shared_folders": _shared,
        "python": reading.optional(_program),
        "transport": _transport,
        "limits": bounds.read_limits,
        "allowed_env": reading.sequence(_variable),
        "spark": SparkConfig.read,
    }

    def _check(self) -> None:
        try:
            self._resources()
        except SpecError as error:
            raise SpecError(error.path.replace("custom", "resource_types"), error.reason) from error
        taken = {
            WORK: "is the kernel's folder",
            **dict.fromkeys(self._environment_names, "is the environment"),
        }
        for key, names in (("files", self.files), ("archives", self.archives)):
            for name in names:
                if name in taken:
                    raise SpecError(f"{key}.{name}", f"{taken[name]}: write another name")
                taken[name] = "is given twice"
        with reading.at("limits"):
            bounds.check_own(self.limits, self.own)

    def _resources(self) -> Resources:
        memory = MiB(-(-self.memory // bounds.MEBIBYTE))
        return Resources(
            memory=memory, vcores=VCores(self.vcores), gpus=self.gpus, custom=self.resource_types
        )

    @property
    def _environment_names(self) -> frozenset[str]:
        return self.environment.names if self.environment is not None else frozenset()

    @property
    def _environment_files(self) -> dict[str, File]:
        return self.environment.files if self.environment is not None else {}

    @property
    def all_files(self) -> dict[str, File]:
        """Files and archives, with the environment's, by their names in the container's folder."""
        return {**self.files, **self.archives, **self._environment_files}

    @property
    def own(self) -> dict[str, object]:
        """What a kernel gets without a request, by the keys that a request can change."""
        keys = {variable.changes for variable in bounds.VARIABLES.values()}
        gpus = self.all_resource_types.get(GPU, 0)
        return {key: getattr(self, key) for key in keys} | {"gpus": gpus}

    @property
    def all_resource_types(self) -> Mapping[str, int]:
        """The amounts of resource types, with GPUs, without zeros."""
        return self._resources().resource_types


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernelspec:
    """What a request needs of a kernelspec outside of the provisioner's `config`.

    Attributes:
        name: The kernelspec's, its folder's name.
        argv: With `{connection_file}`.
        env: Variables of the kernel.
        interrupt_mode: `signal` or `message`.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    interrupt_mode: str = "signal"


def read(config: object) -> KernelspecConfig:
    """Read the `config` of a kernelspec's provisioner.

    Raises:
        SpecError: It is invalid; names the place and what to write.
    """
    with reading.at(CONFIG):
        return KernelspecConfig.read(config)


def request_of(
    config: KernelspecConfig,
    spec: Kernelspec,
    *,
    id: str,  # noqa: A002  # the request's own name for it
    owner: str,
    user: str,
    asked: Mapping[str, str],
    cwd: str = "",
    notebook: str = "",
    connect: bool = False,
) -> KernelRequest:
    """The request for a kernel.

    Args:
        config: The provisioner's part of the kernelspec.
        spec: The rest of it.
        id: The kernel's id, a UUID.
        owner: The user's name at the service or the hub.
        user: The cluster's name of the user.
        asked: Variables of the client's request. Only `KERNEL_*` and those in `allowed_env` are
            used, and none of them in a shell.
        cwd: The notebook's folder on the notebook server; the folder in `KERNEL_WORKING_DIR` if it
            is empty.
        notebook: The notebook's path, if it is known.
        connect: Whether it is for a Spark Connect server.

    Raises:
        SpecError: The kernelspec's argv, or a variable, is invalid, or the request is for more
            than the kernelspec allows.
    """
    if connect and not (config.spark and config.spark.connect):
        raise SpecError("spark.connect", "is not set in this kernelspec")
    if not _UUID.fullmatch(id):
        raise SpecError("id", "must be a UUID of lowercase letters and digits with '-'")
    variables = dict(_allowed(config, asked))
    _check_user(variables.pop("KERNEL_USERNAME", owner), owner, user)
    folder = cwd or variables.pop("KERNEL_WORKING_DIR", "")
    variables.pop("KERNEL_WORKING_DIR", None)
    changed = bounds.changes(config.limits, config.own, variables)
    values = {**config.own, **changed}
    told = {"KERNEL_ID": id, "KERNEL_USERNAME": owner}
    if notebook:
        told |= {"JPY_SESSION_NAME": notebook}
    if config.spark is not None:
        told |= config.spark.env(config.all_files, str(values["queue"]), connect=connect)
    env = {**_env(spec), **config.env, **variables, **told}
    return KernelRequest(
        id=id,
        owner=owner,
        user=user,
        name=spec.name,
        argv=_argv(config, spec),
        env=env,
        cwd=shared_folder(config, folder) or config.cwd,
        interrupt=_interrupt(spec),
        transport=config.transport,
        queue=str(values["queue"]),
        memory=_integer(values["memory"]),
        vcores=_integer(values["vcores"]),
        resource_types=_resource_types(config, _integer(values["gpus"])),
        node_label=str(values["node_label"]),
        priority=_integer(values["priority"]),
        files=config.all_files,
        tags=config.environment.tags if config.environment else (),
        prologue=(config.environment.prologue if config.environment else "") + config.prologue,
        python=config.python,
        program=_program_of(config, connect=connect),
        notebook=notebook,
    )


def shared_folder(config: KernelspecConfig, folder: str) -> str:
    """The path on the nodes of a folder on the notebook server; empty if they do not have it."""
    try:
        path = PurePosixPath(_folder(folder))
    except SpecError:
        return ""
    roots = [root for root in config.shared_folders if path.is_relative_to(root)]
    if not roots:
        return ""
    root = max(roots, key=len)
    return str(PurePosixPath(config.shared_folders[root]) / path.relative_to(root))


def _allowed(config: KernelspecConfig, asked: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The variables of a request that are used."""
    size, count = 0, 0
    for name, value in asked.items():
        if not (name.startswith("KERNEL_") or name in config.allowed_env):
            continue
        with reading.at("env"):
            _variable(name)
        with reading.at(name):
            reading.text(value)
        size += len(name) + len(value.encode())
        count += 1
        if size > _MAX_VARIABLE_BYTES or count > _MAX_VARIABLES:
            raise SpecError(
                "env",
                f"a request can set {_MAX_VARIABLES} variables of {_MAX_VARIABLE_BYTES // 1024} "
                "KiB in total; use a file for more",
            )
        yield name, value


def _check_user(named: str, owner: str, user: str) -> None:
    if named not in (owner, user):
        raise SpecError(
            "KERNEL_USERNAME", f"must be your own name, {owner!r}, not {quoted(named)}; remove it"
        )


def _argv(config: KernelspecConfig, spec: Kernelspec) -> tuple[str, ...]:
    """The argv for the node."""
    with reading.at("argv"):
        argv = reading.sequence(reading.text)(spec.argv)
        if not argv or not argv[0].strip():
            raise SpecError("", "is empty: write the program of the kernel and its arguments")
        if not any("{connection_file}" in word for word in argv):
            raise SpecError("", "must contain {connection_file}")
        if config.spark is not None:
            argv = spark.argv(argv)
    if config.environment is None or not _PYTHON.fullmatch(argv[0]):
        return argv
    return (f"{config.environment.bin}/{argv[0]}", *argv[1:])


def _env(spec: Kernelspec) -> Mapping[str, str]:
    with reading.at("env"):
        return reading.mapping(_variable, reading.text)(spec.env)


def _interrupt(spec: Kernelspec) -> str:
    if spec.interrupt_mode not in ("signal", "message"):
        raise SpecError("interrupt_mode", "must be 'signal' or 'message'")
    return spec.interrupt_mode


def _resource_types(config: KernelspecConfig, gpus: int) -> dict[str, int]:
    others = {name: amount for name, amount in config.all_resource_types.items() if name != GPU}
    return {**others, **({GPU: gpus} if gpus else {})}


def _program_of(config: KernelspecConfig, *, connect: bool) -> str:
    if config.spark is None:
        return ""
    return CONNECT if connect else spark.PROGRAM


def _integer(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"expected a number, not {value!r}")
    return value
