"""Converts kernelspecs of Enterprise Gateway and gateway_provisioners; no I/O.

Their kernels are started by scripts that submit an application by `spark-submit` or `dask-yarn`.
Options for the kernel's container become `config`; notes name the rest.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from yarnhub.base.errors import SpecError
from yarnhub.base.foreign_text import quoted
from yarnhub.base.units import MiB, format_memory
from yarnhub.kernels.enterprise_gateway_spark import HOME, PYTHON, SparkProperties
from yarnhub.kernels.kernelspec import PROVISIONER
from yarnhub.kernels.kernelspec_file import LANGUAGES, for_yarn, parse, provisioner
from yarnhub.kernels.spark_memory import LEAST_OVERHEAD, java_memory, overhead_factor, with_overhead
from yarnhub.spec import _reading as reading

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPARK = {
    "--queue": "queue",
    "spark.yarn.queue": "queue",
    "--driver-memory": "memory",
    "spark.driver.memory": "memory",
    "spark.driver.memoryOverhead": "overhead",
    "spark.driver.memoryOverheadFactor": "factor",
    "spark.driver.minMemoryOverhead": "least",
    "--driver-cores": "vcores",
    "spark.driver.cores": "vcores",
    "spark.driver.resource.gpu.amount": "gpus",
    "spark.yarn.driver.resource.yarn.io/gpu.amount": "gpus",
    "spark.yarn.am.nodeLabelExpression": "node_label",
    "spark.yarn.priority": "priority",
    "--archives": "archives",
    "spark.archives": "archives",
    "spark.yarn.dist.archives": "archives",
    "--files": "files",
    "spark.files": "files",
    "spark.yarn.dist.files": "files",
}
"""Options for the container of Spark's driver, in which the kernel is."""
_DASK = {
    "--queue": "queue",
    "--client-memory": "memory",
    "--client-vcores": "vcores",
    "--environment": "environment",
}
"""Options of `dask-yarn submit` for the container of the client."""
_NOT_NEEDED = frozenset(
    {
        *(
            "--master",
            "--deploy-mode",
            "--name",
            "--proxy-user",
            "--temporary-security-credentials",
        ),
        *("spark.yarn.submit.waitAppCompletion", "spark.yarn.maxAppAttempts"),
        "spark.yarn.am.waitTime",
    }
)
_FLAGS = frozenset({"--temporary-security-credentials", "--verbose", "-v", "--supervise"})
_AM_ENV = "spark.yarn.appMasterEnv."
_OWN_VARIABLES = frozenset({"SPARK_OPTS", "DASK_OPTS", "DASK_YARN_EXE", "LAUNCH_OPTS"})
_NUMBERS = ("vcores", "gpus", "priority")
_DRIVER_MEMORY = MiB(1024)
"""Spark's default."""
_SPARKS_VARIABLES = {
    HOME: "",
    "SPARK_CONF_DIR": "is not needed: properties are in the kernelspec's `spark`",
    "JAVA_HOME": "is left out: Spark needs Java 17 or newer, and uses the JAVA_HOME of containers; "
    "`java_home` in `spark` names another one",
}
"""Variables that a kernel with Spark does not get, and why."""
_WITH_DEFAULT = re.compile(r"\$\{\w+:-([^{}$]+)\}")
_USERS = "has no equivalent: c.KernelGateway.kernelspec_audiences of the gateway names users"
_PROXY = {
    "authorized_users": _USERS,
    "unauthorized_users": _USERS,
    "yarn_endpoint": "is not needed: HADOOP_CONF_DIR names the ResourceManagers",
    "alt_yarn_endpoint": "is not needed: HADOOP_CONF_DIR names the ResourceManagers",
    "yarn_endpoint_security_enabled": "is not needed: the Hadoop configuration has it",
    "impersonation_enabled": "is not needed: kernels always run as their user",
    "port_range": "is not needed: the launcher connects to the gateway, and listens nowhere",
    "response_address": "is not needed: the launcher connects to the gateway by itself",
    "remote_hosts": "has no equivalent: YARN chooses the node; `node_label` limits the choice",
    "load_balancing_algorithm": "has no equivalent: YARN chooses the node",
}
_LAUNCHER = re.compile(r"\{(response_address|public_key|port_range|kernel_id)\}|RemoteProcessProxy")
_CONTEXT = ("spark-context-initialization-mode",)


@dataclass(frozen=True, slots=True)
class ConvertedKernelspec:
    """A kernelspec for the provisioner `yarnhub`.

    Attributes:
        document: The content of its `kernel.json`.
        config: The provisioner's part of it.
        notes: What was left out, or means something else.
        settings: Spark's properties, for the key `spark`; empty without it.
    """

    document: Mapping[str, object]
    config: Mapping[str, object]
    notes: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict)


