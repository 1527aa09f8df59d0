"""The installed Spark as a node unpacks it, with class data, which takes most of a minute to make.

`python tests/integrations/spark/unpacked.py` makes it for a Spark and a Java, once. JVMs of tests
start faster with it; without it, they start as usual.
"""

from __future__ import annotations

import asyncio
import functools
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from yarnhub.integrations.spark import class_data
from yarnhub.integrations.spark.driver.java import LIBS, class_data_name, java_build
from yarnhub.integrations.spark.installation import find_installation

BUILD = Path(__file__).parents[3] / "build"
PYTHON = BUILD / "spark" / "bin" / "python"
"""`ensure_spark` in `scripts/environment.sh` makes it."""
JAVA_HOME = Path("/usr/lib/jvm/java-17-openjdk-amd64")
_FOLDER = BUILD / "spark-unpacked"


@dataclass(frozen=True)
class UnpackedSpark:
    """Spark's jars with their class data.

    Attributes:
        folder: Where both are.
        java_build: The build of the Java that the class data is for.
    """

    folder: Path
    java_build: str

    @property
    def libs(self) -> Path:
        """The folder of the jars."""
        return self.folder / LIBS

    @property
    def class_data(self) -> Path:
        """The file."""
        return self.folder / class_data_name(self.java_build)


@functools.cache
def find() -> UnpackedSpark | None:
    """That of the installed Spark; None if it was not made."""
    build = java_build(JAVA_HOME)
    folder = _FOLDER / f"{find_installation(str(installed_pyspark())).version}-{build}"
    return UnpackedSpark(folder, build) if folder.is_dir() else None


def links() -> tuple[dict[str, Path], dict[str, str]]:
    """Links for a container's folder, by name, and `SparkSettings.class_data` with them."""
    found = find()
    if found is None:
        return {LIBS: installed_pyspark() / "jars"}, {}
    data = found.class_data
    return {LIBS: found.libs, data.name: data}, {found.java_build: data.name}


def installed_pyspark() -> Path:
    """The folder of the PySpark that `./test` installs."""
    (found,) = PYTHON.parent.parent.glob("lib/python3*/site-packages/pyspark")
    return found


async def make() -> None:
    """Make it, unless it exists."""
    installation = find_installation(str(PYTHON))
    java = await class_data.examine(JAVA_HOME, installation.version)
    target = _FOLDER / f"{installation.version}-{java.build}"
    if target.is_dir():
        return
    _FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_FOLDER) as part:
        made = UnpackedSpark(Path(part) / "made", java.build)
        made.folder.mkdir()
        installation.copy_jars(made.libs)
        jars = [each.name for each in installation.jars]
        await class_data.create(java, installation.version, made.folder, jars, made.class_data)
        made.folder.rename(target)


if __name__ == "__main__":
    sys.exit(asyncio.run(make()))
