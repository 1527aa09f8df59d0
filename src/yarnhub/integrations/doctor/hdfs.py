"""HDFS, and the user's home in it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError
from yarnhub.filesystem.delegation import NameNodeTokens
from yarnhub.filesystem.name_node import find_name_nodes
from yarnhub.filesystem.open import open_file_system
from yarnhub.filesystem.webhdfs import DelegationToken, UserName, WebHdfsFileSystem
from yarnhub.hadoop.security.users import KerberosUser
from yarnhub.integrations.doctor.finding import error, not_checked, ok

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.filesystem.port import FileStatus
    from yarnhub.integrations.doctor.deployment import Site
    from yarnhub.integrations.doctor.finding import Finding


async def check(site: Site) -> Finding:
    """Whether it answers, and whether the user has a home there."""
    settings = site.settings
    default = site.configuration.get("fs.defaultFS") or "file:///"
    if not default.startswith(("hdfs:", "viewfs:", "webhdfs:", "swebhdfs:")):
        return not_checked(f"fs.defaultFS is {default}, which is not HDFS")
    user = site.question.user or settings.user_name
    async with open_file_system(
        "", settings.configuration, settings.user, deadline=site.patience, trust=site.trust
    ) as file_system:
        path = f"{(await file_system.home()).rpartition('/')[0]}/{user}"
        return judge(path, await file_system.status(path), user)


async def check_web(site: Site) -> Finding:
    """Whether HDFS answers by WebHDFS.

    An ApplicationMaster keeps by it what the next one has to know, and JupyterLab shows HDFS by it.
    """
    if not (site.configuration.get("fs.defaultFS") or "").startswith("hdfs:"):
        return not_checked("fs.defaultFS is not an hdfs:// URL")
    service = find_name_nodes("", site.configuration)
    async with _web_identity(site) as identity:
        file_system = WebHdfsFileSystem(
            service.uri, service.web, identity, deadline=site.patience, trust=site.trust
        )
        await file_system.status(f"{service.uri}/")
    return ok(f"WebHDFS answers at {' or '.join(service.web)}")


@contextlib.asynccontextmanager
async def _web_identity(site: Site) -> AsyncIterator[UserName | DelegationToken]:
    """The hub, as ApplicationMasters prove who they are."""
    settings = site.settings
    if not isinstance(settings.user, KerberosUser):
        yield UserName(settings.user_name)
        return
    name_node = NameNodeTokens("", settings.configuration, deadline=site.patience)
    token = await name_node.fetch(settings.user, renewer=settings.user_name)
    try:
        yield DelegationToken(token)
    finally:
        with contextlib.suppress(YarnhubError):  # it ends by itself, later
            await name_node.cancel(settings.user, token)


def judge(path: str, status: FileStatus | None, user: str) -> Finding:
    """Whether a folder is a user's home."""
    mend = f"as HDFS's superuser: `hdfs dfs -mkdir -p {path}` and `hdfs dfs -chown {user} {path}`"
    if status is None:
        return error(f"{user} has no home directory: {path} does not exist", mend)
    if not status.is_directory:
        return error(f"{path} is not a folder", mend)
    if status.owner != user:
        return error(f"{path} belongs to {status.owner}, not to {user}", mend)
    return ok(f"{path} exists and belongs to {user}")
