"""A script as a batch job on YARN, in Spark's cluster mode, without a JVM on the client.

The container of the ApplicationMaster runs Spark's own, org.apache.spark.deploy.yarn
.ApplicationMaster, with the script and its driver in it. It expects what Spark's client leaves:

    __spark_conf__/                   an archive in the application's own folder
        __spark_conf__.properties     the properties
        __hadoop_conf__/*-site.xml    the cluster's configuration
        __yarnhub_java__              the arguments of the JVM, which no `ps` shows
    __spark_libs__/                   Spark's jars, published
    __spark_dist_cache__.properties   the files of executors, written as the container starts

Source: org.apache.spark.deploy.yarn.Client, ApplicationMaster and ClientDistributedCacheManager.
"""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from yarnhub.base.errors import ConfigurationError
from yarnhub.integrations.spark import batch_properties as of
from yarnhub.integrations.spark.driver.java import LIBS, class_path, flags
from yarnhub.integrations.spark.driver.properties import argument_file
from yarnhub.integrations.spark.published import order
from yarnhub.spec import ApplicationSpec, File, FileType, FileVisibility, Master, Resources
from yarnhub.yarn import launch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarnhub.integrations.spark.published import PublishedFile, PublishedSpark

APPLICATION_TYPE = "SPARK"
CONFIGURATION = "__spark_conf__"
ENVIRONMENT = "__environment__"
"""The folder with the Python environment in every container."""
_CACHE = "__spark_dist_cache__.properties"
_HADOOP = "__hadoop_conf__"
_JAVA = "__yarnhub_java__"
_PROPERTIES = "__spark_conf__.properties"
_RESERVED = frozenset({CONFIGURATION, ENVIRONMENT, LIBS, _CACHE, "tmp"})

_OLDEST, _NEWEST = (3, 5), 4
"""The first version, and the last major version, whose ApplicationMaster is known."""
_MAX_FILES = 200
"""Their URLs are in the script of the container; see `launch.MAX_SCRIPT_BYTES`."""
_MAX_ARGUMENTS = 64 * 1024
"""Characters of the arguments of a script."""
_LINK = re.compile(r"[._]?[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")
_PYTHON_ARCHIVES = (".zip", ".egg", ".whl")

_DEFAULTS = {
    "spark.acls.enable": "true",
    "spark.authenticate": "true",
    "spark.ui.port": "0",
}
"""As in kernels; a job can change them."""

