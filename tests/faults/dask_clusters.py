"""Dask clusters on YARN, as the ResourceManager sees them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from faults.guests import NOT_ENDED
from integrations.dask_gateway.user import of_cluster
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from yarnhub.client.client import Client

WORKERS = 3
"""The most that a test asks for."""
RECOVERY = 60.0
"""Seconds within which all has to be well again."""


async def until_containers(yarn: Client, name: str, count: int) -> None:
    """Wait until a cluster has so many containers for some seconds; it never has too many."""
    seen: list[int] = []
    async with asyncio.timeout(RECOVERY):
        while seen[-15:] != [count] * 15:
            usage = (await of_cluster(yarn, name)).app_resource_usage
            seen.append(usage.num_used_containers)
            await asyncio.sleep(0.2)
    assert max(seen) <= WORKERS + 1, "a worker was started twice"


async def until_applications(yarn: Client, count: int) -> None:
    """Wait until so many applications of Dask clusters run."""
    request = GetApplicationsRequest(
        application_tags=("dask-gateway",), application_states=NOT_ENDED
    )
    async with asyncio.timeout(RECOVERY):
        while len(await yarn.applications(request)) != count:
            await asyncio.sleep(0.2)
