"""The key `spark` of a kernelspec: kernels in which Spark is ready to use.

Their process is the driver's program, `integrations.spark.driver`, which travels with the launcher.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from yarnhub.base.errors import SpecError
from yarnhub.base.foreign_text import quoted
from yarnhub.kernels.programs import FILE, PROGRAMS
from yarnhub.spec import FileType
from yarnhub.spec import _reading as reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarnhub.spec import File

PROGRAM = "spark"
"""The program's name in `programs.PROGRAMS`."""
VARIABLE = "YARNHUB_SPARK"
"""The variable in which the driver's program finds the kernelspec's `spark`, as JSON."""
CONNECT_SINCE = 4
"""The first version of Spark whose Spark Connect server asks for a token."""
ANY_PORT = "0-0"
"""The range of ports for any free one, as the driver's program reads it."""
_RUN = (
    # Without the current folder: a notebook's may have a queue.py. IPython adds it again.
    "import sys; sys.path[:] = [*filter(None, sys.path), sys.argv.pop(1)]; "
    f"from {PROGRAMS[PROGRAM].package}.kernel import main; sys.exit(main(sys.argv[1:]))"
)
_MODULE = ("-m", "ipykernel_launcher")
_REMOTE = re.compile(r"(?!file:)[a-z][a-z0-9+.-]*:", re.IGNORECASE)
"""How URLs begin of what executors can get by themselves."""
_name = reading.matching(r"[A-Za-z0-9._+-]+", "a file's name, of letters, digits and . _ + -")
_PORTS = re.compile(r"(\d{1,5})-(\d{1,5})")
_LAST_PORT = 65_535
_setting = reading.matching(r"spark\.[A-Za-z0-9._-]+", "a property of Spark, such as spark.ui.port")
_build = reading.matching(r"[A-Za-z0-9._+~-]+", "the build of a Java, such as 17.0.15+6")
_language = reading.matching(r"python|scala", "python or scala")


def _ports(value: object) -> str:
    """Accept a range of ports, such as `40000-41000`."""
    found = _PORTS.fullmatch(reading.text(value))
    if not found or not 0 < int(found[1]) <= int(found[2]) <= _LAST_PORT:
        raise SpecError("", f"must be two ports, such as '40000-41000', not {quoted(value)}")
    return found[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkConfig(reading.Element):
    """The `spark` of a kernelspec; `yarnhub kernelspec install --spark` writes it.

    Attributes:
        version: Of Spark.
        libs: The folder in the container with Spark's jars.
        python: Zips in the container with `pyspark` and `py4j`.
        class_data: Archives in the container with the classes that Java loads, by Java's build.
        archive: The URL of the jars' archive, for executors.
        python_urls: The URLs of `python`, for executors.
        class_data_urls: The URLs of `class_data`, for executors.
        java_home: The nodes' Java; empty for their own `JAVA_HOME`.
        settings: Spark's properties; a user's own ones have precedence.
        language: Of cells, `python` or `scala`.
        connect: Whether users can start a Spark Connect server with this kernelspec.
        connect_ports: The range of its port on the nodes; empty for any free port.
        connect_idle: Seconds without use after which it ends.
    """

    version: str
    libs: str
    python: Sequence[str]
    archive: str
    python_urls: Sequence[str]
    class_data: Mapping[str, str] = field(default_factory=dict)
    class_data_urls: Mapping[str, str] = field(default_factory=dict)
    java_home: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    language: str = "python"
    connect: bool = False
    connect_ports: str = ""
    connect_idle: float = 3600.0

    checks: ClassVar[reading.Checks] = {
        "version": _name,
        "libs": _name,
        "python": reading.sequence(_name),
        "archive": reading.text,
        "python_urls": reading.sequence(reading.text),
        "class_data": reading.mapping(_build, _name),
        "class_data_urls": reading.mapping(_build, reading.text),
        "java_home": reading.text,
        "settings": reading.mapping(_setting, reading.text),
        "language": _language,
        "connect": reading.flag,
        "connect_ports": reading.optional(_ports),
        "connect_idle": reading.duration(1),
    }

    def _check(self) -> None:
        major = self.version.partition(".")[0]
        if self.connect and major.isdecimal() and int(major) < CONNECT_SINCE:
            raise SpecError(
                "connect",
                f"needs Spark {CONNECT_SINCE} or later: the Spark Connect server of Spark "
                f"{self.version} does not check who connects",
            )

    def env(
        self, files: Mapping[str, File], queue: str, *, connect: bool = False
    ) -> dict[str, str]:
        """Variables of the kernel.

        Args:
            queue: The kernel's queue, in which its executors are unless a property names another.
            files: The kernel's files and archives, by their names in its container. Executors may
                need one in which the kernel's Python is.
            connect: Whether the kernel is a Spark Connect server.
        """
        archives = {
            name: file.source
            for name, file in files.items()
            if file.type is FileType.ARCHIVE and name != self.libs and _REMOTE.match(file.source)
        }
        settings = {"spark.yarn.queue": queue, **self.settings}
        document = {**self.to_dict(), "archives": archives, "settings": settings}
        ports, idle = document.pop("connect_ports"), document.pop("connect_idle")
        document["connect"] = (ports or ANY_PORT) if connect else ""
        document["connect_idle"] = f"{idle:g}"
        return {VARIABLE: json.dumps(document)}


def argv(words: Sequence[str]) -> tuple[str, ...]:
    """The command of a kernel with Spark, given its kernelspec's for ipykernel.

    Raises:
        SpecError: It is another kernel's.
    """
    if tuple(words[1:3]) != _MODULE:
        raise SpecError(
            "", "must run ipykernel: a kernel with `spark` begins with python -m ipykernel_launcher"
        )
    return (words[0], "-c", _RUN, f"{{resource_dir}}/{FILE}/{PROGRAMS[PROGRAM].folder}", *words[3:])
