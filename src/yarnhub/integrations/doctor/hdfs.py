"""HDFS, and the user's home in it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from yarnhub.base.errors import YarnhubError
from yarnhub.filesystem.delegation import NameNodeTokens
from yarnhub.filesystem.name_node import find_name_nodes
from yarnhub.filesystem.open import open_file_system
from yarnhub.filesystem.webhdfs import WebHdfsFileSystem
from yarnhub.filesystem.webhdfs_requests import DelegationToken, UserName
from yarnhub.hadoop.security.users import KerberosUser
from yarnhub.integrations.doctor.finding import error, not_checked, ok

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.filesystem.port import FileStatus
    from yarnhub.integrations.doctor.deployment import Deployment
    from yarnhub.integrations.doctor.finding import Finding


async def check(deployment: Deployment) -> Finding:
    """Check that HDFS responds and that the user has a home directory."""
    settings = deployment.settings
    default = deployment.configuration.get("fs.defaultFS") or "file:///"
    if not default.startswith(("hdfs:", "viewfs:", "webhdfs:", "swebhdfs:")):
        return not_checked(f"fs.defaultFS is {default}, which is not HDFS")
    user = deployment.options.user or settings.user_name
    async with open_file_system(
        "",
        settings.configuration,
        settings.user,
        deadline=deployment.response_timeout,
        trust=deployment.trust,
    ) as file_system:
        path = f"{(await file_system.home()).rpartition('/')[0]}/{user}"
        return judge(path, await file_system.status(path), user)


async def check_web(deployment: Deployment) -> Finding:
    """Check that WebHDFS responds.

    ApplicationMasters use it for their journals, and JupyterLab for files.
    """
    if not (deployment.configuration.get("fs.defaultFS") or "").startswith("hdfs:"):
        return not_checked("fs.defaultFS is not an hdfs:// URL")
    service = find_name_nodes("", deployment.configuration)
    async with _web_identity(deployment) as identity:
        file_system = WebHdfsFileSystem(
            service.uri,
            service.web,
            identity,
            deadline=deployment.response_timeout,
            trust=deployment.trust,
        )
        await file_system.status(f"{service.uri}/")
    return ok(f"WebHDFS responds at {' or '.join(service.web)}")


@contextlib.asynccontextmanager
async def _web_identity(deployment: Deployment) -> AsyncIterator[UserName | DelegationToken]:
    """The hub's identity, authenticated in the same way as an ApplicationMaster's."""
    settings = deployment.settings
    if not isinstance(settings.user, KerberosUser):
        yield UserName(settings.user_name)
        return
    name_node = NameNodeTokens("", settings.configuration, deadline=deployment.response_timeout)
    token = await name_node.fetch(settings.user, renewer=settings.user_name)
    try:
        yield DelegationToken(token)
    finally:
        with contextlib.suppress(YarnhubError):  # it expires later
            await name_node.cancel(settings.user, token)


def judge(path: str, status: FileStatus | None, user: str) -> Finding:
    """The finding for a user's home directory."""
    mend = f"as HDFS's superuser: `hdfs dfs -mkdir -p {path}` and `hdfs dfs -chown {user} {path}`"
    if status is None:
        return error(f"{user} has no home directory: {path} does not exist", mend)
    if not status.is_directory:
        return error(f"{path} is not a folder", mend)
    if status.owner != user:
        return error(f"{path} belongs to {status.owner}, not to {user}", mend)
    return ok(f"{path} exists and belongs to {user}")
