"""Kernels in containers: `.venv/bin/python benchmarks/kernels.py`.

Starts a cluster, and measures

- `gateway`: kernels of `yarnhub gateway` side by side with those of Enterprise Gateway 3.3, in
  turn: from the request for one until its first cell has run, a restart until the next cell has
  run, and the shutdown until the server has forgotten it;
- `asynchronous`: the same on a cluster whose scheduler does not wait for a node's heartbeat, each
  second, to allocate a container (`yarn.scheduler.capacity.schedule-asynchronously.enable`);
- `crowd`: 30 kernels of `yarnhub gateway` that are asked for at the same moment;
- `relay`: a kernel in a container side by side with a local one of the same Jupyter server, in
  turn: the round trip of a cell, and 100 MB of output;
- `held`: `yarnhub gateway` with 100 kernels, while the ResourceManager takes 0.3 s for each
  answer: its share of a core, its memory, and the list of the kernels.

Prints medians with their ranges. One kernel that fails ends it with an error.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from kernel_servers import (
    Connection,
    Server,
    enterprise_gateway,
    environment,
    install_peer,
    jupyter_server,
    peer_kernelspec,
    write_kernelspec,
    yarnhub_gateway,
)
from processes import cpu, peak
from slow_resource_manager import slow_resource_manager
from submit import Contender, pause, report

from unmanaged import AM_SHARE, ASYNCHRONOUS
from yarnhub.cluster import ClusterOptions, HadoopCluster

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Part = Callable[[HadoopCluster, Path, "Chosen"], Coroutine[None, None, list[Contender]]]
    Chosen = argparse.Namespace

DELAY = 0.3
"""Seconds that the slow ResourceManager takes for an answer."""
IDLE = 60.0
"""Seconds over which idle kernels are measured."""
EXECUTIONS = 50
"""Cells per round trip: their median is one round's."""
DISPLAY = "from IPython.display import display; display({'text/plain': 'x' * 10**8}, raw=True)"
STREAM = "for _ in range(1000): print('x' * 10**5)"


