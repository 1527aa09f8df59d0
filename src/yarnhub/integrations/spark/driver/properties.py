"""Spark's properties for a session: the kernel's, then the kernelspec's, then the user's."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import words
from .java import GARBAGE_COLLECTOR, LIBS, class_path
from .settings import SettingsError, SparkSettings, breaks_script

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MEMORY = "spark.driver.memory"
EXECUTOR_ENVIRONMENT = "spark.executorEnv."
DRIVER_OPTIONS = "spark.driver.extraJavaOptions"
DRIVER_CLASS_PATH = "spark.driver.extraClassPath"
MOST = "spark.dynamicAllocation.maxExecutors"
INSTANCES = "spark.executor.instances"
ON_DEMAND = (
    "spark.dynamicAllocation.minExecutors",
    "spark.dynamicAllocation.initialExecutors",
    INSTANCES,
    MOST,
)
"""Numbers of executors with dynamic allocation; none may be larger than the last one."""
QUICK_EXECUTORS = "spark.yarnhub.executors.quickStart"
"""`true` (the default) has executors compile less: they start in half the time, and compute slower
in long jobs that do their work in Java."""
SCALA = "spark.yarnhub.scala"
"""`true` has a session run Scala cells. Executors then ask the driver for every class that they do
not have, of which generated code names dozens: others should not wait for that."""
SCALA_CLASSES = "spark.repl.class.outputDir"
"""The folder with the classes of Scala cells.

Source: org.apache.spark.SparkContext.
"""
QUICK = "-XX:TieredStopAtLevel=1"
CLASS_DATA = "spark.jsa"
"""The name of the class data in the containers of executors."""

_DEFAULT_MEMORY = "512m"
_KERNEL_MEMORY = 384
"""MiB of the container that Python, and Java besides its heap, need at least."""
_MAX_EXECUTORS = 20
_FIXED = (
    "spark.master",
    "spark.submit.deployMode",
    "spark.yarn.archive",
    "spark.yarn.jars",
    "spark.yarn.unmanagedAM.enabled",
    "spark.yarn.isPython",
    "spark.driver.host",
    "spark.driver.bindAddress",
    "spark.remote",
    SCALA_CLASSES,
)
"""What a session's builder cannot change."""
_PACKAGES = ("spark.jars.packages", "spark.jars.repositories", "spark.jars.ivy")
_LISTS = {
    "spark.yarn.tags": ",",
    "spark.yarn.dist.archives": ",",
    "spark.yarn.dist.files": ",",
    "spark.ui.view.acls": ",",
    "spark.executor.extraClassPath": ":",
    "spark.executor.extraJavaOptions": " ",
}
"""Properties to which values are added, and what separates these."""
_SIZE = re.compile(r"(\d+)\s*([kmgt]?)b?", re.IGNORECASE)
_UNITS = {"k": 1 / 1024, "": 1, "m": 1, "g": 1024, "t": 1024 * 1024}
_COLLECTOR = re.compile(r"-XX:\+Use\w+GC")


@dataclass(frozen=True, kw_only=True)
class Place:
    """What the container of a kernel is like.

    Attributes:
        python: The Python for executors.
        java_build: The build of its Java.
        host: Its node's name, which executors reach.
        bind_address: The address that the driver binds.
        memory: MiB of the container; 0 if unknown.
        secure: Whether sessions have delegation tokens.
        viewer: Who can see a session's application, besides its user; empty for nobody.
    """

    python: str
    java_build: str = ""
    host: str = ""
    bind_address: str = ""
    memory: int = 0
    secure: bool = False
    viewer: str = ""


@dataclass(frozen=True, kw_only=True)
class ExecutorSize:
    """What Spark asks YARN for, for one executor.

    Attributes:
        memory: MiB.
        cores: Virtual cores.
    """

    memory: int = 1024 + 384
    cores: int = 1


def session_properties(
    settings: SparkSettings, own: Mapping[str, str], place: Place
) -> dict[str, str]:
    """The properties of a new session.

    Args:
        settings: The kernel's.
        own: What the user's builder has.
        place: The container.

    Raises:
        SettingsError: The user has changed what cannot be changed, or a value is invalid.
    """
    base = {**_defaults(settings, place), **settings.settings}
    if not base["spark.master"].startswith("yarn"):
        base = {"spark.master": base["spark.master"], **_everywhere(), **settings.settings}
    properties = {**base, **own}
    if MOST in properties and MOST not in {**settings.settings, **own}:
        properties[MOST] = max((properties.get(each, "") for each in ON_DEMAND), key=_number)
    for name, value in own.items():
        if name in _FIXED and value != base.get(name):
            raise SettingsError(words.fixed(name, base.get(name, ""), value))
    kernels = _added(settings, place) if properties["spark.master"].startswith("yarn") else {}
    if properties.pop(QUICK_EXECUTORS, "true").lower() == "false":
        kernels.pop("quick", None)
    for name, separator in _LISTS.items():
        values = [kernels.get(name, ""), properties.get(name, "")]
        if name == "spark.executor.extraJavaOptions":
            values = _one_collector([*values, kernels.get("quick", "")])
        if joined := separator.join(filter(None, values)):
            properties[name] = joined
    _check(properties, place)
    return properties


