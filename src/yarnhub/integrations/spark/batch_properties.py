"""The properties of a batch job: what the user may set, and what its submission is made from."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.base.units import MiB, VCores
from yarnhub.integrations.spark.driver.settings import breaks_script
from yarnhub.kernels.spark_memory import overhead_factor, with_overhead

if TYPE_CHECKING:
    from collections.abc import Mapping

MEMORY, EXECUTOR_MEMORY = "spark.driver.memory", "spark.executor.memory"
EXECUTOR_ENVIRONMENT = "spark.executorEnv."
MASTER_ENVIRONMENT = "spark.yarn.appMasterEnv."

_DEFAULT_MEMORY = MiB(1024)
_MAX_PROPERTIES = 1000
_MAX_VALUE = 64 * 1024
"""Characters: a class path of hundreds of jars."""
_NAME = re.compile(r"spark\.[A-Za-z0-9._-]{1,200}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SIZE = re.compile(r"(\d{1,15})\s*([kmgt]?)b?", re.IGNORECASE)
_UNITS = {"k": 1 / 1024, "": 1, "m": 1, "g": 1024, "t": 1024 * 1024}

_PYTHON_FILES, _FILES, _ARCHIVES = "use --py-files", "use --files", "use --archives"
_LOGIN = "log in with kinit: the job gets tokens, and no keytab leaves this machine"
_NOT_SUPPORTED = "`yarnhub spark run` does not support it: leave it out"
_PUBLISHED = "the jars are the published ones: choose them with --spark and --root"
_FIXED = {
    "spark.master": "`yarnhub spark run` runs scripts on YARN",
    "spark.remote": "`yarnhub spark run` runs scripts on YARN",
    "spark.submit.deployMode": "the driver runs in a container of the cluster",
    "spark.yarn.isPython": "it is set for every script",
    "spark.yarn.unmanagedAM.enabled": "the driver runs in a container of the cluster",
    "spark.yarn.maxAppAttempts": "a script is run once",
    "spark.yarn.submit.waitAppCompletion": "use --wait or --no-wait",
    "spark.yarn.stagingDir": "every job has a folder of its own, which Spark deletes",
    "spark.yarn.preserve.staging.files": "every job has a folder of its own, which Spark deletes",
    "spark.yarn.archive": _PUBLISHED,
    "spark.yarn.jars": _PUBLISHED,
    "spark.submit.pyFiles": _PYTHON_FILES,
    "spark.yarn.dist.pyFiles": _PYTHON_FILES,
    "spark.executorEnv.PYTHONPATH": _PYTHON_FILES,
    "spark.yarn.appMasterEnv.PYTHONPATH": _PYTHON_FILES,
    "spark.files": _FILES,
    "spark.yarn.dist.files": _FILES,
    "spark.archives": _ARCHIVES,
    "spark.yarn.dist.archives": _ARCHIVES,
    "spark.kerberos.keytab": _LOGIN,
    "spark.kerberos.principal": _LOGIN,
    "spark.yarn.keytab": _LOGIN,
    "spark.yarn.principal": _LOGIN,
    "spark.jars": _NOT_SUPPORTED,
    "spark.yarn.dist.jars": _NOT_SUPPORTED,
    "spark.jars.packages": _NOT_SUPPORTED,
    "spark.jars.repositories": _NOT_SUPPORTED,
    "spark.jars.ivy": _NOT_SUPPORTED,
    "spark.driver.extraLibraryPath": _NOT_SUPPORTED,
    "spark.yarn.am.nodeLabelExpression": _NOT_SUPPORTED,
    "spark.yarn.am.attemptFailuresValidityInterval": _NOT_SUPPORTED,
    "spark.yarn.applicationType": _NOT_SUPPORTED,
    "spark.yarn.rolledLog.includePattern": _NOT_SUPPORTED,
    "spark.yarn.rolledLog.excludePattern": _NOT_SUPPORTED,
}
"""What a job cannot change, and what to do instead. Spark's own client acts on these properties;
in the ApplicationMaster they would have no effect."""
_FIXED_PREFIXES = ("spark.driver.resource.", "spark.yarn.driver.resource.")


def check(properties: Mapping[str, str]) -> None:
    """Check the properties that a user has given.

    Raises:
        ConfigurationError: One cannot be changed, or has an invalid value.
    """
    if len(properties) > _MAX_PROPERTIES:
        raise ConfigurationError(
            f"{len(properties)} properties are too many, the limit is {_MAX_PROPERTIES}"
        )
    for name, value in properties.items():
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"--conf {name[:100]!r}: expected NAME=VALUE, with a name such as "
                "spark.executor.cores"
            )
        if name in _FIXED or name.startswith(_FIXED_PREFIXES):
            raise ConfigurationError(
                f"--conf {name} cannot be changed: {_FIXED.get(name, _NOT_SUPPORTED)}"
            )
        if len(value) > _MAX_VALUE or "\0" in value:
            raise ConfigurationError(f"--conf {name}: the value is not a text of at most 64 KiB")
        _check_variable(name, value)
    java_options(properties)
    container_memory(properties)
    container_cores(properties)
    executor_memory(properties)
    executor_cores(properties)
    _whole_number("spark.executor.instances", properties, 2, 0)
    priority(properties)


def _check_variable(name: str, value: str) -> None:
    for prefix in (EXECUTOR_ENVIRONMENT, MASTER_ENVIRONMENT):
        if not name.startswith(prefix):
            continue
        variable = name.removeprefix(prefix)
        if not _VARIABLE.fullmatch(variable):
            raise ConfigurationError(f"--conf {name}: {variable!r} is not the name of a variable")
        # The driver's own variables are escaped, but Spark passes those in SPARK_* on.
        own = prefix == MASTER_ENVIRONMENT and not variable.startswith("SPARK")
        if not own and breaks_script(value):
            raise ConfigurationError(
                f"--conf {name}: no quotes, backslashes, backticks and line breaks, which break "
                "the script that starts an executor"
            )


def mebibytes(name: str, text: str) -> int:
    """A size in MiB; without a unit it is in MiB.

    Raises:
        ConfigurationError: The text is not a size.
    """
    found = _SIZE.fullmatch(text.strip())
    size = int(int(found[1]) * _UNITS[found[2].lower()]) if found else 0
    if size < 1:
        raise ConfigurationError(
            f"{name}={text[:100]}: expected an amount of memory, such as 512m or 4g"
        )
    return size


def heap(properties: Mapping[str, str]) -> int:
    """MiB of the heap of the driver's JVM."""
    return mebibytes(MEMORY, properties.get(MEMORY, f"{_DEFAULT_MEMORY}m"))


