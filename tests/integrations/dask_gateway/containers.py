"""What a Dask cluster's containers have on this machine, which their user can read."""

from __future__ import annotations

import asyncio
from pathlib import Path

from e2e.walk import processes


def of_cluster(name: str, *, workers: bool) -> dict[int, str]:
    """The processes of a cluster's scheduler, or of its workers, with their OS users."""
    mark = f"DASK_GATEWAY_CLUSTER_NAME={name}\n"
    return {
        number: owner
        for number, (owner, _, variables) in processes().items()
        if mark in f"{variables}\n"
        and "CONTAINER_ID=" in variables
        and ("DASK_GATEWAY_WORKER_NAME=" in variables) is workers
    }


async def scheduler_folder(name: str, file: str = "dask.token", deadline: float = 60) -> Path:
    """The folder of the scheduler's container, once a file is in it."""
    async with asyncio.timeout(deadline):
        while True:
            for number in of_cluster(name, workers=False):
                folder = Path(f"/proc/{number}/cwd")
                try:
                    if (folder / file).stat().st_size:
                        return folder.resolve()
                except OSError:
                    continue
            await asyncio.sleep(0.1)
