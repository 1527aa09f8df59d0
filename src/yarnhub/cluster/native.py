"""Hadoop's native library, without which a NodeManager starts a program for each file it unpacks.

Hadoop's own artifacts lack it. One of Trino contains a `libhadoop.so` for several architectures,
which is also right for older versions of Hadoop; nothing else of this jar is used.

Source: RawLocalFileSystem.setPermission, FSDownload.changePermissions (Hadoop 3.4); the native
methods of NativeIO, which are the same from Hadoop 2.10 to 3.4.
"""

from __future__ import annotations

import platform
import zipfile
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.cluster.errors import ClusterError

if TYPE_CHECKING:
    from pathlib import Path

NATIVE = "native"
"""The version under which the list of known jars has the jar with the library."""
LIBRARY = "libhadoop.so"
_FOLDERS = {"x86_64": "Linux-amd64", "aarch64": "Linux-aarch64", "ppc64le": "Linux-ppc64le"}
"""In the jar, by the name of the machine."""
_TOO_NEW = (3, 5)
"""The Hadoop version in which NativeIO has other native methods."""


def has_library(machine: str | None = None) -> bool:
    """Whether there is a library for a machine; None for this one."""
    return (machine or platform.machine()) in _FOLDERS


def check_library(hadoop: str, machine: str | None = None) -> None:
    """Check that there is a library for a version of Hadoop and a machine; None for this one.

    Raises:
        ConfigurationError: There is none.
    """
    if tuple(map(int, hadoop.split(".")[:2])) >= _TOO_NEW:
        raise ConfigurationError(
            f"there is no native library for Hadoop {hadoop}, only for versions before "
            f"{'.'.join(map(str, _TOO_NEW))}: start the cluster without it"
        )
    if not has_library(machine):
        raise ConfigurationError(
            f"there is no native library for {machine or platform.machine()}, only for "
            f"{', '.join(_FOLDERS)}: start the cluster without it"
        )


def write_library(jars: Path, target: Path, machine: str | None = None) -> None:
    """Write the library into a folder from which every OS user can load it.

    Args:
        jars: The folder with the jar.
        target: The folder, for `java.library.path`; it is created if it does not exist.
        machine: The name of the machine; None for this one.

    Raises:
        ClusterError: The jar does not contain it.
    """
    (jar,) = jars.glob("*.jar")
    name = f"nativelib/{_FOLDERS[machine or platform.machine()]}/{LIBRARY}"
    try:
        with zipfile.ZipFile(jar) as archive:
            content = archive.read(name)
    except (KeyError, zipfile.BadZipFile) as exc:
        raise ClusterError(f"{jar} does not contain {name}") from exc
    target.mkdir(exist_ok=True)
    partial = target / f"{LIBRARY}.partial"
    partial.write_bytes(content)
    partial.chmod(0o755)
    partial.replace(target / LIBRARY)