def main() -> None:
    """Start a cluster, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--crowd", type=int, default=30, help="kernels at the same moment")
    parser.add_argument("--held", type=int, default=100, help="kernels that are held")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    chosen = parser.parse_args()
    asyncio.run(run(chosen))


async def run(chosen: Chosen) -> None:
    """Measure on clusters of its own, large enough on paper."""
    for at_heartbeats in (True, False):
        parts = [part for part in chosen.parts if (part != "asynchronous") is at_heartbeats]
        if parts:
            await measure(parts, chosen, at_heartbeats=at_heartbeats)


async def measure(parts: list[str], chosen: Chosen, *, at_heartbeats: bool) -> None:
    """Measure some parts.

    Args:
        parts: Their names.
        chosen: The options.
        at_heartbeats: Whether the scheduler allocates containers at nodes' heartbeats only.
    """
    scheduler = {AM_SHARE: "1.0", ASYNCHRONOUS: str(not at_heartbeats).lower()}
    options = ClusterOptions(
        node_memory=1 << 18,  # MiB: each of 100 kernels asks for 2 GiB
        node_vcores=1 << 13,
        site={"capacity-scheduler.xml": scheduler},
    )
    with tempfile.TemporaryDirectory() as scratch:
        async with HadoopCluster(options) as cluster:
            for part in parts:
                before = os.getloadavg()[0]
                report(await PARTS[part](cluster, Path(scratch), chosen))
                print(
                    f"load before: {before:.1f}, after: {os.getloadavg()[0]:.1f}, "
                    f"on {os.cpu_count()} cores",
                    flush=True,
                )


async def gateway(cluster: HadoopCluster, folder: Path, chosen: Chosen) -> list[Contender]:
    """One kernel after the other, the two gateways in turn; the first of each does not count."""
    python, launcher = install_peer(folder / "peer")
    env = environment(cluster.env)
    contenders = [Contender(name, Path(), ()) for name in ("Enterprise Gateway", "yarnhub")]
    kernels = folder / "eg-kernels"
    write_kernelspec(kernels, peer_kernelspec(folder / "eg" / "skein", python, launcher, env))
    async with (
        enterprise_gateway(folder / "eg", python, kernels, env, cluster.rm_web_url) as theirs,
        yarnhub_gateway(folder / "ours", env) as ours,
    ):
        for round_ in range(chosen.rounds + 1):
            for server, contender in zip((theirs, ours), contenders, strict=True):
                await life(server, contender if round_ else Contender("", Path(), ()))
            progress(f"round {round_} of {chosen.rounds}")
    return contenders


async def life(server: Server, contender: Contender) -> None:
    """One kernel from its start to its end."""
    await asyncio.to_thread(pause)
    called = time.monotonic()
    kernel = await server.start()
    await reply(server, kernel)
    contender.note("start to first reply, s", time.monotonic() - called)
    called = time.monotonic()
    await server.restart(kernel)
    await reply(server, kernel)
    contender.note("restart to first reply, s", time.monotonic() - called)
    called = time.monotonic()
    await server.stop(kernel)
    contender.note("shutdown, s", time.monotonic() - called)
    await asyncio.sleep(2)  # until its application has ended


async def reply(server: Server, kernel: str) -> None:
    """Run a cell in a kernel that has run none."""
    async with server.connected(kernel) as connection:
        found = await connection.execute("new = 'x' not in globals(); x = 1; new")
        assert found == "True", found


async def crowd(cluster: HadoopCluster, folder: Path, chosen: Chosen) -> list[Contender]:
    """Many kernels at once."""
    contender = Contender("yarnhub", Path(), ())
    async with yarnhub_gateway(folder / "crowd", environment(cluster.env)) as server:
        called = time.monotonic()
        kernels = await started(server, chosen.crowd)
        what = f"{chosen.crowd} at once"
        contender.note(f"{what}: last reply, s", time.monotonic() - called)
        called = time.monotonic()
        await stopped(server, kernels)
        contender.note(f"{what}: all shut down, s", time.monotonic() - called)
    return [Contender("", Path(), ()), contender]


async def started(server: Server, count: int) -> list[str]:
    """Kernels that have all run a cell; none fails."""

    async def one() -> str:
        kernel = await server.start()
        await reply(server, kernel)
        return kernel

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one()) for _ in range(count)]
    return [task.result() for task in tasks]


async def stopped(server: Server, kernels: list[str]) -> None:
    """Shut all down."""
    async with asyncio.TaskGroup() as group:
        for kernel in kernels:
            group.create_task(server.stop(kernel))


async def relay(cluster: HadoopCluster, folder: Path, chosen: Chosen) -> list[Contender]:
    """What comes out of a kernel, local and in a container, in turn."""
    contenders = [Contender(name, Path(), ()) for name in ("local", "cluster")]
    async with jupyter_server(folder / "relay", environment(cluster.env)) as server:
        kernels = [await server.start(each.name) for each in contenders]
        async with (
            server.connected(kernels[0]) as local,
            server.connected(kernels[1]) as remote,
        ):
            for round_ in range(chosen.rounds + 1):
                for connection, contender in zip((local, remote), contenders, strict=True):
                    await speak(connection, contender if round_ else Contender("", Path(), ()))
                progress(f"round {round_} of {chosen.rounds}")
        await stopped(server, kernels)
    return contenders


async def speak(connection: Connection, contender: Contender) -> None:
    """Short cells, and 100 MB each of the two kinds of output."""
    trips = []
    for _ in range(EXECUTIONS):
        called = time.perf_counter()
        await connection.execute("1")
        trips.append(time.perf_counter() - called)
    contender.note("round trip of a cell, ms", 1000 * statistics.median(trips))
    for what, code in (("display data", DISPLAY), ("stdout", STREAM)):
        called = time.perf_counter()
        await connection.execute(code)
        contender.note(f"100 MB of {what}, s", time.perf_counter() - called)


async def held(cluster: HadoopCluster, folder: Path, chosen: Chosen) -> list[Contender]:
    """Idle kernels, and somebody who lists them ten times a second."""
    contender = Contender("yarnhub", Path(), ())
    async with (
        slow_resource_manager(environment(cluster.env), folder, DELAY) as env,
        yarnhub_gateway(folder / "held", env) as server,
    ):
        contender.note("before the first, MiB", peak(server.process.pid))
        called = time.monotonic()
        kernels: list[str] = []
        for _ in range(0, chosen.held, 10):
            kernels += await started(server, min(10, chosen.held - len(kernels)))
            progress(f"{len(kernels)} kernels")
        what = f"{chosen.held} held"
        contender.note(f"{what}: all ready, s", time.monotonic() - called)
        used, called = cpu(server.process.pid), time.monotonic()
        await asyncio.sleep(IDLE)
        share = (cpu(server.process.pid) - used) / (time.monotonic() - called)
        contender.note(f"{what}: idle, % of a core", 100 * share)
        contender.note(f"{what}: peak memory, MiB", peak(server.process.pid))
        lists = sorted([await listed(server, chosen.held) for _ in range(200)])
        contender.note(f"{what}: GET /api/kernels, p50, ms", statistics.median(lists))
        contender.note(f"{what}: GET /api/kernels, p95, ms", statistics.quantiles(lists, n=20)[18])
        await stopped(server, kernels)
    return [Contender("", Path(), ()), contender]


async def listed(server: Server, count: int) -> float:
    """Milliseconds that the list of all kernels takes."""
    await asyncio.sleep(0.1)
    called = time.perf_counter()
    answer = await server.http.get("api/kernels")
    taken = time.perf_counter() - called
    assert len(answer.json()) == count
    return 1000 * taken


def progress(what: str) -> None:
    """Say what has been done."""
    print(what, file=sys.stderr, flush=True)


PARTS: dict[str, Part] = {
    "gateway": gateway,
    "asynchronous": gateway,
    "crowd": crowd,
    "relay": relay,
    "held": held,
}

if __name__ == "__main__":
    main()