def heap(properties: Mapping[str, str]) -> int:
    """MiB of the heap of the driver's JVM.

    Raises:
        SettingsError: The value is not a size.
    """
    text = properties.get(MEMORY, _DEFAULT_MEMORY)
    size = mebibytes(MEMORY, text)
    if size < 1:
        raise SettingsError(words.not_memory(MEMORY, text))
    return size


def executor_size(properties: Mapping[str, str]) -> ExecutorSize:
    """The containers of a session's executors; the usual ones if a value is not a size.

    Source: org.apache.spark.resource.ResourceProfile.calculateOverHeadMemory and
    getResourcesForClusterManager.
    """
    usual = ExecutorSize()

    def size(name: str, default: float) -> int:
        found = _SIZE.fullmatch(properties.get(name, "").strip())
        return int(int(found[1]) * _UNITS[found[2].lower()]) if found else int(default)

    memory = size("spark.executor.memory", 1024)
    least = size("spark.executor.minMemoryOverhead", 384)
    try:
        factor = float(properties.get("spark.executor.memoryOverheadFactor", "0.1"))
        cores = int(properties.get("spark.executor.cores", "1"))
    except ValueError:
        return usual
    memory += size("spark.executor.memoryOverhead", max(least, memory * factor))
    memory += size("spark.executor.pyspark.memory", 0)
    if memory < 1 or cores < 1:
        return usual
    return ExecutorSize(memory=memory, cores=cores)


