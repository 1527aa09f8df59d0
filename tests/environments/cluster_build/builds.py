"""Builds of a user on a cluster, by the command, and what is in HDFS and runs on YARN."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING

from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.client.files.file_systems import user_file_system
from yarnhub.environments.cluster_build.session import BuildSessions
from yarnhub.environments.published.environment import ROOT
from yarnhub.environments.published.store import EnvironmentStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster
    from yarnhub.environments.published.environment import PublishedEnvironment

SECONDS = 420
"""For one build on a machine that is overloaded."""


class Builder:
    """A user who builds environments.

    Args:
        cluster: The cluster.
        folder: For the user's files.
        wheels: A folder that nodes can read.
        cache: Of copied interpreters and of the builder.
        name: The user.
    """

    def __init__(
        self, cluster: HadoopCluster, folder: Path, wheels: Path, cache: Path, name: str = "alice"
    ) -> None:
        self.folder, self.wheels, self._cache = folder, wheels, cache
        self._admin = {**cluster.env, "SKEIN_CONFIG": str(folder / "admin")}
        self.env = {**cluster.env, "SKEIN_CONFIG": str(folder / "skein"), "TMPDIR": str(folder)}
        if cluster.options.kerberos:
            for user in (name, "hdfs"):
                asyncio.run(cluster.kinit(user, folder / f"ticket-{user}"))
            self.env["KRB5CCNAME"] = str(folder / f"ticket-{name}")
            self._admin["KRB5CCNAME"] = str(folder / "ticket-hdfs")
        else:
            self.env["HADOOP_USER_NAME"] = name

    def as_administrator(self, *command: str) -> None:
        """Run a command of Hadoop."""
        subprocess.run(command, env=self._admin, check=True, timeout=SECONDS)

    @property
    def settings(self) -> Settings:
        """The user's settings."""
        return Settings.from_environment(self.env)

    def specification(self, name: str, **keys: object) -> Path:
        """Write a specification."""
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps({"name": name, **keys}))
        return path

    def site(self, **keys: object) -> Path:
        """Write the configuration of a site, by default with the wheels only."""
        path = self.folder / "site.json"
        content = keys or {"find_links": [str(self.wheels)], "no_index": True}
        path.write_text(json.dumps({"cache": str(self._cache), **content}))
        return path

    def command(self, *words: str | Path) -> list[str]:
        """The words of `yarnhub env`."""
        return [sys.executable, "-m", "yarnhub.cli.main", "env", *map(str, words)]

    def creation(self, specification: Path, site: Path, *words: str) -> list[str]:
        """The words of `yarnhub env create`, on a cluster of one small node."""
        small = ("--memory", "1 GiB")
        return self.command("create", specification, "--site", site, *small, *words)

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            command,
            env=self.env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    @contextlib.asynccontextmanager
    async def sessions(self) -> AsyncIterator[BuildSessions]:
        """The user's builds, as a program finds them."""
        async with Client(self.settings) as client:
            yield BuildSessions(client, self.settings)

    async def find(self, name: str) -> PublishedEnvironment:
        """A published environment of the user."""
        async with user_file_system(self.settings) as file_system:
            store = EnvironmentStore(file_system, user=self.settings.user_name)
            return await store.find(name)

    async def tree(self, folder: str = ROOT) -> dict[str, int]:
        """All files and folders below one, with the times of their last changes."""
        found: dict[str, int] = {}
        async with user_file_system(self.settings) as file_system:
            folders = [folder]
            while folders:
                for each in await file_system.list(folders.pop()):
                    found[each.path] = each.modification_time
                    if each.is_directory and each.owner == self.settings.user_name:
                        folders.append(each.path)
        return found
