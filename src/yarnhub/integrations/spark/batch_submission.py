"""Submitting a batch job: Spark's own ApplicationMaster in a container."""

from __future__ import annotations

import asyncio
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.client.access.settings import configuration_folder
from yarnhub.hadoop.wire.tokens import TokenStorage
from yarnhub.integrations.spark.batch import APPLICATION_TYPE, CONFIGURATION, own_folder
from yarnhub.integrations.spark.batch_properties import executor_cores, executor_memory
from yarnhub.spec.records import application_acls, local_resources
from yarnhub.yarn import launch
from yarnhub.yarn.records.launch import ContainerLaunchContext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.client.client import Client
    from yarnhub.client.files.staging import Progress
    from yarnhub.client.submit.submission import Submission
    from yarnhub.integrations.spark.batch import PreparedJob
    from yarnhub.yarn.records.ids import ApplicationId
    from yarnhub.yarn.records.resources import Resource

_MAX_SITE_BYTES = 4 << 20
"""Bytes of a file of Hadoop's configuration."""
_MAX_SITE_FILES = 50

_SUBJECTS = {
    "master.resources.memory": "the driver's container (spark.driver.memory and what Java and "
    "Python need besides): ",
    "master.resources.vcores": "spark.driver.cores: ",
    "tags": "spark.yarn.tags: ",
}


@dataclass(frozen=True, slots=True)
class SparkMaster:
    """Spark's ApplicationMaster, with the driver of a job in it.

    Attributes:
        prepared: The job.
    """

    prepared: PreparedJob

    @property
    def unmanaged(self) -> bool:
        """See `MasterLaunch.unmanaged`."""
        return False

    @property
    def application_type(self) -> str:
        """See `MasterLaunch.application_type`."""
        return APPLICATION_TYPE

    def check_room(self, largest: Resource) -> None:
        """See `MasterLaunch.check_room`: for executors."""
        properties = self.prepared.job.properties
        limits = largest.amounts()
        memory, cores = executor_memory(properties), executor_cores(properties)
        if memory > limits["memory-mb"]:
            raise ConfigurationError(
                f"the container of an executor (spark.executor.memory and what Java and Python "
                f"need besides): {memory} MiB are more than this cluster's largest container, "
                f"{limits['memory-mb']} MiB"
            )
        if cores > limits["vcores"]:
            raise ConfigurationError(
                f"spark.executor.cores: {cores} are more than this cluster's largest container "
                f"has, {limits['vcores']}"
            )

    async def ready_on_nodes(self, *_: object) -> SparkMaster:
        """See `MasterLaunch.ready_on_nodes`: all that it needs is published or staged."""
        return self

    def launch_context(self, submission: Submission) -> ContainerLaunchContext:
        """See `MasterLaunch.launch_context`."""
        files = submission.spec.master.files
        variables = {
            "LANG": submission.language,
            **self.prepared.environment(),
            "SPARK_USER": submission.user,
            # Spark's ApplicationMaster deletes this folder, with all that is in it.
            "SPARK_YARN_STAGING_DIR": own_folder(files, str(submission.application_id)),
        }
        if submission.simple_authentication:
            variables["HADOOP_USER_NAME"] = submission.user
        return ContainerLaunchContext(
            local_resources=local_resources(files),
            tokens=TokenStorage(submission.tokens).write(),
            environment=launch.environment(variables),
            command=(self.prepared.launch_command(files),),
            application_acls=application_acls(submission.spec.acls, submission.viewer),
        )


async def submit(
    client: Client,
    prepared: PreparedJob,
    environment: Mapping[str, str],
    progress: Progress | None = None,
) -> ApplicationId:
    """Submit a job; returns when YARN has accepted it.

    An error or a cancellation leaves nothing behind; see `Client.submit`, whose errors it raises.

    Args:
        client: The user's client.
        prepared: The job.
        environment: The variables that name the folder of the cluster's configuration.
        progress: Called with the progress of each upload.

    Raises:
        ConfigurationError: The cluster's configuration cannot be read.
    """
    hadoop = await asyncio.to_thread(_site_files, configuration_folder(environment))
    # Only its owner can enter it: properties may be secret.
    with tempfile.TemporaryDirectory(prefix="yarnhub-spark-") as folder:
        archive = Path(folder) / f"{CONFIGURATION}.zip"
        content = prepared.configuration_archive(hadoop)
        await asyncio.to_thread(archive.write_bytes, content)
        try:
            spec = prepared.specification(str(archive))
            return await client.submit(spec, progress=progress, master=SparkMaster(prepared))
        except SpecError as error:
            raise ConfigurationError(_in_words(error)) from error


def _in_words(error: SpecError) -> str:
    """An error without the path in the specification, which the user has not written."""
    subject = next((text for path, text in _SUBJECTS.items() if error.path.startswith(path)), "")
    return f"{subject}{error.reason}"


def _site_files(folder: Path) -> dict[str, bytes]:
    """The files of Hadoop's configuration that containers need."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.glob("*-site.xml")):
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                found[path.name] = file.read(_MAX_SITE_BYTES)
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
        if size > _MAX_SITE_BYTES or len(found) > _MAX_SITE_FILES:
            raise ConfigurationError(f"{path}: expected {_MAX_SITE_FILES} files of up to 4 MiB")
    return found
