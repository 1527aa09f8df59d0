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
from typing import TYPE_CHECKING

from yarnhub.base.errors import SpecError
from yarnhub.base.foreign_text import quoted
from yarnhub.base.units import MiB, format_memory, parse_memory
from yarnhub.kernels.kernelspec import PROVISIONER
from yarnhub.kernels.kernelspec_file import LANGUAGES, for_yarn, parse, provisioner
from yarnhub.spec import _reading as reading

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPARK = {
    "--queue": "queue",
    "spark.yarn.queue": "queue",
    "--driver-memory": "memory",
    "spark.driver.memory": "memory",
    "spark.driver.memoryOverhead": "overhead",
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
_OVERHEAD, _LEAST_OVERHEAD = 0.1, MiB(384)
"""What Spark adds to a driver's memory: spark.driver.memoryOverheadFactor, and its minimum."""
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
        notes: What was left out, or means something else.
    """

    document: Mapping[str, object]
    notes: tuple[str, ...]


def convert(document: Mapping[str, object]) -> ConvertedKernelspec:
    """Convert the content of a `kernel.json`.

    Raises:
        SpecError: It is another kind of kernelspec, invalid, or its kernel cannot run without
            Enterprise Gateway.
    """
    conversion = _Conversion(document)
    conversion.run()
    parse("converted", conversion.result)
    return ConvertedKernelspec(conversion.result, tuple(conversion.notes))


@dataclass(slots=True)
class _Conversion:
    old: Mapping[str, object]
    config: dict[str, object] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    result: dict[str, object] = field(default_factory=dict)
    _sizes: dict[str, MiB] = field(default_factory=dict)
    _of_spark: list[str] = field(default_factory=list)

    def run(self) -> None:
        metadata = dict(reading.as_mapping(self.old.get("metadata", {})))
        self._read_proxy(metadata)
        argv = self._argv()
        self._read_env()
        if self._of_spark:
            names = ", ".join(dict.fromkeys(self._of_spark))
            self.notes.append(f"set these where the notebook creates its Spark session: {names}")
        self._set_memory()
        template = {**self.old, "argv": argv, "env": self.env, "metadata": metadata}
        self.result = for_yarn(template, self.config)

    def _read_proxy(self, metadata: dict[str, object]) -> None:
        proxy = metadata.pop("process_proxy", None)
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
            shown = language[:40] or "an unknown language"
            raise SpecError(
                "argv",
                f"is Enterprise Gateway's launcher for {shown}, which "
                "has no equivalent: write the argv of a kernel that needs only {connection_file}",
            )
        for option, value in pairwise(argv):
            if option.endswith(_CONTEXT) and value != "none":
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
        for name, value in old.items():
            if name not in _OWN_VARIABLES:
                self._set_variable(f"env.{name}", name, value)
        for key, value in _options(old.get("SPARK_OPTS", "")):
            self._read_spark(key, value)
        for key, value in _options(old.get("DASK_OPTS", "")):
            self._read_dask(key, value)
        python = old.get("PYSPARK_PYTHON", "")
        if python.endswith(("/bin/python", "/bin/python3")):
            self._set_environment(posixpath.dirname(posixpath.dirname(python)))

    def _set_variable(self, place: str, name: str, value: str) -> None:
        if "$" not in value:
            self.env[name] = value
            return
        folder, _, rest = value.partition(":")
        if name == "PATH" and rest in ("$PATH", "${PATH}") and folder.endswith("/bin"):
            self._set_environment(posixpath.dirname(folder))
        else:
            self.notes.append(
                f"{place} depends on other variables: set it in `prologue`, such as "
                f'export {name}="{value}"'
            )

    def _set_environment(self, folder: str) -> None:
        """Use a folder on the nodes, or an archive that is unpacked into one."""
        archives = self.config.get("archives")
        name = folder.removeprefix("./")
        if isinstance(archives, dict) and name in archives:
            self.config["environment"] = archives.pop(name)
            if not archives:
                del self.config["archives"]
        elif folder.startswith("/"):
            self.config.setdefault("environment", folder)
        else:
            self.notes.append(f"the environment {folder} is in none of the archives")

    def _read_spark(self, key: str, value: str) -> None:
        if key.startswith(_AM_ENV):
            self._set_variable(key, key.removeprefix(_AM_ENV), value)
        elif key in _SPARK:
            self._set(_SPARK[key], key, value)
        elif key.startswith("$"):
            self.notes.append(f"SPARK_OPTS: {key} of a request has no equivalent")
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
        elif name in ("memory", "overhead"):
            with reading.at(key):
                self._sizes[name] = _memory(value)
                self.config["memory"] = ""  # keeps the order; see `_set_memory`
        elif name in _NUMBERS:
            if not re.fullmatch(r"[0-9]{1,9}", value):
                raise SpecError(key, f"must be a whole number, not {quoted(value)}")
            self.config[name] = int(value)
        elif name in ("archives", "files"):
            self.config[name] = {**_mapping(self.config.get(name)), **dict(_sources(value))}
        elif name == "environment":
            python = value.removeprefix("python://")
            is_python = python != value and python.endswith(("/bin/python", "/bin/python3"))
            folder = posixpath.dirname(posixpath.dirname(python)) if is_python else python
            self.config[name] = folder.removeprefix("venv://").removeprefix("conda://")
        else:
            self.config[name] = value

    def _set_memory(self) -> None:
        """Ask for as much memory as Spark has: the driver's and its overhead."""
        if "memory" not in self._sizes:
            if self.config.pop("memory", None) is not None:
                self.notes.append(
                    "spark.driver.memoryOverhead has no effect without spark.driver.memory"
                )
            return
        memory = self._sizes["memory"]
        if self._is_spark:
            least = max(_LEAST_OVERHEAD, MiB(int(memory * _OVERHEAD)))
            memory = MiB(memory + self._sizes.get("overhead", least))
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


def _memory(value: str) -> MiB:
    """A quantity as the JVM and Spark write it: k, m, g and t are powers of 1024."""
    found = re.fullmatch(r"(\d+)\s*([kmgt]?)(?:i?b)?", value.strip().lower())
    if found is None:
        raise SpecError("", f"must be a quantity of memory, not {quoted(value)}")
    number, unit = found.groups()
    return parse_memory(f"{number} {unit or 'm'}ib")


def _sources(value: str) -> Iterator[tuple[str, str]]:
    """Files of a list, by the names that they get."""
    for each in filter(None, value.split(",")):
        source, _, name = each.partition("#")
        yield name or posixpath.basename(source), source


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
