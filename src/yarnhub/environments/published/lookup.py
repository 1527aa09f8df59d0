"""Finds a published environment by its name, for a program of the platform that runs in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.deadline import Deadline
from yarnhub.environments.errors import StoreError
from yarnhub.environments.published.user_store import user_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yarnhub.client.access.settings import Settings
    from yarnhub.environments.published.environment import PublishedEnvironment

_LOOK = 20.0
"""Seconds for HDFS to return it."""


async def find_environment(
    settings: Settings, name: str, *, needed: Sequence[str] = ()
) -> PublishedEnvironment:
    """A published environment, as a user finds it, with its current version.

    HDFS decides what the user can read.

    Cancelling may leave a token behind that expires unused.

    Args:
        settings: The cluster and the user.
        name: The name of one of the user's own, or `owner/name`.
        needed: Packages that it must have.

    Raises:
        EnvironmentNotFoundError: It does not exist, or is not shared with the user.
        StoreError: It lacks a package, or is damaged.
        YarnhubError: HDFS does not respond.
    """
    late = f"the environment {name} was not found within {_LOOK:g} s"
    async with Deadline(_LOOK, late), user_store(settings) as store:
        found = await store.find(name, all_versions=False)
    missing = [package for package in needed if package not in found.manifest.packages]
    if missing:
        raise StoreError(
            f"the environment {name} has no {' and no '.join(missing)}, which is needed here: add "
            "it to the specification, and publish the environment again"
        )
    return found