_SCRIPT = f"""\
mkdir -p tmp
if [ ! -x "$JAVA_HOME/bin/java" ]; then
echo "This node has no Java in JAVA_HOME ($JAVA_HOME): name one that all nodes have with \
--conf spark.yarn.appMasterEnv.JAVA_HOME=DIR and --conf spark.executorEnv.JAVA_HOME=DIR" >&2
exit 127
fi
exec "$JAVA_HOME/bin/java" -Djava.io.tmpdir="$PWD/tmp" \
-Dspark.yarn.app.container.log.dir="$YARNHUB_LOGS" @{CONFIGURATION}/{_JAVA}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """What a user wants to run. Files are paths on this machine, or URLs.

    Attributes:
        script: The Python script.
        arguments: Its arguments.
        name: The name in YARN; empty for the script's.
        queue: The queue; empty for `spark.yarn.queue`, or else `default`.
        properties: Spark's properties.
        python_files: Modules (.py) and packages (.zip, .egg, .whl) for Python's path.
        files: Files for the folders of the driver and the executors; `SOURCE#NAME` renames one.
        archives: Archives that are unpacked there; the same.
        environment: An archive with a Python environment; empty for none.
        python: The Python of the nodes; empty for the environment's, or else `python3`.
    """

    script: str
    arguments: Sequence[str] = ()
    name: str = ""
    queue: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    python_files: Sequence[str] = ()
    files: Sequence[str] = ()
    archives: Sequence[str] = ()
    environment: str = ""
    python: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedJob:
    """A job and the Spark that runs it, checked.

    Attributes:
        job: What the user wants.
        published: The Spark.
        name: The name in YARN.
        queue: The queue.
        script: The script's name in the container.
        files: The files of the driver, by name, without the configuration; most are the executors'
            as well.
    """

    job: BatchJob
    published: PublishedSpark
    name: str
    queue: str
    script: str
    files: Mapping[str, File]

    @classmethod
    def of(cls, job: BatchJob, published: PublishedSpark) -> PreparedJob:
        """Check a job.

        Raises:
            ConfigurationError: A property, a name or the version cannot be used; says what to do.
        """
        _check_version(published)
        of.check(job.properties)
        script = _script_name(job.script)
        if sum(map(len, job.arguments)) > _MAX_ARGUMENTS or any("\0" in a for a in job.arguments):
            raise ConfigurationError("the arguments of the script are not texts of 64 KiB in total")
        return cls(
            job=job,
            published=published,
            name=job.name or job.properties.get("spark.app.name", "") or script,
            queue=job.queue or job.properties.get("spark.yarn.queue", "") or "default",
            script=script,
            files=_files(job, published, script),
        )

    @property
    def python(self) -> str:
        """The Python of the driver and the executors."""
        inside = f"./{ENVIRONMENT}/bin/python" if self.job.environment else "python3"
        return self.job.python or inside

    def specification(self, configuration: str) -> ApplicationSpec:
        """The application.

        Args:
            configuration: The path of the archive that `configuration_archive` has returned.

        Raises:
            SpecError: A tag or the name of a Python is invalid.
        """
        properties = self.job.properties
        archive = File(
            source=configuration, type=FileType.ARCHIVE, visibility=FileVisibility.APPLICATION
        )
        return ApplicationSpec(
            name=self.name,
            queue=self.queue,
            tags=of.tags(properties),
            priority=of.priority(properties),
            file_systems=of.file_systems(properties),
            master=Master(
                script=_SCRIPT,
                files={**self.files, CONFIGURATION: archive},
                resources=Resources(
                    memory=of.container_memory(properties), vcores=of.container_cores(properties)
                ),
            ),
        )

    def properties(self) -> dict[str, str]:
        """The properties of the driver."""
        given = self.job.properties
        path = "<CPS>".join(f"{{{{PWD}}}}{each}" for each in self._python_path())
        return {
            **_DEFAULTS,
            of.EXECUTOR_ENVIRONMENT + "PYSPARK_PYTHON": self.python,
            **given,
            "spark.app.name": self.name,
            "spark.driver.memory": f"{of.heap(given)}m",
            "spark.executorEnv.PYTHONPATH": path,
            "spark.master": "yarn",
            "spark.submit.deployMode": "cluster",
            "spark.submit.pyFiles": "",
            "spark.yarn.isPython": "true",
            "spark.yarn.maxAppAttempts": "1",
            "spark.yarn.queue": self.queue,
        }

    def configuration_archive(self, hadoop: Mapping[str, bytes]) -> bytes:
        """The archive with the properties, which only the user can read.

        Args:
            hadoop: The files of the cluster's configuration by name.
        """
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in sorted(hadoop.items()):
                archive.writestr(f"{_HADOOP}/{name}", data)
            archive.writestr(_PROPERTIES, of.properties_file(self.properties()))
            archive.writestr(_JAVA, argument_file(self._java_arguments()))
        return content.getvalue()

    def environment(self) -> dict[str, str]:
        """The variables of the driver's container, which are meant literally."""
        return {
            "PYSPARK_PYTHON": self.python,
            # Executors and the driver must agree on the hash of a text.
            "PYTHONHASHSEED": "0",
            **of.master_environment(self.job.properties),
        }

    def launch_command(self, staged: Mapping[str, File]) -> str:
        """The command of the driver's container.

        Args:
            staged: All its files, as nodes read them.

        Raises:
            ConfigurationError: There are too many files.
        """
        cache = of.properties_file(executor_files(staged, self.script))
        path = ":".join(f"$PWD{each}" for each in self._python_path())
        script = (
            f"cat > {_CACHE} <<'END_OF_FILES'\n{cache}END_OF_FILES\n"
            f'export PYTHONPATH="{path}"\n{_SCRIPT}'
        )
        literal = launch.escape(script)
        if len(literal.encode()) > launch.MAX_SCRIPT_BYTES:
            raise ConfigurationError("the names of the job's files are too long: pack the files")
        return (
            f"export YARNHUB_LOGS=<LOG_DIR>\nexec 1><LOG_DIR>/stdout 2><LOG_DIR>/stderr\n{literal}"
        )

    def _python_path(self) -> list[str]:
        """The entries of Python's path, below the container's folder."""
        zips = [
            f"/{_link(each, '--py-files')[1]}"
            for each in self.job.python_files
            if _link(each, "--py-files")[1].endswith(_PYTHON_ARCHIVES)
        ]
        published = (self.published.pyspark, self.published.py4j_zip)
        return ["", *zips, *(f"/{each.name}" for each in published)]

    def _java_arguments(self) -> list[str]:
        given = self.job.properties
        paths = [".", CONFIGURATION, given.get("spark.driver.extraClassPath", "")]
        paths += [class_path(LIBS, self.published.jars), f"{CONFIGURATION}/{_HADOOP}"]
        return [
            *flags(self.published.version),
            f"-Xmx{of.heap(given)}m",
            *of.java_options(given),
            "-cp",
            ":".join(filter(None, paths)),
            "org.apache.spark.deploy.yarn.ApplicationMaster",
            "--class",
            "org.apache.spark.deploy.PythonRunner",
            "--primary-py-file",
            self.script,
            *(word for argument in self.job.arguments for word in ("--arg", argument)),
            "--properties-file",
            f"{CONFIGURATION}/{_PROPERTIES}",
            "--dist-cache-conf",
            _CACHE,
        ]


