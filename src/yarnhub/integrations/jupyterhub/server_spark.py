"""Spark for one user's server: its files and variables, and the end of its applications."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from yarnhub.base.errors import ConfigurationError, RemoteProtocolError, SpecError
from yarnhub.kernels.spark import SparkConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnhub.integrations.jupyterhub.traits import SpawnerTraits
    from yarnhub.kernels.server_applications import ServerApplications
    from yarnhub.sessions.request import SessionRequest

_STATE = "starts_applications_as"
_END = 10.0
"""Seconds for YARN to end applications of a server, before it counts as stopped."""


class ServerSpark:
    """What a spawner does for a server with `c.YarnSpawner.spark`.

    Args:
        spawner: The spawner.
        applications: Returns what answers and ends the applications of the hub's servers.

    Attributes:
        version: What was chosen for the server that is being started; empty for none.
        state: What a restarted hub needs.
    """

    def __init__(
        self, spawner: SpawnerTraits, applications: Callable[[], ServerApplications]
    ) -> None:
        self._spawner = spawner
        self._applications = applications
        self.version = ""
        self.state: dict[str, Any] = {}

    def load(self, state: dict[str, Any]) -> None:
        """Restore what was kept in the spawner's state."""
        self.state = {name: state[name] for name in (_STATE,) if state.get(name)}

    async def added(self, request: SessionRequest) -> SessionRequest:
        """The request with Spark's files and variables, if it was chosen.

        What a former server of the same name has left is ended first.

        Raises:
            ConfigurationError: Spark is not published, or a setting is invalid.
            YarnhubError: HDFS does not respond.
        """
        spawner = self._spawner
        if not self.version:
            return request
        if spawner.find_spark is None:
            raise ConfigurationError(
                'c.YarnSpawner.spark needs c.JupyterHub.spawner_class = "yarnspawner.YarnSpawner"'
            )
        files, document = await spawner.find_spark(
            spawner.cluster_settings(), spawner.spark_root, self.version, spawner.spark_settings
        )
        sources = sorted(each.source for each in files.values())
        if taken := sorted(files.keys() & request.files.keys()):
            raise ConfigurationError(f"c.YarnSpawner.localize_files: {taken[0]} is a file of Spark")
        files = {**request.files, **files}
        try:
            variables = SparkConfig.read(document).env(files, request.queue)
        except SpecError as error:
            raise ConfigurationError(f"c.YarnSpawner.spark: {error}") from error
        variables |= await self._applications().begin(request.identity, request.user)
        self.state = {_STATE: [request.identity, request.user, sources]}
        return replace(request, files=files, environment={**request.environment, **variables})

    async def answer(self, received: bytes) -> bytes:
        """The answer to a request of one of the server's kernels.

        Raises:
            RemoteProtocolError: The server has no Spark.
        """
        if _STATE not in self.state:
            raise RemoteProtocolError("this server has no Spark")
        identity, user, sources = self.state[_STATE]
        return await self._applications().answer(identity, user, received, sources)

    def begin_end(self) -> asyncio.Task[None] | None:
        """End the applications of the server, which has ended, in the background."""
        if _STATE not in self.state:
            return None
        identity, user, _ = self.state[_STATE]
        self.state = {}
        return self._applications().end(identity, user)

    async def end(self) -> None:
        """The same; returns when they have ended, or continues in the background after a while."""
        task = self.begin_end()
        if task is not None:
            await asyncio.wait([task], timeout=_END)
