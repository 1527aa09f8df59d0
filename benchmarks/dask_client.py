"""A user of dask-gateway: starts clusters as asked on stdin, and tells on stdout how long it took.

Run it with `python -P`: in this folder, `dask` is a benchmark.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from dask_gateway import Gateway
from dask_gateway.auth import BasicAuth

PATIENCE = 600.0
"""Seconds for whatever is awaited."""


def main() -> None:
    """Answer each line, the arguments of `life`, with its result."""
    for line in sys.stdin:
        print(json.dumps(asyncio.run(life(*json.loads(line)))), flush=True)


async def life(
    address: str, proxy_address: str, options: dict[str, object], workers: int
) -> tuple[float, float]:
    """One cluster from its start to its end.

    Args:
        address: The server's.
        proxy_address: Its proxy's, for schedulers.
        options: The cluster's.
        workers: How many it is scaled to.

    Returns:
        Seconds until its scheduler has computed something for the client, and from there until all
        workers are connected.
    """
    user = BasicAuth("alice")
    async with Gateway(
        address, proxy_address=proxy_address, auth=user, asynchronous=True
    ) as gateway:
        called = time.perf_counter()
        async with (
            gateway.new_cluster(**options) as cluster,
            cluster.get_client() as client,
        ):
            assert await client.run_on_scheduler(abs, -1) == 1
            answered = time.perf_counter()
            await cluster.scale(workers)
            await client.wait_for_workers(workers, timeout=PATIENCE)
            connected = time.perf_counter()
        async with asyncio.timeout(PATIENCE):
            while await gateway.list_clusters():
                await asyncio.sleep(0.1)
    return answered - called, connected - answered


if __name__ == "__main__":
    main()
