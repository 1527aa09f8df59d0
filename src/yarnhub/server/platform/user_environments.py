"""The environments of a user, and the start of builds, as the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from yarnhub.base.errors import ConfigurationError
from yarnhub.client.client import Client
from yarnhub.environments.published.user_store import user_store

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from yarnhub.client.access.settings import Settings
    from yarnhub.environments.local_build.site import BuildSite
    from yarnhub.environments.published.store import EnvironmentStore
    from yarnhub.environments.specification import EnvironmentSpec
    from yarnhub.yarn.records.ids import ApplicationId


class UserEnvironments(Protocol):
    """Environments in HDFS and builds on YARN, which decide what each user can do.

    Attributes:
        can_build: Whether the site has configured builds.
    """

    can_build: bool

    def store(self, user: str) -> AbstractAsyncContextManager[EnvironmentStore]:
        """The environments as a user of the cluster finds them."""
        ...

    async def start(self, user: str, specification: EnvironmentSpec, queue: str) -> ApplicationId:
        """Submit a build as a user; returns when YARN has accepted it.

        If it is cancelled or fails, the application is killed.

        Raises:
            BuildRunningError: A build of this environment of the user's has not ended.
            YarnhubError: YARN or HDFS refuses it, or does not respond.
        """
        ...


class ClusterEnvironments:
    """Those of a cluster; see `UserEnvironments`.

    Args:
        settings: The cluster, and this process's login: it acts for the users.
        site: What builds need; None if they are not configured.
    """

    def __init__(self, settings: Settings, site: BuildSite | None) -> None:
        self._settings = settings
        self._site = site
        self.can_build = site is not None

    def store(self, user: str) -> AbstractAsyncContextManager[EnvironmentStore]:
        """The environments as a user of the cluster finds them."""
        return user_store(self._settings.acting_for(user))

    async def start(self, user: str, specification: EnvironmentSpec, queue: str) -> ApplicationId:
        """Submit a build as a user."""
        from yarnhub.environments.cluster_build.application import BuildOptions
        from yarnhub.environments.cluster_build.session import BuildSessions

        if self._site is None:
            raise ConfigurationError("builds are not configured")
        settings = self._settings.acting_for(user)
        async with Client(settings) as client:
            sessions = BuildSessions(client, settings)
            options = BuildOptions(queue=queue)
            return (await sessions.start(specification, self._site, options)).application_id
