"""Packages that travel with the launcher and run in the kernel's process; no I/O."""

from __future__ import annotations

from dataclasses import dataclass

FILE = ".yarnhub-launcher.zip"
"""Where the launcher's zip is unpacked, in the container's folder."""


@dataclass(frozen=True, slots=True)
class Program:
    """A package that imports nothing else of yarnhub, of which the kernel may have any version.

    Attributes:
        source: Its folder in yarnhub.
        package: The name by which the kernel imports it.
    """

    source: str
    package: str

    @property
    def folder(self) -> str:
        """The folder in the launcher's zip that has it, for Python's path."""
        return f"programs/{self.package}"


CONNECT = "spark-connect"
"""The name of the program that is a Spark Connect server: no notebook uses its kernel."""
PROGRAMS = {
    "spark": Program("integrations/spark/driver", "yarnhub_spark"),
    CONNECT: Program("integrations/spark/driver", "yarnhub_spark"),
}
"""By the name in `KernelRequest.program`."""
