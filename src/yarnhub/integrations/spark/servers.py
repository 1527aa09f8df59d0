"""Spark for users' own servers: what a container needs for `import pyspark` in their kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yarnhub.client.files.file_systems import user_file_system
from yarnhub.integrations.spark.kernelspec import kernelspec_files, yarnhub_spark_settings
from yarnhub.integrations.spark.published import ROOT, find_version
from yarnhub.spec import File

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.client.access.settings import Settings

NEWEST = "newest"


async def find(
    settings: Settings, root: str, version: str, properties: Mapping[str, str]
) -> tuple[dict[str, File], dict[str, Any]]:
    """The files of a container with a published Spark, and the `spark` of a kernelspec.

    Cancelling leaves nothing behind.

    Args:
        settings: The cluster's configuration, and who reads what is published.
        root: Its folder in HDFS; empty for the default one.
        version: Spark's version, or `newest`.
        properties: Spark's.

    Raises:
        ConfigurationError: It is not published, or a property is not one of Spark's.
        YarnhubError: HDFS does not respond.
    """
    where = root or ROOT
    async with user_file_system(settings, where) as file_system:
        wanted = "" if version == NEWEST else version
        published = await find_version(file_system, where, wanted)
    files = {
        name: File.read(document)
        for documents in kernelspec_files(published).values()
        for name, document in documents.items()
    }
    return files, yarnhub_spark_settings(published, properties)
