"""The process that holds fifty unmanaged applications is killed, or its disk is full."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING

import pytest

from faults.conftest import ROUNDS
from faults.fifty import Holder, running
from faults.witness import RECOVERY, Witness, all_containers, strike
from yarnhub.client.client import Client
from yarnhub.control.messages import ContainerState

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from yarnhub.client.access.settings import Settings
    from yarnhub.client.application.client import ApplicationClient
    from yarnhub.yarn.records.ids import ApplicationId

    Reach = Callable[[ApplicationId], Awaitable[ApplicationClient]]

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240 + 90 * ROUNDS)]


async def test_the_process_that_holds_fifty_is_killed(
    held: Holder, settings: Settings, tmp_path: Path, moments: random.Random
) -> None:
    await held.start()
    # The first times it is killed while it submits: none may be left that nobody holds.
    for _ in range(min(ROUNDS, 3)):
        await asyncio.sleep(moments.uniform(0.5, 2.5))
        await held.restart()
    await held.until_full()
    async with Client(settings) as client:

        async def reach(application: ApplicationId) -> ApplicationClient:
            return await client.connect(application, deadline=30)

        reports = await running(client)
        witnesses = [
            Witness(
                str(each.application_id),
                tmp_path / "notes",
                functools.partial(reach, each.application_id),
            )
            for each in reports
            if each.name == "watched"
        ]
        quiet = [each.application_id for each in reports if each.name == "quiet"]
        for witness in witnesses:
            await witness.settle()
        before = await containers(quiet, reach)
        for number in range(ROUNDS):
            full_disk = functools.partial(held.fill_disk_or_die, moments)
            async with asyncio.TaskGroup() as group:
                for witness in witnesses[1:]:
                    group.create_task(strike(witness, moments, nothing))
                await strike(witnesses[0], moments, full_disk if number % 2 else held.restart)
            for witness in witnesses:
                await witness.settle()
            assert await containers(quiet, reach) == before
        for report in reports:
            await client.kill(report.application_id)


async def containers(quiet: list[ApplicationId], reach: Reach) -> dict[str, str]:
    """YARN's id of each application's one container, as soon as it and its process run."""
    found: dict[str, str] = {}

    async def look(application: ApplicationId) -> None:
        async with await reach(application) as client:
            (container,) = await client.get_containers()
            while container.state is not ContainerState.RUNNING:
                await asyncio.sleep(0.1)
                (container,) = await client.get_containers()
            found[str(application)] = container.yarn_container_id

    async with asyncio.timeout(RECOVERY):
        async with asyncio.TaskGroup() as group:
            for application in quiet:
                group.create_task(look(application))
        while not all_containers() >= set(found.values()):
            await asyncio.sleep(0.1)
    return found


async def nothing() -> None:
    """No fault: the application is used only."""
