"""What Spark leaves in the home of its user for an application that was killed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import YarnhubError
from yarnhub.client.files.file_systems import user_file_system

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.client.access.settings import Settings

_log = logging.getLogger(__name__)

DELETE = 10.0
"""Seconds for HDFS to delete folders."""
_STAGING = ".sparkStaging"
"""Source: org.apache.spark.deploy.yarn.Client.SPARK_STAGING."""


async def delete_staging(settings: Settings, applications: Iterable[str]) -> None:
    """Delete Spark's folders of applications that have been killed, in their user's home.

    Errors are logged: what is left is small, and harms nobody. Cancelling leaves some folders.

    Args:
        settings: The user's.
        applications: The ids of the applications.
    """
    words = f"HDFS does not respond within {DELETE:g} s"
    try:
        async with Deadline(DELETE, words), user_file_system(settings) as files:
            home = await files.home()
            for each in applications:
                await files.delete(f"{home}/{_STAGING}/{each}", recursive=True)
    except YarnhubError as error:
        _log.info("folders of %s in %s are left: %s", settings.user_name, _STAGING, error)
