"""The environment of one user's server: a published one, an archive, or a folder of the nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.environments.published.lookup import find_environment
from yarnhub.kernels.environment import Environment

if TYPE_CHECKING:
    from yarnhub.integrations.jupyterhub.traits import SpawnerTraits
    from yarnhub.sessions.request import SessionRequest

_NEEDED = ("jupyterhub", "yarnhub")
"""Packages that run a server."""


class ServerEnvironment:
    """What a spawner does for a server with `c.YarnSpawner.server_environment`.

    Args:
        spawner: The spawner.

    Attributes:
        chosen: What was chosen for the server that is being started; empty for none.
    """

    def __init__(self, spawner: SpawnerTraits) -> None:
        self._spawner = spawner
        self.chosen = ""

    async def added(self, request: SessionRequest) -> SessionRequest:
        """The request with the environment, if one was chosen; it is active before the prologue.

        It is looked up as the user: HDFS decides which environments the user can read.

        Raises:
            ConfigurationError: A setting is invalid.
            StoreError: The environment does not exist, is not shared with the user, or cannot run a
                server.
            YarnhubError: HDFS does not respond.
        """
        if not self.chosen:
            return request
        environment = await self._environment(request.user)
        if taken := sorted(environment.files.keys() & request.files.keys()):
            raise ConfigurationError(
                f"c.YarnSpawner.localize_files: {taken[0]} is the server's environment"
            )
        return replace(
            request,
            files={**request.files, **environment.files},
            prologue=environment.prologue + request.prologue,
            tags=[*request.tags, *environment.tags],
        )

    async def _environment(self, user: str) -> Environment:
        chosen = self.chosen
        try:
            if chosen.startswith("/"):
                return Environment(folder=chosen)
            if scheme := urlsplit(chosen).scheme:
                if scheme.lower() == "file":  # the hub would read it
                    raise SpecError("", "must be in a file system of the cluster")
                return Environment.read({"archive": chosen})
        except (SpecError, ValueError) as error:
            raise ConfigurationError(f"c.YarnSpawner.server_environment: {error}") from error
        settings = self._spawner.cluster_settings().acting_for(user)
        found = await find_environment(settings, chosen, needed=_NEEDED)
        return Environment(archive=found.file(), key=found.manifest.key)
