"""A real environment with a kernel, which users of a cluster publish."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from environments.local_build.conda.channel import CondaChannel, python_package
from environments.r_packages import add_r
from yarnhub.client.access.settings import Settings
from yarnhub.client.files.file_systems import user_file_system
from yarnhub.environments.local_build.copied_python import INTERPRETERS
from yarnhub.environments.local_build.environment import BuiltEnvironment, build
from yarnhub.environments.local_build.programs import find_programs
from yarnhub.environments.local_build.python import installed as installed_python
from yarnhub.environments.local_build.python.interpreter import cached_tree
from yarnhub.environments.local_build.site import BuildSite, site_of_variables
from yarnhub.environments.published.environment import ROOT
from yarnhub.environments.published.store import EnvironmentStore
from yarnhub.environments.specification import Access, EnvironmentSpec
from yarnhub.environments.threads import Stop
from yarnhub.hadoop.security.kerberos import Keytab

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from typing import Self

    from yarnhub.cluster import HadoopCluster
    from yarnhub.environments.published.environment import PublishedEnvironment


@dataclass(frozen=True)
class KernelEnvironment:
    """An environment that was built."""

    specification: EnvironmentSpec
    built: BuiltEnvironment

    @classmethod
    def build(cls, folder: Path) -> Self:
        """Build one with ipykernel in a folder."""
        return cls._build(folder, {"name": "table", "pip": ["ipykernel", "tabulate"]})

    @classmethod
    def build_r(cls, folder: Path) -> Self:
        """Build one with IRkernel in a folder."""
        python = installed_python.examine(Path(sys.executable))
        tree = cached_tree(python, folder / "cache" / INTERPRETERS, find_programs(), Stop())
        channel = CondaChannel(folder / "channel")
        python_package(channel, tree.folder, python.version)
        add_r(channel)
        conda = {"channels": [channel.url], "packages": ["r-irkernel"]}
        return cls._build(folder, {"name": "statistics", "conda": conda})

    @classmethod
    def _build(cls, folder: Path, document: Mapping[str, object]) -> Self:
        site = BuildSite.from_dict(
            {**site_of_variables(os.environ), "cache": str(folder / "cache")}  # noqa: TID251
        )
        kernel = {"memory": "400 MiB", "vcores": 1}
        specification = EnvironmentSpec.from_dict({**document, "kernel": kernel})
        built = asyncio.run(build(specification, site, folder, lambda _: None))
        return cls(specification, built)

    def version(self, name: str) -> Self:
        """Another version with the same content; a build would take half a minute."""
        key = hashlib.sha256(name.encode()).hexdigest()
        return replace(self, built=replace(self.built, key=key))


class ClusterEnvironments:
    """The environments of a cluster's users.

    Args:
        cluster: The cluster.
        folder: For what clients keep.
    """

    def __init__(self, cluster: HadoopCluster, folder: Path) -> None:
        self._cluster = cluster
        self._variables = {**cluster.env, "SKEIN_CONFIG": str(folder / "skein")}

    def _settings(self, user: str) -> Settings:
        if self._cluster.options.kerberos:
            login = Keytab(self._cluster.keytab(user), user)
            return Settings.from_environment(self._variables, login)
        return Settings.from_environment({**self._variables, "HADOOP_USER_NAME": user})

    @contextlib.asynccontextmanager
    async def store(self, user: str) -> AsyncIterator[EnvironmentStore]:
        """The environments as a user sees them."""
        async with user_file_system(self._settings(user)) as file_system:
            yield EnvironmentStore(file_system, user=user)

    async def prepare(self) -> None:
        """Make the root, as an administrator does, with nothing in it."""
        administrator = "hdfs" if self._cluster.options.kerberos else self._cluster.host.user
        async with user_file_system(self._settings(administrator)) as file_system:
            await file_system.delete(ROOT, recursive=True)
            await file_system.make_directory(ROOT.rpartition("/")[0], 0o755)
            await file_system.make_directory(ROOT, 0o1777)

    async def publish(self, user: str, environment: KernelEnvironment) -> PublishedEnvironment:
        """Publish it as a user."""
        async with self.store(user) as store:
            return await store.publish(environment.specification, environment.built)

    async def share(self, user: str, *readers: str) -> None:
        """Share a user's environment with other users."""
        async with self.store(user) as store:
            await store.share("table", Access(users=readers))

    async def delete(self, user: str) -> None:
        """Delete a user's environment."""
        async with self.store(user) as store:
            await store.delete("table", force=True)
