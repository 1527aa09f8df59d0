"""HDFS, and the user's home in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.filesystem.open import open_file_system
from yarnhub.integrations.doctor.finding import error, not_checked, ok

if TYPE_CHECKING:
    from yarnhub.filesystem.port import FileStatus
    from yarnhub.integrations.doctor.finding import Finding
    from yarnhub.integrations.doctor.site import Site


async def check(site: Site) -> Finding:
    """Whether it answers, and whether the user has a home there."""
    settings = site.settings
    default = site.configuration.get("fs.defaultFS") or "file:///"
    if not default.startswith(("hdfs:", "webhdfs:", "swebhdfs:")):
        return not_checked(f"fs.defaultFS is {default}, which is no HDFS")
    user = site.question.user or settings.user_name
    async with open_file_system(
        "", settings.configuration, settings.user, deadline=site.patience
    ) as file_system:
        path = f"{(await file_system.home()).rpartition('/')[0]}/{user}"
        return judge(path, await file_system.status(path), user)


def judge(path: str, status: FileStatus | None, user: str) -> Finding:
    """Whether a folder is a user's home."""
    mend = f"as HDFS's superuser: `hdfs dfs -mkdir -p {path}` and `hdfs dfs -chown {user} {path}`"
    if status is None:
        return error(f"{user} has no home: there is no {path}", mend)
    if not status.is_directory:
        return error(f"{path} is no folder", mend)
    if status.owner != user:
        return error(f"{path} belongs to {status.owner}, not to {user}", mend)
    return ok(f"{path} is there and is {user}'s")
