"""The published environment in which a Dask cluster runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.environments.published.lookup import find_environment
from yarnhub.kernels.environment import Environment

if TYPE_CHECKING:
    from yarnhub.client.access.settings import Settings

_NEEDED = ("dask-gateway", "distributed")
"""Packages that run schedulers and workers."""


async def cluster_environment(settings: Settings, user: str, name: str) -> Environment | None:
    """The environment of a cluster, looked up as its user; None if the name is empty.

    Cancelling may leave a token behind that expires unused.

    Args:
        settings: The cluster of YARN, and this server's login: it acts for the user.
        user: The user.
        name: The name of one of the user's own, or `owner/name`.

    Raises:
        StoreError: It does not exist, is not shared with the user, or lacks packages.
        YarnhubError: HDFS does not respond.
    """
    if not name:
        return None
    found = await find_environment(settings.acting_for(user), name, needed=_NEEDED)
    return Environment(archive=found.file(), key=found.manifest.key)
