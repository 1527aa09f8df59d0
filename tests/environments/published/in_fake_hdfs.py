"""Environments that users publish in an HDFS without a cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from environments.published.stores import HASH, built, spec, store
from filesystem.fake_hdfs import FakeHdfs
from yarnhub.environments.published.environment import ROOT
from yarnhub.environments.specification import Access

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from yarnhub.environments.published.environment import PublishedEnvironment
    from yarnhub.environments.published.store import EnvironmentStore

KERNEL = ("ipykernel", "tabulate")


class Environments:
    """The environments of all users.

    Args:
        folder: A folder for the contents of files.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self.hdfs = FakeHdfs(folder)

    def store(self, user: str) -> EnvironmentStore:
        """The environments as a user sees them."""
        return store(self.hdfs, user)

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have all users' stores in this HDFS."""
        monkeypatch.setattr(
            "yarnhub.environments.published.user_store.user_file_system",
            lambda settings, _: self.hdfs.user(settings.user_name),
        )

    async def publish(
        self,
        owner: str = "alice",
        name: str = "table",
        version: str = "1",
        *,
        readers: tuple[str, ...] = (),
        packages: tuple[str, ...] = KERNEL,
        **values: Any,
    ) -> PublishedEnvironment:
        """Publish a version of an environment."""
        administrator = self.hdfs.user("hdfs")
        await administrator.make_directory(ROOT.rpartition("/")[0], 0o755)
        await administrator.make_directory(ROOT, 0o1777)
        lock = "".join(f"{each}=={version} --hash={HASH}\n" for each in packages)
        content = replace(built(self._folder, version=version), lock=lock)
        values["access"] = {"users": list(readers)}
        return await self.store(owner).publish(spec(name, **values), content)

    async def share(self, *users: str, owner: str = "alice", name: str = "table") -> None:
        """Let these users read an environment, and no others."""
        await self.store(owner).share(name, Access(users=users))

    async def delete(self, owner: str = "alice", name: str = "table") -> None:
        """Delete an environment."""
        await self.store(owner).delete(name, force=True)
