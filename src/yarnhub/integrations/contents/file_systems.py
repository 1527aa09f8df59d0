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
    from yarnhub.hadoop.conf import Properties
    from yarnhub.hadoop.security.users import User
    from yarnhub.hadoop.trust import TrustSource

_REQUEST_TIMEOUT = 20.0
"""Seconds for one request: a user waits in the browser."""


class HdfsSource(Protocol):
    """The source of the user's file system."""

    @property
    def configuration(self) -> Properties:
        """The Hadoop configuration."""
        ...

    async def open(self) -> FileSystem:
        """The file system with current credentials; call it before each operation."""
        ...


@dataclass(slots=True)
class ProcessHdfs:
    """HDFS as the user of this process, whose credentials stay the same."""

    configuration: Properties
    user: User
    trust: TrustSource = system
    _opened: FileSystem | None = None

    async def open(self) -> FileSystem:
        """See `HdfsSource.open`."""
        if self._opened is None:
            self._opened = open_file_system(
                "", self.configuration, self.user, deadline=_REQUEST_TIMEOUT, trust=self.trust
            )
        return self._opened


@dataclass(slots=True)
class ContainerHdfs:
    """HDFS as the user of a container, with the token in its token file, which is renewed."""

    configuration: Properties
    container: CurrentContainer
    trust: TrustSource = system
    _opened: FileSystem | None = None
    _modified: int = field(default=-1)

    async def open(self) -> FileSystem:
        """See `HdfsSource.open`."""
        modified = await asyncio.to_thread(_modified, self.container.token_file)
        if self._opened is None or modified != self._modified:
            self._opened = await self.container.file_system(
                "", self.configuration, deadline=_REQUEST_TIMEOUT, trust=self.trust
            )
            self._modified = modified
        return self._opened


def _modified(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:  # reported when it is read
        return 0


def hdfs_from_environment(variables: Mapping[str, str]) -> HdfsSource:
    """The HDFS of `fs.defaultFS`, as the user of the container, else of the process.

    Raises:
        ConfigurationError: No Hadoop configuration, or it does not name an HDFS.
        AuthenticationError: The cluster requires Kerberos, and neither a token nor a ticket exists.
    """
    folder = configuration_folder(variables)
    configuration = Configuration.load(folder, variables)
    find_name_nodes("fs.defaultFS", configuration)  # refuses a local file system
    container = CurrentContainer.from_environment(variables)
    if container is None:
        settings = Settings.from_environment(variables)
        return ProcessHdfs(configuration, settings.user, settings.trust)
    trust = SiteTrust.of(variables, configuration, folder)
    return ContainerHdfs(configuration, container, trust)
