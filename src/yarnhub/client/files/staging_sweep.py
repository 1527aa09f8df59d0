"""Deletes uploads of applications that have ended or never started."""

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
"""Seconds for which the folder of an unknown application is kept: its files may still be uploading,
and it is submitted after that."""


async def sweep_staging(
    resource_manager: ResourceManager, file_system: FileSystem, now: float
) -> tuple[ApplicationId, ...]:
    """Delete the folders of applications that have ended; returns their ids.

    An application deletes its own folder when it ends, so these belong to applications that were
    killed, or whose client was interrupted. If YARN does not respond, the rest is kept and the
    error raised. Cancelling leaves the rest for the next time.

    Args:
        resource_manager: The ResourceManager, as the owner of the folders.
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
        return None  # some other folder of the owner


async def _is_over(
    resource_manager: ResourceManager, application_id: ApplicationId, age: float
) -> bool:
    try:
        report = await resource_manager.get_application_report(application_id)
    except ApplicationNotFoundError:
        return age > _UNKNOWN_KEPT_SECONDS
    return report.yarn_application_state.ended
