"""A cache of what all spawners of one JupyterHub share: holders, tags, queues and tasks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from yarnhub.base.background import BackgroundTasks
from yarnhub.client.queues import ClusterQueues
from yarnhub.database import limits_setting
from yarnhub.integrations.jupyterhub.orphans import log_orphans
from yarnhub.integrations.jupyterhub.server_request import SERVICE
from yarnhub.kernels.server_applications import ServerApplications
from yarnhub.sessions.cluster_holder import ClusterHolder
from yarnhub.sessions.counted_sessions import CountedSessions
from yarnhub.sessions.tags import HubTags
from yarnhub.sessions.unmanaged_holder import UnmanagedHolder
from yarnhub.unmanaged.state_folder import StateFolder

if TYPE_CHECKING:
    from yarnhub.integrations.jupyterhub.traits import SpawnerTraits
    from yarnhub.sessions.holder import Holder
    from yarnhub.sessions.limits import Limits
    from yarnhub.sessions.shared_limits import SharedLimits

_KEY = "yarnspawner"


class HubSessions:
    """Creates and keeps the objects that all spawners of one hub share.

    It holds no sessions itself: holders do. Holders and queues are kept by the settings that they
    depend on, because traits can differ between spawners.

    Attributes:
        servers: The servers that count for the limits of users.
        tasks: Background tasks. JupyterHub cancels all tasks when it stops, and waits for them.
    """

    def __init__(self) -> None:
        self.tasks = BackgroundTasks()
        self.servers = CountedSessions(self.tasks)
        self._holders: dict[tuple[object, ...], Holder] = {}
        self._tags: dict[Path, HubTags] = {}
        self._queues: dict[tuple[object, ...], ClusterQueues] = {}
        self._applications: dict[tuple[object, ...], ServerApplications] = {}
        self._shared_limits: dict[str, SharedLimits] = {}
        self._orphans_logged = False

    @classmethod
    def of(cls, settings: dict[str, Any]) -> HubSessions:
        """The hub's, created on first use.

        Args:
            settings: The hub's settings for handlers, which all of its users share.
        """
        if _KEY not in settings:
            settings[_KEY] = cls()
        found: HubSessions = settings[_KEY]
        return found

    def holder(self, spawner: SpawnerTraits, master: str) -> Holder:
        """The holder of the sessions whose ApplicationMasters run in one place.

        Args:
            spawner: Any spawner of the hub.
            master: `hub` or `cluster`.

        Raises:
            ConfigurationError: The cluster's configuration, the login or the folder is not valid.
        """
        folder = Path(spawner.applications_folder).absolute()
        host = spawner.application_master_host if master == "hub" else ""
        key = (spawner.principal, spawner.keytab, master, folder, host)
        if key not in self._holders:
            settings, tags = spawner.cluster_settings(), self.tags(spawner)
            self._holders[key] = (
                UnmanagedHolder(settings, tags, folder=folder, host=host)
                if master == "hub"
                else ClusterHolder(settings, tags)
            )
        return self._holders[key]

    def tags(self, spawner: SpawnerTraits) -> HubTags:
        """The tags of the hub's applications.

        Raises:
            ConfigurationError: The secret in `applications_folder` cannot be used.
        """
        folder = Path(spawner.applications_folder).absolute()
        if folder not in self._tags:
            kept = StateFolder(folder)
            kept.claim()
            self._tags[folder] = HubTags(kept.secret(), SERVICE)
        return self._tags[folder]

    def queues(self, spawner: SpawnerTraits) -> ClusterQueues:
        """The queues of the cluster.

        Raises:
            ConfigurationError: The cluster's configuration or the login is not valid.
        """
        key = (spawner.principal, spawner.keytab)
        if key not in self._queues:
            self._queues[key] = ClusterQueues(spawner.cluster_settings())
        return self._queues[key]

    def applications(self, spawner: SpawnerTraits) -> ServerApplications:
        """What answers and ends the applications that kernels of servers start.

        Raises:
            ConfigurationError: The cluster's configuration, the login or the folder is not valid.
        """
        folder = Path(spawner.applications_folder).absolute()
        key = (spawner.principal, spawner.keytab, folder)
        if key not in self._applications:
            settings, tags = spawner.cluster_settings(), self.tags(spawner)
            self._applications[key] = ServerApplications(settings, tags, self.tasks)
        return self._applications[key]

    async def limits(self, spawner: SpawnerTraits) -> Limits:
        """How much users can hold at the moment.

        Raises:
            ConfigurationError: A setting of limits is not valid.
        """
        configured, url = spawner.limits(), spawner.limits_database
        if url not in self._shared_limits:
            found = limits_setting.shared_limits("c.YarnSpawner.limits_database", url)
            self._shared_limits[url] = found
        await self._shared_limits[url].start(self.tasks)
        return self._shared_limits[url].over(configured)

    def log_orphans_once(self, holder: Holder, app: Any) -> None:  # Any: JupyterHub's own
        """Log the sessions that belong to no user, once the hub has loaded its own.

        Args:
            holder: Finds the sessions.
            app: JupyterHub's application.
        """
        if not self._orphans_logged:
            self._orphans_logged = True
            _ = self.tasks.start(log_orphans(holder, app), "orphans")
