"""Folders that look like an installed Spark, and like a Java, and one to publish in."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

BUILD = "17.0.15+6-Debian-1deb12u1"
JAVA = """\
#!/bin/sh
# Writes what a JVM would, if it is asked to.
for word in "$@"; do
    case $word in
        -XX:SharedArchiveFile=*) echo "class data" > "${word#*=}" ;;
    esac
done
"""


def spark(folder: Path, version: str = "4.3.0", more: str = "content") -> Path:
    """A folder like that of PySpark."""
    (folder / "jars").mkdir(parents=True)
    (folder / "python" / "lib").mkdir(parents=True)
    (folder / "version.py").write_text(f'__version__: str = "{version}"\n')
    jars = (
        "zstd-jni-1.5.jar",
        f"spark-core_2.13-{version}.jar",
        f"spark-yarn_2.13-{version}.jar",
        "scala-library-2.13.18.jar",
    )
    for name in jars:
        (folder / "jars" / name).write_text(f"{name} {more}")
    (folder / "python" / "lib" / "pyspark.zip").write_text("PySpark")
    (folder / "python" / "lib" / "py4j-0.10.9.9-src.zip").write_text("py4j")
    return folder


def java(folder: Path, build: str = BUILD, program: str = JAVA) -> Path:
    """A folder like a Java home, whose program writes class data."""
    (folder / "bin").mkdir(parents=True)
    (folder / "release").write_text(f'IMPLEMENTOR="Debian"\nJAVA_RUNTIME_VERSION="{build}"\n')
    (folder / "bin" / "java").write_text(program)
    (folder / "bin" / "java").chmod(0o755)
    return folder


def public_folder() -> Iterator[Path]:
    """A folder that other users can read, which pytest's own folders are not."""
    folder = Path(tempfile.mkdtemp(prefix="yarnhub-test-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
