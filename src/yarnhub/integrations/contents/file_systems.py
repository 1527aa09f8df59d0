"""The HDFS that a notebook server's user sees."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from yarnhub.client.access.settings import Settings, configuration_folder
from yarnhub.client.access.trust import SiteTrust
from yarnhub.client.application.container import CurrentContainer
from yarnhub.filesystem.name_node import find_name_nodes
from yarnhub.filesystem.open import open_file_system
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.trust import system

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yarnhub.filesystem.port import FileSystem
    from yarnhub.hadoop.properties import Properties
    from yarnhub.hadoop.security.users import User
    from yarnhub.hadoop.trust import TrustSource

_DEADLINE = 20.0
"""Seconds that one answer may take: somebody looks at the browser meanwhile."""


class Hdfs(Protocol):
    """Where the file system of the user comes from."""

    @property
    def configuration(self) -> Properties:
        """The Hadoop configuration."""
        ...

    async def open(self) -> FileSystem:
        """The file system as the user sees it now: to be asked for at each piece of work."""
        ...


@dataclass(slots=True)
class OwnHdfs:
    """HDFS as the user that this process is; nothing of it changes."""

    configuration: Properties
    user: User
    trust: TrustSource = system
    _opened: FileSystem | None = None

    async def open(self) -> FileSystem:
        """See `Hdfs.open`."""
        if self._opened is None:
            self._opened = open_file_system(
                "", self.configuration, self.user, deadline=_DEADLINE, trust=self.trust
            )
        return self._opened


@dataclass(slots=True)
class ContainerHdfs:
    """HDFS as the user of a container, by the token that its file holds: an agent renews it."""

    configuration: Properties
    container: CurrentContainer
    trust: TrustSource = system
    _opened: FileSystem | None = None
    _age: int = field(default=-1)

    async def open(self) -> FileSystem:
        """See `Hdfs.open`."""
        age = await asyncio.to_thread(_age, self.container.token_file)
        if self._opened is None or age != self._age:
            self._opened = await self.container.file_system(
                "", self.configuration, deadline=_DEADLINE, trust=self.trust
            )
            self._age = age
        return self._opened


def _age(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:  # said by who reads it
        return 0


def hdfs_from_environment(variables: Mapping[str, str]) -> Hdfs:
    """The HDFS of `fs.defaultFS`, as the container's user, or outside of one as the process's.

    Raises:
        ConfigurationError: There is no Hadoop configuration, or it names no HDFS.
        AuthenticationError: The cluster wants Kerberos, and there is neither token nor ticket.
    """
    folder = configuration_folder(variables)
    configuration = Configuration.load(folder, variables)
    find_name_nodes("fs.defaultFS", configuration)  # a local file system is not shown twice
    container = CurrentContainer.from_environment(variables)
    if container is None:
        settings = Settings.from_environment(variables)
        return OwnHdfs(configuration, settings.user, settings.trust)
    trust = SiteTrust.of(variables, configuration, folder)
    return ContainerHdfs(configuration, container, trust)
