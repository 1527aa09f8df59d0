"""The packages of an environment and their versions. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.markers import Marker, UndefinedEnvironmentName

from yarnhub.environments.conda_lock import read_conda_lock
from yarnhub.environments.requirements import read_lock

if TYPE_CHECKING:
    from yarnhub.environments.requirements import LockedPackage


def locked_versions(lock: str, python: str, platform: str, conda_lock: str = "") -> dict[str, str]:
    """The versions that locks install, by the normalized names of the packages.

    Args:
        lock: A lock in pip's format, which can be for several platforms.
        python: The version of Python.
        platform: Such as `linux-x86_64-gnu`.
        conda_lock: A lock of conda packages; empty without any.

    Raises:
        SpecError: One is not a lock.
    """
    variables = {
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python,
        "implementation_name": "cpython",
        "implementation_version": python,
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": platform.split("-")[1] if "-" in platform else "",
    }
    conda = read_conda_lock(conda_lock) if conda_lock else ()
    return {each.name: each.version for each in conda} | {
        each.name: each.version for each in read_lock(lock) if _installed(each, variables)
    }


def _installed(package: LockedPackage, variables: dict[str, str]) -> bool:
    if not package.marker:
        return True
    try:
        return Marker(package.marker).evaluate(variables)
    except UndefinedEnvironmentName:  # of an extra, which a lock has resolved
        return True