def executor_files(staged: Mapping[str, File], script: str) -> dict[str, str]:
    """The properties that name the files of executors.

    Args:
        staged: The files of the driver's container, as nodes read them.
        script: The name of the script, which executors do not need.
    """
    # Among the others, and not as confArchive, of which nodes would keep a copy afterwards.
    files = {name: each for name, each in staged.items() if name != script}
    each = files.values()
    return {
        "spark.yarn.cache.filenames": ",".join(f"{_uri(f.source)}#{n}" for n, f in files.items()),
        "spark.yarn.cache.sizes": ",".join(str(file.size) for file in each),
        "spark.yarn.cache.timestamps": ",".join(str(file.timestamp) for file in each),
        "spark.yarn.cache.types": ",".join(_kind(file).name for file in each),
        "spark.yarn.cache.visibilities": ",".join(file.visibility.name for file in each),
    }


def own_folder(staged: Mapping[str, File], application: str) -> str:
    """The URL of the folder with the application's uploads, which Spark deletes at the end.

    Args:
        staged: The files of the driver's container, as nodes read them.
        application: The application's id.
    """
    folder = staged[CONFIGURATION].source.rsplit("/", 2)[0]
    # Anything else that is deleted would be somebody's data.
    if folder.rpartition("/")[2] != application:
        raise AssertionError(f"{folder} is not the folder of {application}")
    return folder


def _kind(file: File) -> FileType:
    return file.type or FileType.FILE


def _uri(url: str) -> str:
    """A URL as java.net.URI reads it, without the comma that separates two."""
    parts = urlsplit(url, allow_fragments=False)
    return parts._replace(path=quote(unquote(parts.path), safe="/")).geturl()


def _check_version(published: PublishedSpark) -> None:
    numbers = order(published)[0]
    if numbers[:2] < _OLDEST or numbers[0] > _NEWEST:
        raise ConfigurationError(
            f"Spark {published.version} is unknown to `yarnhub spark run`, which knows 3.5 to "
            f"{_NEWEST}.x: choose another published version with --spark"
        )


def _script_name(source: str) -> str:
    name = source.rpartition("/")[2]
    if not name.endswith(".py") or name == ".py":
        raise ConfigurationError(f"{source[:300]}: expected a Python script (.py)")
    cleaned = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    return cleaned if _LINK.fullmatch(cleaned) and cleaned not in _RESERVED else "script.py"


def _link(source: str, option: str) -> tuple[str, str]:
    """A source without its `#NAME`, and the name in containers."""
    plain, _, name = source.partition("#")
    name = name or plain.rstrip("/").rpartition("/")[2]
    if not _LINK.fullmatch(name) or name.startswith((".skein", ".yarnhub")):
        raise ConfigurationError(
            f"{option} {source[:300]}: {name[:100]!r} cannot be the name of a file in a container: "
            "give it one of letters, digits, '.', '_' and '-', as in SOURCE#NAME"
        )
    return plain, name


def _files(job: BatchJob, published: PublishedSpark, script: str) -> dict[str, File]:
    found = {
        LIBS: _published(published.libs, FileType.ARCHIVE),
        published.pyspark.name: _published(published.pyspark, FileType.FILE),
        published.py4j_zip.name: _published(published.py4j_zip, FileType.FILE),
    }
    taken = _RESERVED | found.keys()
    found[script] = _file(job.script, FileType.FILE)
    for option, sources, kind in (
        ("--py-files", job.python_files, FileType.FILE),
        ("--files", job.files, FileType.FILE),
        ("--archives", job.archives, FileType.ARCHIVE),
    ):
        for source in sources:
            plain, name = _link(source, option)
            if option == "--py-files" and not name.endswith((".py", *_PYTHON_ARCHIVES)):
                raise ConfigurationError(f"--py-files {source[:300]}: expected .py, .zip or .egg")
            if name in taken or name in found:
                raise ConfigurationError(
                    f"{option} {source[:300]}: there is another file {name} in the container: "
                    "rename it, as in SOURCE#NAME"
                )
            found[name] = _file(plain, kind)
    if job.environment:
        found[ENVIRONMENT] = _file(job.environment, FileType.ARCHIVE)
    if len(found) > _MAX_FILES:
        raise ConfigurationError(
            f"{len(found)} files are too many, the limit is {_MAX_FILES}: pack them"
        )
    return found


def _file(source: str, kind: FileType) -> File:
    # Nodes keep what is in HDFS for the user's next job; uploads end with this one.
    file = File(source=source, type=kind)
    remote = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", source) and not source.startswith("file:")
    return replace(file, visibility=FileVisibility.PRIVATE) if remote else file


def _published(file: PublishedFile, kind: FileType) -> File:
    return File(
        source=file.url,
        type=kind,
        visibility=FileVisibility.PUBLIC,
        size=file.size,
        timestamp=file.timestamp,
    )
