"""The hub beside a container that does its worst: `.venv/bin/python benchmarks/hostile.py`.

Starts a cluster and a JupyterHub with two servers. Then alice's container does all that
`tests/faults/hostile.py` knows against the process that runs its ApplicationMaster, which is the
hub. Prints how long the hub's health page takes before and meanwhile (median, 99 % and the longest,
in ms) and how much memory the hub takes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import statistics
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent / "tests"
sys.path.insert(0, str(TESTS))

from hub.hub import Hub  # noqa: E402  # that of the tests
from yarnhub.cluster import HadoopCluster  # noqa: E402

CONFIG = """
c.JupyterHub.spawner_class = "yarnspawner.YarnSpawner"
c.YarnSpawner.cmd = [{stand_in!r}]
c.YarnSpawner.mem_limit = "1 G"
c.YarnSpawner.grace_period = 1
c.YarnSpawner.prologue = {prologue!r}
"""


def main() -> None:
    """Start all of it, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, help="how long the container does so")
    asyncio.run(run(parser.parse_args().seconds))


async def run(seconds: int) -> None:
    """Measure on a cluster of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        begin, done = Path(scratch) / "begin", Path(scratch) / "done"
        hostile = shlex.join([sys.executable, str(TESTS / "faults" / "hostile.py"), str(seconds)])
        wait = f"until [ -e {begin} ]; do sleep 0.1; done"
        config = CONFIG.format(
            stand_in=shlex.join([sys.executable, str(TESTS / "hub" / "stand_in.py")]),
            prologue=f'if [ "$JUPYTERHUB_USER" = alice ]; then '
            f"({wait}; nice {hostile}; touch {done}) &\nfi",
        )
        async with HadoopCluster() as cluster, Hub(Path(scratch), cluster.env, config) as hub:
            for user in ("alice", "bob"):
                await started(hub, user)
            print(f"{'':>10} {'median, ms':>12} {'99 %, ms':>10} {'longest, ms':>12} {'MiB':>6}")
            until = time.monotonic() + seconds / 3
            await measure("quiet", hub, lambda: time.monotonic() >= until)
            begin.touch()
            await measure("hostile", hub, done.exists)


async def started(hub: Hub, user: str) -> None:
    """Start a user's server and wait until it is ready."""
    (await hub.api.post(f"/users/{user}/server")).raise_for_status()
    while not (await hub.api.get(f"/users/{user}")).json()["servers"].get("", {}).get("ready"):
        await asyncio.sleep(0.1)


async def measure(what: str, hub: Hub, over) -> None:
    """Ask for the health page until it is over, and print how that was."""
    took = []
    most = 0
    while not over():
        began = time.perf_counter()
        (await hub.api.get(f"{hub.direct_url}/hub/health")).raise_for_status()
        took.append(1000 * (time.perf_counter() - began))
        most = max(most, resident(hub.pid))
        await asyncio.sleep(0.02)
    found = statistics.quantiles(took, n=100)
    print(f"{what:>10} {found[49]:>12.1f} {found[98]:>10.1f} {max(took):>12.1f} {most >> 20:>6}")


def resident(pid: int) -> int:
    """Bytes of a process in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
