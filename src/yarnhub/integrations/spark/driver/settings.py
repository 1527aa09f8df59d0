"""The settings of a kernel with Spark, as its container's environment has them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from . import words
from .java import LIBS

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "YARNHUB_SPARK"
"""The environment variable with the settings, in JSON."""
CONTAINER = "YARNHUB_CONTAINER"
"""The environment variable with the container's folder."""
TAGS = "YARNHUB_TAGS"
"""The environment variable with the tags of applications that end with the kernel."""
PYTHON, SCALA = "python", "scala"
LANGUAGES = (PYTHON, SCALA)
_OF_THE_KERNEL = ("YARNHUB_", "_PYSPARK_", "PYSPARK_GATEWAY_")
"""How variables begin that the driver's JVM does not get."""
_NOT_PASSED = frozenset({"HADOOP_TOKEN_FILE_LOCATION", "SPARK_HOME"})
"""The tokens are the container's; executors would take the PySpark of another Spark."""
_BREAKS_SCRIPT = frozenset('"`\\\n\r')
"""Characters that a NodeManager writes as they are into the script that starts a container."""


class SettingsError(Exception):
    """Settings cannot be used; the message says which one and what to do."""


@dataclass(frozen=True, kw_only=True)
class SparkSettings:
    """What a kernel starts Spark with. Names of files are those in the container's folder.

    Attributes:
        version: The version of Spark.
        jars: Spark's jars, in the order of the class path.
        libs: The folder that has them.
        class_data: The class data for each Java build.
        archive: The URL of the archive with the jars.
        class_data_urls: The URL of the class data for each Java build.
        python: The zips of PySpark and py4j.
        python_urls: Their URLs.
        archives: The URLs of the other archives in the container, by their folders.
        settings: Spark's properties, of the kernelspec and the profile.
        java_home: The folder of Java; empty for `JAVA_HOME` of the container.
        tag: The tag of all Spark applications of the kernel.
        language: Of the kernel's cells, one of `LANGUAGES`.
        connect: The range of ports of a Spark Connect server, such as `40000-41000`, and `0-0` for
            any; empty for a kernel of notebooks.
        connect_idle: Seconds without use after which the server ends; empty for no limit.
    """

    version: str = ""
    jars: tuple[str, ...] = ()
    libs: str = LIBS
    class_data: Mapping[str, str] = field(default_factory=dict)
    archive: str = ""
    class_data_urls: Mapping[str, str] = field(default_factory=dict)
    python: tuple[str, ...] = ()
    python_urls: tuple[str, ...] = ()
    archives: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    java_home: str = ""
    tag: str = ""
    language: str = PYTHON
    connect: str = ""
    connect_idle: str = ""

    @classmethod
    def read(cls, text: str) -> SparkSettings:
        """Read settings in JSON.

        Raises:
            SettingsError: They are invalid.
        """
        try:
            document = json.loads(text)
        except ValueError as error:
            raise SettingsError(words.invalid_settings(f"not JSON: {error}")) from error
        if not isinstance(document, dict):
            raise SettingsError(words.invalid_settings("not an object"))
        known = {each.name: each.default for each in fields(cls)}
        values: dict[str, object] = {}
        for name, value in document.items():
            if name not in known:
                raise SettingsError(words.invalid_settings(f"{name!r} is unknown"))
            values[name] = _checked(name, value)
        if not values.get("version"):
            raise SettingsError(words.invalid_settings("version is missing"))
        if values.get("language", PYTHON) not in LANGUAGES:
            raise SettingsError(words.invalid_settings(f"language {values['language']!r}"))
        return cls(**values)  # type: ignore[arg-type]  # checked by name

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> SparkSettings | None:
        """The settings in an environment; None if it has none.

        Names of jars that they lack are those of the files in the container, in their order, and
        the tag is the launcher's. Without the folder with Spark's jars there are none: the kernel
        starts, and the first use of Spark says what is missing.

        Raises:
            SettingsError: They are invalid.
        """
        text = environment.get(VARIABLE, "")
        if not text:
            return None
        found = cls.read(text)
        jars = found.jars or _jars_in(container_folder(environment) / found.libs)
        return replace(found, jars=jars, tag=found.tag or environment.get(TAGS, ""))

    @property
    def has_builder(self) -> bool:
        """Whether users set properties of a session: those of Scala and of Connect have none."""
        return self.language == PYTHON and not self.connect

    def java_folder(self, environment: Mapping[str, str]) -> Path:
        """The folder of Java.

        Raises:
            SettingsError: Neither the settings nor the environment name one.
        """
        found = self.java_home or environment.get("JAVA_HOME", "")
        if not found:
            raise SettingsError(words.NO_JAVA)
        return Path(found)


def container_folder(environment: Mapping[str, str]) -> Path:
    """The container's folder; the current one outside of a container."""
    return Path(environment.get(CONTAINER) or ".").absolute()


def _jars_in(folder: Path) -> tuple[str, ...]:
    try:
        return tuple(sorted(each.name for each in folder.iterdir() if each.suffix == ".jar"))
    except OSError:
        return ()


def jvm_environment(environment: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The environment variables for the driver's JVM.

    Spark copies each variable that begins with `SPARK` to the executors, where a NodeManager writes
    it into a script unescaped: one with quotes would make every executor fail.

    Returns:
        The variables, and the names of those that are left out for that reason.
    """
    kept, dropped = {}, []
    for name, value in environment.items():
        if name.startswith(_OF_THE_KERNEL) or name in _NOT_PASSED:
            continue
        if name.startswith("SPARK") and breaks_script(value):
            dropped.append(name)
        else:
            kept[name] = value
    kept["SPARK_CONNECT_MODE"] = "0"
    return kept, sorted(dropped)


def breaks_script(value: str) -> bool:
    """Whether a variable with this value would break the script that starts an executor."""
    return not _BREAKS_SCRIPT.isdisjoint(value)


def _checked(name: str, value: object) -> object:
    """The value in the type that the field of this name has.

    Raises:
        SettingsError: It has another type.
    """
    if name in ("jars", "python", "python_urls"):
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(value)
        raise SettingsError(words.invalid_settings(f"{name} is not a list of texts"))
    if name in ("archives", "class_data", "class_data_urls", "settings"):
        if isinstance(value, dict) and all(isinstance(each, str) for each in value.values()):
            return value
        raise SettingsError(words.invalid_settings(f"{name} is not an object of texts"))
    if isinstance(value, str):
        return value
    raise SettingsError(words.invalid_settings(f"{name} is not a text"))
