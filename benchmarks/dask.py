"""Dask clusters of dask-gateway: `.venv/bin/python benchmarks/dask.py`.

Starts a cluster, and measures three servers in turn, each with dask-gateway's version in `uv.lock`:

- dask-gateway's own backend for YARN with skein 0.8.2;
- the same with yarnhub's `skein`;
- yarnhub's backend.

In each round, each starts two Dask clusters, one after the other: one whose workers have a nanny,
as is the default, and one without. Measured are `new_cluster()` until the client has an answer of
the scheduler, `scale(20)` until 20 workers are connected, and what the server has held of memory at
most, with the JVM of skein 0.8.2. Containers run the Python of this environment by its path, so
that none has to unpack an archive.

Prints medians with their ranges. One cluster that fails ends it with an error.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dask_servers import OURS, UPSTREAM, Client, install_upstream, memory, server
from submit import Contender, pause, report

from unmanaged import AM_SHARE, ASYNCHRONOUS
from yarnhub.cluster import ClusterOptions, HadoopCluster
from yarnhub.cluster.processes.process import marked_processes

if TYPE_CHECKING:
    from integrations.dask_gateway.server import DaskGatewayServer

PARTS = {"nanny": True, "no-nanny": False}
"""What is measured, and whether the workers have a nanny."""
PATIENCE = 60.0
"""Seconds for the processes of a cluster to end."""


def main() -> None:
    """Start a cluster, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--workers", type=int, default=20, help="of each Dask cluster")
    parser.add_argument(
        "--asynchronous",
        action="store_true",
        help="with a scheduler that does not wait for a node's heartbeat, each second, to allocate",
    )
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    chosen = parser.parse_args()
    before = os.getloadavg()[0]
    report(asyncio.run(run(chosen)))
    print(f"load before: {before:.1f}, after: {os.getloadavg()[0]:.1f}, on {os.cpu_count()} cores")


async def run(chosen: argparse.Namespace) -> list[Contender]:
    """Measure on a cluster of its own, large enough on paper."""
    scheduler = {AM_SHARE: "1.0", ASYNCHRONOUS: str(chosen.asynchronous).lower()}
    options = ClusterOptions(
        node_memory=(chosen.workers + 4) * 1024,
        node_vcores=chosen.workers + 4,
        site={"capacity-scheduler.xml": scheduler},
    )
    names = ("upstream, skein 0.8.2", "upstream, yarnhub's skein", "yarnhub")
    contenders = [Contender(name, Path(), ()) for name in names]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        python = install_upstream(folder / "peer")
        async with HadoopCluster(options) as cluster:
            theirs = server(folder / "theirs", cluster, UPSTREAM, python)
            mixed = server(folder / "mixed", cluster, UPSTREAM)
            ours = server(folder / "ours", cluster, OURS)
            async with theirs, mixed, ours:
                with Client() as client:
                    for round_ in range(chosen.rounds + 1):  # the first warms up
                        for each, contender in zip((theirs, mixed, ours), contenders, strict=True):
                            await lives(cluster, client, each, contender, chosen)
                            if not round_:
                                contender.figures.clear()
                        print(f"round {round_} of {chosen.rounds}", file=sys.stderr, flush=True)
    return contenders


async def lives(
    cluster: HadoopCluster,
    client: Client,
    server: DaskGatewayServer,
    contender: Contender,
    chosen: argparse.Namespace,
) -> None:
    """The Dask clusters of one round, and the memory of their server."""
    for part in chosen.parts:
        idle = set(marked_processes(cluster.state))
        await asyncio.to_thread(pause)
        started, scaled = await asyncio.to_thread(
            client.life, server, nanny=PARTS[part], workers=chosen.workers
        )
        seconds = f"{started:.1f} s, {scaled:.1f} s"
        print(f"{contender.name}, {part}: {seconds}", file=sys.stderr, flush=True)
        contender.note("new_cluster() to answer, s", started)
        contender.note(f"scale({chosen.workers}), {part}, s", scaled)
        async with asyncio.timeout(PATIENCE):
            while not set(marked_processes(cluster.state)) <= idle:
                await asyncio.sleep(0.2)
        await asyncio.sleep(2)  # until its application has ended
    held = memory(server)
    contender.note("server, peak, MiB", held.server)
    contender.note("server and proxy, peak, MiB", held.server + held.proxy)


if __name__ == "__main__":
    main()