def mebibytes(name: str, text: str) -> int:
    """The MiB in the value of a property with this name, which is in MiB if it has no unit.

    Raises:
        SettingsError: The value is not a size.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise SettingsError(words.not_memory(name, text))
    return int(int(found[1]) * _UNITS[found[2].lower()])


def java_arguments(
    flags: Iterable[str],
    settings: SparkSettings,
    properties: Mapping[str, str],
    *,
    class_data: str,
    configuration: str,
) -> list[str]:
    """The arguments of the driver's JVM, which starts in the container's folder.

    Args:
        flags: What Spark starts every JVM with.
        settings: The kernel's.
        properties: The session's.
        class_data: The file of its class data; empty if there is none.
        configuration: The folder of Hadoop's configuration; may be empty.
    """
    theirs = shlex.split(properties.get(DRIVER_OPTIONS, ""))
    # An archive of class data is for a class path, of which it is the beginning.
    paths = [class_path(settings.libs, settings.jars), configuration]
    paths += [properties.get(DRIVER_CLASS_PATH, ""), *_local_jars(properties)]
    options = [f"-Xmx{heap(properties)}m", "-XX:+ExitOnOutOfMemoryError"]
    if not any(_COLLECTOR.fullmatch(each) for each in theirs):
        options.append(GARBAGE_COLLECTOR)
        options += [f"-XX:SharedArchiveFile={class_data}"] * bool(class_data)
    return [
        *flags,
        *options,
        QUICK,
        *theirs,
        "-cp",
        ":".join(filter(None, paths)),
        *(f"-D{name}={value}" for name, value in properties.items() if name.startswith("spark.")),
        "org.apache.spark.api.python.PythonGatewayServer",
    ]


def with_scala_classes(arguments: Iterable[str], folder: Path) -> list[str]:
    """The arguments of a driver's JVM, with a folder for compiled Scala cells if it can run them.

    The folder is on its class path, so that all threads of Spark find the classes, and executors
    load them from the driver. Behind the jars, it does not change for which class path class data
    is.

    Args:
        arguments: Its arguments.
        folder: The folder.
    """
    given = list(arguments)
    if f"-D{SCALA}=true" not in given:
        return given
    given[given.index("-cp") + 1] += f":{folder}"
    return [f"-D{SCALA_CLASSES}={folder}", *given]


def argument_file(arguments: Iterable[str]) -> str:
    """The file that has `java` read its arguments from (`@file`), so that no `ps` shows them.

    Source: the manual page of java(1), "java Command-Line Argument Files".
    """
    escapes = str.maketrans(
        {"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\f": r"\f"}
    )
    return "".join(f'"{each.translate(escapes)}"\n' for each in arguments)


def _everywhere() -> dict[str, str]:
    """Defaults for a session wherever it computes."""
    return {
        "spark.app.name": "notebook",
        "spark.submit.deployMode": "client",
        "spark.ui.port": "0",
        "spark.ui.showConsoleProgress": "false",
        MEMORY: _DEFAULT_MEMORY,
    }


def _defaults(settings: SparkSettings, place: Place) -> dict[str, str]:
    values = {
        **_everywhere(),
        "spark.master": "yarn",
        "spark.acls.enable": "true",
        "spark.authenticate": "true",
        "spark.dynamicAllocation.enabled": "true",
        "spark.dynamicAllocation.executorIdleTimeout": "60s",
        # It starts while the first job is planned. Others are requested when tasks have waited for
        # a second.
        "spark.dynamicAllocation.initialExecutors": "1",
        MOST: str(_MAX_EXECUTORS),
        "spark.dynamicAllocation.minExecutors": "0",
        "spark.dynamicAllocation.shuffleTracking.enabled": "true",
        # Executors with results of a shuffle are kept for as long; what is lost is computed again.
        "spark.dynamicAllocation.shuffleTracking.timeout": "10min",
        "spark.driver.host": place.host,
        "spark.driver.bindAddress": place.bind_address,
        "spark.executorEnv.PYSPARK_PYTHON": place.python,
        # By default a session waits for 80 % of its executors, which are not there before a job.
        "spark.scheduler.minRegisteredResourcesRatio": "0",
        # The ApplicationMaster is in the driver's JVM, and its memory is nobody's.
        "spark.yarn.am.memory": "1m",
        "spark.yarn.am.memoryOverhead": "1m",
        "spark.yarn.clientLaunchMonitorInterval": "50ms",
        "spark.yarn.isPython": "true",
        "spark.yarn.unmanagedAM.enabled": "true",
    }
    if place.secure:  # executors get tokens from the driver, which only authenticates otherwise
        values["spark.network.crypto.enabled"] = "true"
    if settings.connect:
        values["spark.app.name"] = "Spark Connect"
    if settings.archive:
        values["spark.yarn.archive"] = settings.archive
    if settings.java_home:
        values["spark.executorEnv.JAVA_HOME"] = settings.java_home
    return {name: value for name, value in values.items() if value}


def _added(settings: SparkSettings, place: Place) -> dict[str, str]:
    """What is added to lists, besides what the kernelspec and the user have there."""
    added = {"spark.yarn.tags": settings.tag, "quick": QUICK}
    if place.viewer:
        added["spark.ui.view.acls"] = place.viewer
    options = [GARBAGE_COLLECTOR]
    # A Python in an archive of the kernel's container is in executors if they have the archive.
    folder = place.python.removeprefix("./").partition("/")[0]
    if url := settings.archives.get(folder):
        added["spark.yarn.dist.archives"] = f"{url}#{folder}"
    if url := settings.class_data_urls.get(place.java_build):
        added["spark.yarn.dist.files"] = f"{url}#{CLASS_DATA}"
        options.insert(0, f"-XX:SharedArchiveFile={CLASS_DATA}")
        added["spark.executor.extraClassPath"] = class_path(LIBS, settings.jars)
    added["spark.executor.extraJavaOptions"] = " ".join(options)
    return added


def _one_collector(values: list[str]) -> list[str]:
    """Options without the kernel's own garbage collector if the user has chosen one."""
    kernels, theirs, quick = values
    if _COLLECTOR.search(theirs):
        kernels = " ".join(each for each in kernels.split() if each != GARBAGE_COLLECTOR)
    return [kernels, quick, theirs]


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0


def _local_jars(properties: Mapping[str, str]) -> list[str]:
    jars = [each.strip() for each in properties.get("spark.jars", "").split(",")]
    return [each.removeprefix("file:") for each in jars if each.startswith(("/", "file:/"))]


def _check(properties: Mapping[str, str], place: Place) -> None:
    for name in _PACKAGES:
        if properties.get(name):
            raise SettingsError(words.packages(name))
    for name, value in properties.items():
        if name.startswith(EXECUTOR_ENVIRONMENT) and breaks_script(value):
            raise SettingsError(words.unsafe_variable(name))
    size = heap(properties)
    if place.memory and size + _KERNEL_MEMORY > place.memory:
        most = place.memory - _KERNEL_MEMORY
        raise SettingsError(words.too_much_memory(size, place.memory, most))
