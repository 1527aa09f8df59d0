"""What the container of a kernel is like, as far as Spark is concerned."""

from __future__ import annotations

import ipaddress
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .properties import Place

if TYPE_CHECKING:
    from collections.abc import Mapping

PYTHON = "PYSPARK_PYTHON"
"""The environment variable with the Python for executors, which PySpark reads, too."""
_LOG = "spark-driver.log"
_EVERY_ADDRESS = "0.0.0.0"  # noqa: S104  # Spark's ports want a secret: spark.authenticate


def find_place(
    environment: Mapping[str, str], folder: Path, java_build: str, *, python: str = ""
) -> Place:
    """Look at the container.

    Args:
        environment: The container's.
        folder: Its folder.
        java_build: The build of its Java.
        python: The Python for executors; empty for the kernel's.
    """
    host = node_name(environment)
    memory = environment.get("SKEIN_RESOURCE_MEMORY", "")
    return Place(
        python=python or _executors_python(environment, folder),
        java_build=java_build,
        host=host,
        bind_address=bind_address(host),
        memory=int(memory) if memory.isdecimal() else 0,
    )


def log_file(environment: Mapping[str, str], folder: Path) -> Path:
    """The file for the output of Spark's driver, which YARN keeps with the container's logs."""
    logs = environment.get("LOG_DIRS", "").split(",")[0]
    return (Path(logs) if logs else folder) / _LOG


def _executors_python(environment: Mapping[str, str], folder: Path) -> str:
    """The Python for executors: the kernel's, unless the environment names another one."""
    if chosen := environment.get(PYTHON):
        return chosen
    # An environment among the container's files has another path in each container.
    python = Path(sys.executable)
    return f"./{python.relative_to(folder)}" if python.is_relative_to(folder) else str(python)


def node_name(environment: Mapping[str, str]) -> str:
    """The name of the container's node, as YARN has it."""
    return environment.get("NM_HOST") or socket.getfqdn()


def bind_address(host: str) -> str:
    """The address for the driver's ports.

    Some systems have their own name at 127.0.1.1, where executors on other nodes do not reach it.
    """
    try:
        address = socket.gethostbyname(host)
    except OSError:
        return _EVERY_ADDRESS
    hidden = ipaddress.ip_address(address).is_loopback and host not in ("localhost", address)
    return _EVERY_ADDRESS if hidden else address
