"""Environments in an HDFS in memory, and builds that a ResourceManager in memory has accepted."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.environments.cluster_build.application import TAG, name_tag
from yarnhub.environments.errors import BuildRunningError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from environments.published.in_fake_hdfs import Environments
    from watch.fake_resource_manager import FakeResourceManager
    from yarnhub.base.errors import YarnhubError
    from yarnhub.environments.published.store import EnvironmentStore
    from yarnhub.environments.specification import EnvironmentSpec
    from yarnhub.yarn.records.ids import ApplicationId


@dataclass
class MemoryEnvironments:
    """See `yarnhub.server.platform.user_environments.UserEnvironments`.

    Attributes:
        published: What is in HDFS.
        yarn: Where builds are submitted.
        can_build: Whether the site has configured builds.
        submitted: The user, specification and queue of each build.
        error: What a submission fails with.
    """

    published: Environments
    yarn: FakeResourceManager
    can_build: bool = True
    submitted: list[tuple[str, EnvironmentSpec, str]] = field(default_factory=list)
    error: YarnhubError | None = None

    @contextlib.asynccontextmanager
    async def store(self, user: str) -> AsyncIterator[EnvironmentStore]:
        yield self.published.store(user)

    async def start(self, user: str, specification: EnvironmentSpec, queue: str) -> ApplicationId:
        if self.error is not None:
            raise self.error
        name = specification.name
        for each in self.yarn.applications.values():
            is_same = each.user == user and name_tag(name) in each.application_tags
            if is_same and not each.yarn_application_state.ended:
                raise BuildRunningError(name, str(each.application_id))
        self.submitted.append((user, specification, queue))
        return self.build(user, name)

    def build(self, user: str, name: str) -> ApplicationId:
        """A build that YARN has accepted."""
        return self.yarn.submit(user, (TAG, name_tag(name)), name=f"build {name}")
