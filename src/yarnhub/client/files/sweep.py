"""Uploads that nobody needs any more: of applications that have ended, or never began."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.errors import ApplicationNotFoundError
from yarnhub.client.files.staging import FOLDER
from yarnhub.filesystem.errors import PathNotFoundError
from yarnhub.filesystem.partials import sweep_partials
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from yarnhub.filesystem.port import FileStatus, FileSystem
    from yarnhub.yarn.resource_manager import ResourceManager

_UNKNOWN_KEPT_SECONDS = 24 * 3600.0
"""Seconds in which the folder of an application that YARN does not know is left alone: its files
may be on their way, and it is submitted when they are there."""


async def sweep(
    resource_manager: ResourceManager, file_system: FileSystem, now: float
) -> tuple[ApplicationId, ...]:
    """Delete the folders of applications that have ended; returns their ids.

    An application deletes its own when it ends, so what is found belongs to one that was killed,
    or whose client was cut off. What YARN cannot tell about is kept, and the error raised.
    Cancelling leaves the rest for the next time.

    Args:
        resource_manager: Asked as the user whose folders these are.
        file_system: The cluster's, as that user.
        now: Seconds since 1970.
    """
    home = await file_system.home()
    try:
        found = await file_system.list(f"{home}/{FOLDER}")
    except PathNotFoundError:
        return ()
    swept = []
    for status in await sweep_partials(file_system, found, now):
        application_id = _application(status)
        if application_id is not None and await _is_over(
            resource_manager, application_id, now - status.modification_time / 1000
        ):
            await file_system.delete(status.path, recursive=True)
            swept.append(application_id)
    return tuple(swept)


def _application(status: FileStatus) -> ApplicationId | None:
    try:
        return ApplicationId.parse(status.path.rpartition("/")[2])
    except ValueError:
        return None  # something else that its owner keeps there


async def _is_over(
    resource_manager: ResourceManager, application_id: ApplicationId, age: float
) -> bool:
    try:
        report = await resource_manager.get_application_report(application_id)
    except ApplicationNotFoundError:
        return age > _UNKNOWN_KEPT_SECONDS
    return report.yarn_application_state.ended
