"""What the Spark of Enterprise Gateway's kernelspecs becomes in kernels with `spark`; no I/O.

Their driver was started by spark-submit in cluster mode. Here it runs in client mode, in the
kernel's container: its memory and cores are the container's, and the rest are properties.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HOME = "SPARK_HOME"
PYTHON = "PYSPARK_PYTHON"
_PYTHONS = frozenset(
    {
        *("spark.pyspark.python", "spark.pyspark.driver.python"),
        *(f"spark.executorEnv.{name}" for name in (PYTHON, "PYSPARK_DRIVER_PYTHON")),
    }
)
"""Properties with a Python, which is the environment's in a kernel that has one."""
_INSTANCES, _MAX = "spark.executor.instances", "spark.dynamicAllocation.maxExecutors"
_DYNAMIC = "spark.dynamicAllocation.enabled"
_LEAST = ("spark.dynamicAllocation.minExecutors", "spark.dynamicAllocation.initialExecutors")
"""Spark starts no session whose most executors are fewer."""
_OPTIONS = {
    "--driver-class-path": "spark.driver.extraClassPath",
    "--driver-java-options": "spark.driver.extraJavaOptions",
    "--executor-cores": "spark.executor.cores",
    "--executor-memory": "spark.executor.memory",
    "--jars": "spark.jars",
    "--num-executors": _INSTANCES,
    "spark.yarn.executor.resource.yarn.io/gpu.amount": "spark.executor.resource.gpu.amount",
}
_PUBLISHED = "is not needed: Spark is the published one"
_TOKENS = "is not needed: kernels get delegation tokens of their users"
_MAVEN = "has no equivalent: copy the jars to the nodes, and name them in spark.jars"
_ZIPS = "has no equivalent: put the modules into the environment"
_LEFT_OUT = {
    **dict.fromkeys(("spark.yarn.archive", "spark.yarn.jars"), _PUBLISHED),
    **dict.fromkeys(
        (
            *("--principal", "--keytab", "spark.yarn.principal", "spark.yarn.keytab"),
            *("spark.kerberos.principal", "spark.kerberos.keytab"),
        ),
        _TOKENS,
    ),
    **dict.fromkeys(
        (
            *("--packages", "--exclude-packages", "--repositories", "spark.jars.packages"),
            *("spark.jars.excludes", "spark.jars.repositories", "spark.jars.ivy"),
        ),
        _MAVEN,
    ),
    **dict.fromkeys(("--py-files", "spark.submit.pyFiles", "spark.yarn.dist.pyFiles"), _ZIPS),
}
"""Why an option or a property is left out."""
_SILENT = frozenset(
    {
        *("spark.master", "spark.submit.deployMode", "spark.app.name", "spark.yarn.isPython"),
        *("spark.yarn.am.memory", "spark.yarn.am.memoryOverhead", "spark.yarn.am.cores"),
        *("spark.driver.host", "spark.driver.bindAddress", "spark.pyspark.driver.python"),
    }
)
"""Properties that kernels set by themselves."""
_LISTS = {"archives": "spark.yarn.dist.archives", "files": "spark.yarn.dist.files"}
_REMOTE = re.compile(r"(?!file:|local:)[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_SETTING = re.compile(r"spark\.[A-Za-z0-9._-]+")
_SPARKS_ZIP = re.compile(r"(?:^|/)(?:py4j-[^/]*|pyspark)\.zip$")
_LOCAL_JAR = re.compile(r"/|file:/|local:/")


@dataclass(slots=True)
class SparkProperties:
    """The properties of a kernel with Spark, as they are found.

    Attributes:
        home: `SPARK_HOME` of the kernelspec.
        environment: The folder of the kernel's environment, as SPARK_OPTS names it; may be empty.
            Executors get the environment without any property.
        archive: The environment's archive; empty for a folder on the nodes.
        settings: Spark's properties, for the kernelspec's `spark`.
        notes: What was left out, or means something else.
    """

    home: str = ""
    environment: str = ""
    archive: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def take(self, key: str, value: str) -> None:
        """Take an option of spark-submit or a property that is not the container's."""
        name = _OPTIONS.get(key, key)
        if name == "spark.executorEnv.PYTHONPATH" and not (value := self.without_spark(value)):
            return
        if key in _LEFT_OUT:
            self.notes.append(f"{key} {_LEFT_OUT[key]}")
        elif name in _SILENT:
            return
        elif not _SETTING.fullmatch(name):
            self.notes.append(f"SPARK_OPTS: {key[:100]} has no equivalent")
        elif "$" in value:
            self.notes.append(
                f"{key} depends on other variables: users set it where they build their session"
            )
        else:
            self.settings[name] = value
            if name == "spark.jars" and not all(map(_LOCAL_JAR.match, value.split(","))):
                self.notes.append(
                    f"{key}: the driver finds only jars that are files on its node, with a path "
                    "from the root"
                )

    def take_files(self, kind: str, sources: Mapping[str, str]) -> None:
        """Give executors the files of the kernel, as Spark's cluster mode did.

        Args:
            kind: `files` or `archives`.
            sources: By the names that they get.
        """
        found = self.settings.get(_LISTS[kind], "")
        remote = {name: each for name, each in sources.items() if _REMOTE.match(each)}
        values = [found, *(f"{source}#{name}" for name, source in remote.items())]
        if joined := ",".join(filter(None, values)):
            self.settings[_LISTS[kind]] = joined
        for name in sources.keys() - remote.keys():
            self.notes.append(f"executors do not get {name}: upload it to HDFS, and use its URL")

    def finish(self) -> dict[str, str]:
        """The settings; a fixed number of executors becomes the most there can be."""
        self._leave_out_environment()
        count = self.settings.get(_INSTANCES)
        fixed = self.settings.get(_DYNAMIC, "").lower() == "false"
        if count is not None and not fixed and _MAX not in self.settings:
            del self.settings[_INSTANCES]
            count = max(count, *(self.settings.get(each, "") for each in _LEAST), key=_number)
            self.settings[_MAX] = count
            self.notes.append(
                f"up to {count[:20]} executors start when there is work, and end when there is none"
            )
        return self.settings

    def _leave_out_environment(self) -> None:
        listed = self.settings.pop(_LISTS["archives"], "").split(",")
        own = f"{self.archive}#{self.environment}"
        if kept := [each for each in listed if each not in ("", own)]:
            self.settings[_LISTS["archives"]] = ",".join(kept)
        python = f"{self.environment}/bin/python"
        for name in _PYTHONS:
            if self.settings.get(name, "").removeprefix("./") in (python, f"{python}3"):
                del self.settings[name]

    def without_spark(self, path: str) -> str:
        """A `PYTHONPATH` without Spark's own Python, which has another version."""
        homes = [self.home.rstrip("/"), f"${HOME}", f"${{{HOME}}}"]
        kept = [
            each
            for each in path.split(":")
            if not any(f"{each}/".startswith(f"{home}/") for home in filter(None, homes))
            and not _SPARKS_ZIP.search(each)
        ]
        return ":".join(kept)


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0