def convert(document: Mapping[str, object], *, spark: bool = False) -> ConvertedKernelspec:
    """Convert the content of a `kernel.json`.

    Args:
        document: The content.
        spark: Whether the key `spark` is added to the result; its settings are returned, since
            the rest of it depends on what is published.

    Raises:
        SpecError: It is another kind of kernelspec, invalid, or its kernel cannot run without
            Enterprise Gateway.
    """
    conversion = _Conversion(document, SparkProperties() if spark else None)
    conversion.run()
    parse("converted", conversion.result)
    properties = conversion.spark
    settings = properties.finish() if properties is not None else {}
    notes = [*conversion.notes, *(properties.notes if properties is not None else ())]
    return ConvertedKernelspec(
        document=conversion.result,
        config=conversion.config,
        notes=tuple(dict.fromkeys(notes)),
        settings=settings,
    )


@dataclass(slots=True)
class _Conversion:
    old: Mapping[str, object]
    spark: SparkProperties | None
    config: dict[str, object] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    result: dict[str, object] = field(default_factory=dict)
    _sizes: dict[str, Any] = field(default_factory=dict)
    """Arguments of `with_overhead`."""
    _of_spark: list[str] = field(default_factory=list)

    def run(self) -> None:
        metadata = dict(reading.as_mapping(self.old.get("metadata", {})))
        self._read_proxy(metadata)
        self._check_spark()
        argv = self._argv()
        self._read_env()
        if self._of_spark:
            names = ", ".join(dict.fromkeys(self._of_spark))
            self.notes.append(f"set these where the notebook creates its Spark session: {names}")
        self._set_memory()
        template = {**self.old, "argv": argv, "env": self.env, "metadata": metadata}
        template.pop("process_proxy", None)
        self.result = for_yarn(template, self.config)

    def _check_spark(self) -> None:
        if self.spark is None:
            return
        if not self._is_spark:
            raise SpecError("env", "has no SPARK_OPTS: convert it without --spark")
        if str(self.old.get("language", "")).lower() != "python":
            raise SpecError("language", "must be python in a kernel with --spark")

    def _read_proxy(self, metadata: dict[str, object]) -> None:
        # Enterprise Gateway 1 had it at the top.
        proxy = metadata.pop("process_proxy", self.old.get("process_proxy"))
        if proxy is None:
            name = provisioner(self.old)
            if not name or name == PROVISIONER:
                raise SpecError(
                    "metadata", "has neither Enterprise Gateway's process_proxy nor a provisioner "
                    "of gateway_provisioners"
                )  # fmt: skip
            proxy = metadata.pop("kernel_provisioner")
        with reading.at("metadata"):
            config = reading.as_mapping(reading.as_mapping(proxy).get("config") or {})
        for key in config:
            self.notes.append(f"config.{key} {_PROXY.get(key, 'has no equivalent')}")

    def _argv(self) -> list[str]:
        with reading.at("argv"):
            argv = list(reading.sequence(reading.text)(self.old.get("argv")))
        text = " ".join(argv)
        if not _LAUNCHER.search(text):
            return argv
        language = str(self.old.get("language", "")).lower()
        if language not in LANGUAGES:
            if language == "scala":
                raise SpecError(
                    "argv",
                    "is Enterprise Gateway's launcher for Scala: use `yarnhub kernelspec install "
                    "--spark --language scala` instead",
                )
            shown = language[:40] or "an unknown language"
            raise SpecError(
                "argv",
                f"is Enterprise Gateway's launcher for {shown}, which "
                "has no equivalent: write the argv of a kernel that needs only {connection_file}",
            )
        for option, value in pairwise(argv):
            if option.endswith(_CONTEXT) and value != "none" and self.spark is None:
                self.notes.append(
                    "no Spark context is created when the kernel starts: create a session in the "
                    "notebook"
                )
        new = LANGUAGES[language]["argv"]
        assert isinstance(new, list)
        return [*new]

    def _read_env(self) -> None:
        with reading.at("env"):
            old = reading.mapping(reading.text, reading.text)(self.old.get("env") or {})
        if self.spark is not None:
            self.spark.home = old.get(HOME, "")
        for name, value in old.items():
            if name not in _OWN_VARIABLES:
                self._set_variable(f"env.{name}", name, value)
        for key, value in _options(old.get("SPARK_OPTS", "")):
            self._read_spark(key, value)
        for key, value in _options(old.get("DASK_OPTS", "")):
            self._read_dask(key, value)
        python = self.env.get(PYTHON, "")
        if python.endswith(("/bin/python", "/bin/python3")):
            self._set_environment(posixpath.dirname(posixpath.dirname(python)))

    def _set_variable(self, place: str, name: str, value: str) -> None:
        if self.spark is not None:
            if name in _SPARKS_VARIABLES:
                if why := _SPARKS_VARIABLES[name]:
                    self.notes.append(f"{place} {why}")
                return
            if name == "PYTHONPATH" and not (value := self.spark.without_spark(value)):
                return
        if "$" not in value:
            self.env[name] = value
            return
        folder, _, rest = value.partition(":")
        if name == "PATH" and rest in ("$PATH", "${PATH}") and folder.endswith("/bin"):
            self._set_environment(posixpath.dirname(folder))
        else:
            # The prologue has YARN's variables, and none of the request's.
            value = re.sub(r"\$(?:KERNEL_USERNAME\b|\{KERNEL_USERNAME\})", "$USER", value)
            self.notes.append(
                f"{place} depends on other variables: set it in `prologue`, such as "
                f'export {name}="{value}"'
            )

    def _set_environment(self, folder: str) -> None:
        """Use a folder on the nodes, or an archive that is unpacked into one."""
        archives = self.config.get("archives")
        name = folder.removeprefix("./")
        archive = ""
        if isinstance(archives, dict) and name in archives:
            archive = str(archives.pop(name))
            self.config["environment"] = archive
            if not archives:
                del self.config["archives"]
        elif folder.startswith("/"):
            self.config.setdefault("environment", folder)
        else:
            self.notes.append(f"the environment {folder} is in none of the archives")
            return
        if self.spark is not None:
            self.env.pop(PYTHON, None)  # executors have the kernel's
            self.spark.environment, self.spark.archive = name, archive

    def _read_spark(self, key: str, value: str) -> None:
        if key == "--master" and not value.startswith("yarn"):
            self.notes.append(f"--master is {value[:100]}, and the kernel runs on YARN")
        if (found := _WITH_DEFAULT.fullmatch(value)) is not None and key not in _NOT_NEEDED:
            value = found[1]
            where = (
                "write into `limits` what a request can change"
                if key in _SPARK
                else "users set another value where they build their session"
            )
            self.notes.append(f"{key} is {value[:100]}: {where}")
        if key.startswith(_AM_ENV):
            self._set_variable(key, key.removeprefix(_AM_ENV), value)
        elif key in _SPARK:
            self._set(_SPARK[key], key, value)
            if key == "spark.yarn.priority" and self.spark is not None:
                self.spark.take(key, value)
        elif key.startswith("$"):
            self.notes.append(f"SPARK_OPTS: {key} of a request has no equivalent")
        elif key not in _NOT_NEEDED and self.spark is not None:
            self.spark.take(key, value)
        elif key not in _NOT_NEEDED:
            self._of_spark.append(key)

    def _read_dask(self, key: str, value: str) -> None:
        if key in _DASK:
            self._set(_DASK[key], key, value)
        elif key not in _NOT_NEEDED:
            self.notes.append(f"DASK_OPTS: {key} has no equivalent: set it for the Dask cluster")

    def _set(self, name: str, key: str, value: str) -> None:
        if "$" in value:
            self.notes.append(
                f"{key} depends on the request: write into `limits` what a request can change"
            )
        elif name in ("memory", "overhead", "factor", "least"):
            with reading.at(key):
                self._sizes[name] = (overhead_factor if name == "factor" else java_memory)(value)
            self.config["memory"] = ""  # keeps the order; see `_set_memory`
        elif name in _NUMBERS:
            if not re.fullmatch(r"[0-9]{1,9}", value):
                raise SpecError(key, f"must be a whole number, not {quoted(value)}")
            self.config[name] = int(value)
        elif name in ("archives", "files"):
            sources = dict(_sources(value))
            self.config[name] = {**_mapping(self.config.get(name)), **sources}
            if self.spark is not None:
                self.spark.take_files(name, sources)
        elif name == "environment":
            python = value.removeprefix("python://")
            is_python = python != value and python.endswith(("/bin/python", "/bin/python3"))
            folder = posixpath.dirname(posixpath.dirname(python)) if is_python else python
            self.config[name] = folder.removeprefix("venv://").removeprefix("conda://")
        else:
            self.config[name] = value

    def _set_memory(self) -> None:
        """Ask for as much memory as Spark has: the driver's and its overhead."""
        if self.spark is not None:
            self._sizes.setdefault("memory", _DRIVER_MEMORY)
        if "memory" not in self._sizes:
            self.config.pop("memory", None)
            self.notes += [
                f"{key} has no effect without spark.driver.memory"
                for key, name in _SPARK.items()
                if name in self._sizes
            ]
            return
        memory: MiB = self._sizes["memory"]
        if self._is_spark:
            container = with_overhead(**self._sizes)
            if self.spark is not None:
                self.spark.settings["spark.driver.memory"] = f"{memory}m"
                # With less, no session starts.
                container = max(container, MiB(memory + LEAST_OVERHEAD))
            memory = container
            self.notes.append(
                f"memory is {format_memory(memory)}, the driver's with its overhead, as Spark "
                "requests it"
            )
        self.config["memory"] = format_memory(memory)

    @property
    def _is_spark(self) -> bool:
        return "SPARK_OPTS" in _mapping(self.old.get("env"))


def _options(text: str) -> Iterator[tuple[str, str]]:
    """Options and keys of `--conf`, with their values; other words have none."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise SpecError("env", f"has options that cannot be read: {error}") from error
    rest = iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        if not option.startswith("-"):
            yield word, ""
            continue
        if option not in _FLAGS and not equals:
            value = next(rest, "")
        if option in ("--conf", "-c"):
            option, _, value = value.partition("=")
        yield option, value


def _sources(value: str) -> Iterator[tuple[str, str]]:
    """Files of a list, by the names that they get."""
    for each in filter(None, value.split(",")):
        source, _, name = each.partition("#")
        yield name or posixpath.basename(source), source


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
