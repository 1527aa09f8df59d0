"""Environments that users have published, in an HDFS without a cluster."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from environments.published.in_fake_hdfs import Environments
from yarnhub.environments.published.environment import (
    ROOT,
    PublishedEnvironment,
    PublishedVersion,
    Survey,
)
from yarnhub.environments.published.manifest import EnvironmentRecord, VersionManifest, archive_name
from yarnhub.server.gateway.user_environments import find_in

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.base.errors import YarnhubError

PACKAGES = {"ipykernel": "7.1.0", "tabulate": "0.9.0"}


def published(
    owner: str = "alice",
    name: str = "table",
    *,
    number: int = 1,
    public: bool = False,
    **manifest: Any,
) -> PublishedEnvironment:
    key = manifest.setdefault("key", f"{number:x}" * 64)
    content: dict[str, Any] = {
        "archive": archive_name(name, key),
        "sha256": "0" * 64,
        "size": 1000 + number,
        "files": 10,
        "python": "3.11.7",
        "packages": PACKAGES,
    } | manifest
    folder = f"hdfs://nn:8020{ROOT}/{owner}.{name}"
    version = PublishedVersion(
        number=number,
        url=f"{folder}/{number}/{content['archive']}",
        size=content["size"],
        modification_time=1_700_000_000_000 + number,
        readable_by_all=public,
        manifest=VersionManifest(**content),
    )
    return PublishedEnvironment(
        id="0123456789abcdef",
        folder=folder,
        owner=owner,
        record=EnvironmentRecord(name=name),
        current=version,
        versions=(version,),
        access=None,
        is_public=public,
    )


class Hdfs(Environments):
    """The environments of all users, which the service looks up.

    Attributes:
        lookups: The users whose environments were looked up, with the kernelspecs of starts.
        error: What each look-up raises.
        answers: Whether look-ups end.
        waiting: Look-ups that have begun and not ended.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.lookups: list[str] = []
        self.error: YarnhubError | None = None
        self.answers = asyncio.Event()
        self.answers.set()
        self.waiting = 0

    async def survey(self, user: str) -> Survey:
        """What a user can read, as the service looks it up."""
        await self._look_up(user)
        return await self.store(user).survey()

    async def find(self, user: str, kernelspec: str) -> PublishedEnvironment | None:
        """The environment of a kernelspec, as the service looks it up."""
        await self._look_up(f"{user} {kernelspec}")
        return await find_in(self.store(user), kernelspec)

    async def _look_up(self, what: str) -> None:
        self.lookups.append(what)
        self.waiting += 1
        try:
            await self.answers.wait()
        finally:
            self.waiting -= 1
        if self.error is not None:
            raise self.error
