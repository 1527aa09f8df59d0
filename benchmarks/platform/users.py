"""Users who submit applications, let them run or wait, and kill them.

Applications are unmanaged: no process runs them. Two thirds of those that have not ended run, with
two containers each on whichever nodes there are; the others wait.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections import deque
from typing import TYPE_CHECKING

from part import Task

from yarnhub.base.closing import Closing
from yarnhub.base.tasks import task_group
from yarnhub.client.access.settings import Settings
from yarnhub.hadoop.security.users import SimpleUser
from yarnhub.yarn.addresses import CLIENT, SCHEDULER, resource_manager
from yarnhub.yarn.records.applications import ApplicationSubmissionContext
from yarnhub.yarn.records.launch import ContainerLaunchContext
from yarnhub.yarn.records.resources import Priority, Resource, ResourceRequest
from yarnhub.yarn.resource_manager import ResourceManager
from yarnhub.yarn.scheduler import Scheduler

if TYPE_CHECKING:
    from yarnhub.yarn.records.ids import ApplicationId

QUEUES = ("default", "jupyterhub", "apples", "bananas", "oranges")
KINDS = (
    ("jupyterhub", "skein", "jupyterhub"),
    ("kernel", "skein", "kernel"),
    ("a session of Spark", "SPARK", "pyspark"),
    ("dask-gateway", "skein", "dask-gateway"),
    ("nightly report", "MAPREDUCE", "report"),
)
"""Name, type and tag."""
AT_ONCE = 64
"""Applications that are submitted, started or killed at the same time."""
PART = 500
"""Applications that are submitted and then killed together, before anything is measured."""
INTERVAL = 1.5
"""Seconds from one change to the next."""
POLL = 0.1
CONTAINERS = 2
ASK = ResourceRequest(
    priority=Priority(priority=1),
    resource_name="*",
    capability=Resource(memory=1024, virtual_cores=1),
    num_containers=CONTAINERS,
)


class Users(Closing):
    """Users of a cluster.

    Args:
        settings: The cluster.
        count: How many there are.

    Attributes:
        ended: How many applications they have killed.
    """

    def __init__(self, settings: Settings, count: int) -> None:
        endpoint = resource_manager(settings.configuration, CLIENT)
        self.ended = 0
        self._scheduler = resource_manager(settings.configuration, SCHEDULER).addresses
        self._users = [ResourceManager(endpoint, SimpleUser(f"user{n}")) for n in range(count)]
        self._next = itertools.cycle(self._users)
        self._submitted = itertools.count()
        self._open: deque[tuple[ResourceManager, ApplicationId]] = deque()
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def aclose(self) -> None:
        """Close the connections."""
        for each in self._users:
            await each.aclose()

    async def submit(self, count: int, *, start: bool) -> None:
        """Submit applications, of one user after the other.

        Args:
            count: How many.
            start: Whether two of three begin to run.
        """
        async with task_group() as group:
            for number in range(count):
                runs = start and number % 3 > 0
                group.create_task(self._submit(next(self._next), next(self._submitted), runs=runs))

    async def _submit(self, user: ResourceManager, number: int, *, runs: bool) -> None:
        name, kind, tag = KINDS[number % len(KINDS)]
        async with self._slots:
            application = (await user.get_new_application()).application_id
            context = ApplicationSubmissionContext(
                application_id=application,
                application_name=f"{name} number {number}",
                queue=QUEUES[number // len(KINDS) % len(QUEUES)],
                am_container_spec=ContainerLaunchContext(),
                unmanaged_am=True,
                resource=Resource(memory=1, virtual_cores=1),
                application_type=kind,
                application_tags=(tag, f"yarnhub-env:{number % 9:064x}"),
            )
            await user.submit_application(context)
            if runs:
                await self._start(user, application)
        self._open.append((user, application))

    async def _start(self, user: ResourceManager, application: ApplicationId) -> None:
        """Do what its ApplicationMaster would, until it has its containers."""
        while (token := (await user.get_application_report(application)).am_rm_token) is None:
            await asyncio.sleep(POLL)
        async with Scheduler(self._scheduler, token) as scheduler:
            await scheduler.register("", 0, "")
            left, asks = CONTAINERS, [ASK]
            while left:
                response = await scheduler.allocate(asks, (), 0.0)
                left, asks = left - len(response.allocated_containers), []
                await asyncio.sleep(POLL)

    async def kill(self, count: int) -> None:
        """Kill the oldest applications that have not ended."""
        async with task_group() as group:
            for _ in range(count):
                group.create_task(self._kill(*self._open.popleft()))

    async def _kill(self, user: ResourceManager, application: ApplicationId) -> None:
        async with self._slots:
            while not await user.force_kill_application(application):
                await asyncio.sleep(POLL)
        self.ended += 1

    async def change(self, count: int) -> None:
        """Submit and kill applications until cancelled."""
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            due += INTERVAL
            await asyncio.sleep(due - clock())
            async with task_group() as group:
                group.create_task(self.submit(count, start=True))
                group.create_task(self.kill(count))


async def main() -> None:
    """Fill the cluster, and change what it has until that is to end."""
    task = await Task.receive()
    words = task.words
    async with Users(Settings.from_environment(os.environ), words["users"]) as users:
        for _ in range(0, words["applications"] - words["open"], PART):
            await users.submit(PART, start=False)
            await users.kill(PART)
        await users.submit(words["open"], start=True)
        task.say(ended=users.ended)
        before, began = users.ended, time.monotonic()
        async with task_group() as group:
            changing = group.create_task(users.change(words["change"]))
            await task.ended()
            changing.cancel()
        task.say(ended_per_second=(users.ended - before) / (time.monotonic() - began))


if __name__ == "__main__":
    asyncio.run(main())
