"""An installed Spark, of which `yarnhub spark publish` publishes the jars and the Python."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.files import read_limited
from yarnhub.integrations.spark.published import MAX_JARS

if TYPE_CHECKING:
    from collections.abc import Iterator

FIXED_TIME = 946_684_800
"""The time of every jar, 2000-01-01 UTC: class data is for jars of one size and time, and a node
keeps the times in a tar."""
_FORMAT = b"spark 1\n"
"""Changed when the same jars are published differently."""
_JAR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*\.jar")
_VERSION = re.compile(r"^__version__(?:: str)? *= *['\"]([0-9][A-Za-z0-9._+-]*)['\"]", re.MULTILINE)
_PYTHON_SECONDS = 60
_FIND = """\
import importlib.util, json
found = importlib.util.find_spec("pyspark")
print(json.dumps(list(found.submodule_search_locations or ()) if found else []))
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """An installed Spark.

    Attributes:
        folder: The folder with `jars` and `python/lib`.
        version: Spark's version.
        scala: The version of Scala.
        py4j: The version of py4j.
        jars: The jars in the order of the class path.
        pyspark_zip: PySpark.
        py4j_zip: py4j.
    """

    folder: Path
    version: str
    scala: str
    py4j: str
    jars: tuple[Path, ...]
    pyspark_zip: Path
    py4j_zip: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything that is published."""
        return (*self.jars, self.pyspark_zip, self.py4j_zip)

    @property
    def size(self) -> int:
        """Bytes of everything that is published."""
        return sum(each.stat().st_size for each in self.files)

    def state(self) -> tuple[tuple[int, ...], ...]:
        """Sizes and times of the files, to see whether they have been changed."""
        found = [each.stat() for each in self.files]
        return tuple((each.st_ino, each.st_size, each.st_mtime_ns) for each in found)

    def content(self) -> str:
        """The sum (SHA-256) of the names and contents of all files; reads them."""
        total = hashlib.sha256(_FORMAT)
        for path in self.files:
            with path.open("rb") as file:
                total.update(
                    f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode()
                )
        return total.hexdigest()

    def write_tar(self, destination: Path) -> None:
        """Pack the jars, in constant memory; the same jars give the same bytes."""
        with tarfile.open(destination, "w", format=tarfile.USTAR_FORMAT) as archive:
            for jar in self.jars:
                with jar.open("rb") as file:
                    entry = tarfile.TarInfo(jar.name)
                    entry.size = os.fstat(file.fileno()).st_size
                    entry.mtime, entry.mode = FIXED_TIME, 0o644
                    archive.addfile(entry, file)

    def copy_jars(self, folder: Path) -> None:
        """Copy the jars as a node unpacks them."""
        folder.mkdir()
        for jar in self.jars:
            copy = folder / jar.name
            shutil.copyfile(jar, copy)
            os.utime(copy, (FIXED_TIME, FIXED_TIME))


def find_installation(source: str = "") -> Installation:
    """Find an installed Spark.

    Args:
        source: The folder of an installed PySpark or of a Spark distribution, the folder of a
            Python environment, or its Python; empty for the environment of this program.

    Raises:
        ConfigurationError: There is no Spark with jars.
    """
    return _examine(_folder(source))


def _folder(source: str) -> Path:
    if not source:
        found = importlib.util.find_spec("pyspark")
        places = list(found.submodule_search_locations or ()) if found is not None else []
        if not places:
            raise ConfigurationError(
                "PySpark is not installed in this environment: name its folder, or a Python that "
                "has it, with --from; or `pip install pyspark`"
            )
        return Path(places[0])
    path = Path(source)
    if path.is_file():
        return _folder_in(path)
    if not path.is_dir():
        raise ConfigurationError(f"--from {source}: it does not exist")
    environment = path / "bin" / "python"
    if not (path / "jars").is_dir() and environment.is_file():
        return _folder_in(environment)
    return path


def _folder_in(python: Path) -> Path:
    """The folder of PySpark in another environment."""
    try:
        done = subprocess.run(
            [python.absolute(), "-c", _FIND],
            cwd="/",  # a folder `pyspark` in the current one is not meant
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PYTHON_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigurationError(f"--from {python}: it cannot be run: {error}") from error
    try:
        places = json.loads(done.stdout.strip().rpartition("\n")[2])
    except ValueError as error:
        shown = done.stderr.strip()[-300:] or f"exit code {done.returncode}"
        raise ConfigurationError(f"--from {python}: it is not a Python: {shown}") from error
    if not isinstance(places, list) or not places:
        raise ConfigurationError(f"--from {python}: PySpark is not installed there")
    return Path(str(places[0]))


def _examine(folder: Path) -> Installation:
    jars_folder, lib = folder / "jars", folder / "python" / "lib"
    version = _version(folder)
    if not jars_folder.is_dir() or not lib.is_dir():
        raise ConfigurationError(
            f"{folder} has no Spark with jars (`pyspark-client` has none): install `pyspark`, or "
            "name the folder of a Spark distribution with --from"
        )
    jars = tuple(sorted(_jars(jars_folder), key=lambda jar: jar.name))
    if len(jars) > MAX_JARS:
        raise ConfigurationError(f"{jars_folder} has more than {MAX_JARS} jars")
    core = _version_of(jars, r"spark-core_[0-9.]+-(.+)\.jar", jars_folder, "spark-core")
    _version_of(jars, r"spark-yarn_[0-9.]+-(.+)\.jar", jars_folder, "spark-yarn")
    if core != version:
        raise ConfigurationError(
            f"{folder} mixes two versions: PySpark is {version}, and the jars are {core}"
        )
    py4j = _py4j(lib)
    pyspark = lib / "pyspark.zip"
    if not pyspark.is_file():
        raise ConfigurationError(f"{pyspark} is missing: install Spark again")
    return Installation(
        folder=folder,
        version=version,
        scala=_version_of(jars, r"scala-library-(.+)\.jar", jars_folder, "scala-library"),
        py4j=py4j.name.removeprefix("py4j-").removesuffix("-src.zip"),
        jars=jars,
        pyspark_zip=pyspark,
        py4j_zip=py4j,
    )


def _version(folder: Path) -> str:
    """The version of PySpark, from its source: it may be for another Python."""
    for file in (folder / "version.py", folder / "python" / "pyspark" / "version.py"):
        try:
            text = read_limited(file, 1 << 16).decode(errors="replace")
        except OSError:
            continue
        if (found := _VERSION.search(text)) is not None:
            return found[1]
    raise ConfigurationError(f"{folder} is not the folder of PySpark or Spark: no version.py")


def _jars(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.suffix != ".jar":
            continue
        if not _JAR.fullmatch(path.name) or not path.is_file():
            raise ConfigurationError(
                f"{path} cannot be published: a jar is a file whose name has only letters, digits "
                "and the characters . _ + -"
            )
        yield path


def _version_of(jars: tuple[Path, ...], pattern: str, folder: Path, name: str) -> str:
    found = [match[1] for jar in jars if (match := re.fullmatch(pattern, jar.name))]
    if len(found) != 1:
        how = "no" if not found else "more than one"
        raise ConfigurationError(f"{folder} has {how} jar of {name}: install Spark again")
    return found[0]


def _py4j(lib: Path) -> Path:
    found = sorted(lib.glob("py4j-*-src.zip"))
    if len(found) != 1:
        how = "no" if not found else "more than one"
        raise ConfigurationError(f"{lib} has {how} py4j-*-src.zip: install Spark again")
    return found[0]
