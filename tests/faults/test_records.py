"""What is kept is damaged in part, or the disk is full, when the next process starts."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING

import pytest

from faults.conftest import ROUNDS
from faults.fifty import Holder, running
from faults.witness import Witness
from unmanaged.damage import check, empty_folder, offline
from yarnhub.client.client import Client
from yarnhub.control.messages import ContainerState

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable, Iterable
    from pathlib import Path

    from yarnhub.client.access.settings import Settings
    from yarnhub.client.application.client import ApplicationClient
    from yarnhub.yarn.records.ids import ApplicationId

    Reach = Callable[[ApplicationId], Awaitable[ApplicationClient]]

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240 + 90 * ROUNDS)]

SPOILT = 2
"""So many of the fifty are damaged at a time; whatever becomes of them, the others go on."""


def spoil(path: Path, chance: random.Random) -> None:
    """Damage a file, as disks do."""
    content = bytearray(path.read_bytes())
    match chance.randrange(4):
        case 0:
            path.write_bytes(content[: chance.randrange(len(content))])
        case 1:
            for _ in range(20):
                content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            path.write_bytes(content)
        case 2:
            path.write_bytes(chance.randbytes(len(content)))
        case _:
            path.unlink()
            path.mkdir()


async def test_records_of_a_folder_are_damaged_in_any_way(
    tmp_path: Path, moments: random.Random
) -> None:
    await check(offline(tmp_path), empty_folder(tmp_path), moments, 100 * ROUNDS)


async def same(applications: Iterable[ApplicationId], reach: Reach, notes: Path) -> dict[str, str]:
    """What runs of these, once the process holds them."""
    found: dict[str, str] = {}
    for application in applications:
        witness = Witness(str(application), notes, functools.partial(reach, application))
        async with witness.reached() as one:
            for each in await one.get_containers(states=[ContainerState.RUNNING]):
                found[str(application)] = each.yarn_container_id
    return found


async def test_records_are_damaged_and_the_disk_is_full(
    held: Holder, settings: Settings, tmp_path: Path, moments: random.Random
) -> None:
    await held.start()
    await held.until_full()
    async with Client(settings) as client:

        async def reach(application: ApplicationId) -> ApplicationClient:
            return await client.connect(application, deadline=30)

        reports = await running(client)
        well = [each.application_id for each in reports if each.name == "quiet"]
        async with asyncio.timeout(60):
            while len(before := await same(well, reach, tmp_path / "notes")) < len(well):
                await asyncio.sleep(0.1)
        for _ in range(ROUNDS):
            await held.kill()
            for application in moments.sample(well, SPOILT):
                kind = moments.choice(["tokens", "journal"])
                spoil(tmp_path / "held" / f"{application}.{kind}", moments)
                well.remove(application)
            await held.start()
            if moments.random() < 0.5:  # it cannot record what it does: whoever asks has to wait
                await held.fill_disk(moments, seconds=5)
            expected = {str(each): before[str(each)] for each in well}
            assert await same(well, reach, tmp_path / "notes") == expected
        for report in reports:
            await client.kill(report.application_id)
