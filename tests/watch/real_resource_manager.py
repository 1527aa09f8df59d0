"""Unmanaged applications on a real ResourceManager, which need neither nodes nor files."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from watch.contract import World
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.security.users import SimpleUser
from yarnhub.yarn.addresses import CLIENT, SCHEDULER, resource_manager
from yarnhub.yarn.records.applications import (
    ApplicationReport,
    ApplicationSubmissionContext,
    YarnApplicationState,
)
from yarnhub.yarn.records.launch import ContainerLaunchContext
from yarnhub.yarn.records.resources import Priority, Resource
from yarnhub.yarn.resource_manager import ResourceManager
from yarnhub.yarn.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path
    from typing import Self

    from yarnhub.yarn.records.ids import ApplicationId


class RealWorld(World):
    """A user's applications; those that are left are killed at the end."""

    def __init__(self, configuration: Configuration, manager: ResourceManager) -> None:
        super().__init__()
        self.source = self.manager = manager
        self._scheduler = resource_manager(configuration, SCHEDULER).addresses
        self._submitted: list[ApplicationId] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, conf_dir: Path, user: str) -> AsyncIterator[Self]:
        configuration = Configuration.load(conf_dir)
        endpoint = resource_manager(configuration, CLIENT)
        async with ResourceManager(endpoint, SimpleUser(user)) as manager:
            world = cls(configuration, manager)
            try:
                yield world
            finally:
                for each in world._submitted:
                    await manager.force_kill_application(each)

    async def submit(self) -> ApplicationId:
        number = (await self.manager.get_new_application()).application_id
        await self.manager.submit_application(
            ApplicationSubmissionContext(
                application_id=number,
                application_name="watched",
                queue="default",
                priority=Priority(priority=0),
                am_container_spec=ContainerLaunchContext(),
                unmanaged_am=True,
                max_app_attempts=1,
                resource=Resource(memory=32, virtual_cores=1),
                application_tags=(self.tag,),
            )
        )
        self._submitted.append(number)
        await self.until(number, lambda each: each.am_rm_token is not None)
        return number

    async def run(self, number: ApplicationId) -> None:
        token = (await self.manager.get_application_report(number)).am_rm_token
        assert token is not None
        async with Scheduler(self._scheduler, token) as scheduler:
            await scheduler.register("localhost", 1, "")
        running = YarnApplicationState.RUNNING
        await self.until(number, lambda each: each.yarn_application_state is running)

    async def kill(self, number: ApplicationId) -> None:
        while not await self.manager.force_kill_application(number):
            await asyncio.sleep(0.05)
        # The response says that the end is stored; it is reported a little later.
        await self.until(number, lambda each: each.yarn_application_state.ended)

    async def until(
        self, number: ApplicationId, condition: Callable[[ApplicationReport], bool]
    ) -> ApplicationReport:
        while not condition(report := await self.manager.get_application_report(number)):
            await asyncio.sleep(0.05)
        return report