def container_memory(properties: Mapping[str, str]) -> MiB:
    """MiB of the container of the driver: its heap, and what Java and Python need besides.

    Raises:
        ConfigurationError: A value is invalid.
    """
    return _with_overhead("driver", heap(properties), properties)


def executor_memory(properties: Mapping[str, str]) -> MiB:
    """MiB of the container of an executor; see `container_memory`."""
    size = mebibytes(EXECUTOR_MEMORY, properties.get(EXECUTOR_MEMORY, f"{_DEFAULT_MEMORY}m"))
    python = "spark.executor.pyspark.memory"
    size += mebibytes(python, properties[python]) if python in properties else 0
    return _with_overhead("executor", size, properties)


def _with_overhead(part: str, size: int, properties: Mapping[str, str]) -> MiB:
    name, least = f"spark.{part}.memoryOverhead", f"spark.{part}.minMemoryOverhead"
    found: dict[str, Any] = {}
    if name in properties:
        found["overhead"] = mebibytes(name, properties[name])
    if least in properties:
        found["least"] = mebibytes(least, properties[least])
    if (factor := f"{name}Factor") in properties:
        try:
            found["factor"] = overhead_factor(properties[factor])
        except SpecError as error:
            raise ConfigurationError(f"{factor} {error.reason}") from error
    return with_overhead(MiB(size), **found)


def container_cores(properties: Mapping[str, str]) -> VCores:
    """Virtual cores of the container of the driver."""
    return VCores(_whole_number("spark.driver.cores", properties, 1, 1))


def executor_cores(properties: Mapping[str, str]) -> VCores:
    """Virtual cores of the container of an executor."""
    return VCores(_whole_number("spark.executor.cores", properties, 1, 1))


def priority(properties: Mapping[str, str]) -> int:
    """The priority in the queue."""
    return _whole_number("spark.yarn.priority", properties, 0, 0)


def _whole_number(name: str, properties: Mapping[str, str], default: int, least: int) -> int:
    text = properties.get(name, str(default)).strip()
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < least:
        raise ConfigurationError(f"{name}={text[:100]}: expected a number from {least} on")
    return int(text)


def tags(properties: Mapping[str, str]) -> frozenset[str]:
    """The tags of the application in YARN."""
    return frozenset(filter(None, map(str.strip, properties.get("spark.yarn.tags", "").split(","))))


def file_systems(properties: Mapping[str, str]) -> tuple[str, ...]:
    """Further file systems that the job needs tokens for."""
    named = properties.get("spark.kerberos.access.hadoopFileSystems", "")
    return tuple(filter(None, map(str.strip, named.split(","))))


def java_options(properties: Mapping[str, str]) -> list[str]:
    """The options of the driver's JVM that the user has given.

    Raises:
        ConfigurationError: Quotes are not closed, or the heap is set.
    """
    found: list[str] = []
    for name in ("spark.driver.defaultJavaOptions", "spark.driver.extraJavaOptions"):
        try:
            found += shlex.split(properties.get(name, ""))
        except ValueError as error:
            raise ConfigurationError(f"{name}: {error}") from error
    if any(each.startswith("-Xmx") for each in found):
        raise ConfigurationError(f"-Xmx cannot be set by Java's options: use {MEMORY}")
    return found


def master_environment(properties: Mapping[str, str]) -> dict[str, str]:
    """The environment variables of the driver's container that the user has set."""
    return {
        name.removeprefix(MASTER_ENVIRONMENT): value
        for name, value in properties.items()
        if name.startswith(MASTER_ENVIRONMENT)
    }


_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f", " ": "\\ "}
_ESCAPES |= {each: f"\\{each}" for each in ":=#!"}


def properties_file(properties: Mapping[str, str]) -> str:
    """A file of properties as Java reads it.

    Source: java.util.Properties.load.
    """
    return "".join(f"{_escaped(name)}={_escaped(value)}\n" for name, value in properties.items())


def _escaped(text: str) -> str:
    return "".join(
        _ESCAPES.get(each) or (each if " " < each <= "~" else _in_utf_16(each)) for each in text
    )


def _in_utf_16(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
