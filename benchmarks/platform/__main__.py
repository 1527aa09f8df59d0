"""The platform with many viewers on a large cluster: `.venv/bin/python benchmarks/platform`.

The cluster is a real one: a ResourceManager with 10 000 applications of 40 users in five queues,
most of which have ended, and 1000 nodes. One of them is a NodeManager; the others are simulated,
see `nodes.py`. Every 1.5 seconds, 35 applications end, and as many are submitted, see `users.py`.

`yarnhub platform` runs as a service of the tests' hub. Viewers have pages open and read the streams
of their changes, see `viewers.py`. Clients load pages and documents, one after the other, see
`clients.py`. Prints milliseconds until a response is complete: median, 95th percentile and longest.
`/health` needs nothing of the cluster, so it takes as long as the event loop is blocked.

Then a user downloads a log of 1 GB: from its node, and, when the application has ended, from HDFS.

All of it shares this machine's processors: `--pause` and `--change` say how much there is to do,
and a table who has used how much of them. This is a folder because a file `platform.py` would hide
Python's own module from the benchmarks beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import getpass
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

BENCHMARKS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(BENCHMARKS.parent / "tests"), str(BENCHMARKS)]

from big_log import USER, big_log  # noqa: E402
from clients import Clients  # noqa: E402
from part import Part  # noqa: E402
from processes import cpu, held, peak, reset_peak, waited  # noqa: E402
from served_hub import PREFIX, ServedHub  # noqa: E402

from hub.program import Program  # noqa: E402  # of the tests, as their hub
from yarnhub.base.tasks import task_group  # noqa: E402
from yarnhub.cluster import HadoopCluster  # noqa: E402
from yarnhub.cluster.daemon_names import RESOURCE_MANAGER  # noqa: E402
from yarnhub.cluster.ports import choose_ports  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Mapping

    from big_log import BigLog

USERS = 40
OPEN = 300
"""Applications that have not ended."""
WARM_UP = 10.0
"""Seconds for which clients load pages before anything is measured."""
PATIENCE = 300.0
"""Seconds for the platform to list all applications."""
SITE = {
    "core-site.xml": {f"hadoop.proxyuser.{getpass.getuser()}.users": "*"},
    "yarn-site.xml": {
        "yarn.resourcemanager.max-completed-applications": "20000",
        # Nobody sends heartbeats of ApplicationMasters, or starts their containers.
        "yarn.am.liveness-monitor.expiry-interval-ms": "3600000",
        "yarn.resourcemanager.rm.container-allocation.expiry-interval-ms": "3600000",
    },
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--applications", type=int, default=10_000)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between pages")
    parser.add_argument("--change", type=int, default=35, help="applications that end at once")
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--gigabytes", type=float, default=1.0, help="of the log")
    arguments = parser.parse_args()
    before = os.getloadavg()[0]
    asyncio.run(run(arguments))
    print(f"load before: {before:.1f}, after: {os.getloadavg()[0]:.1f}, on {os.cpu_count()} cores")


async def run(arguments: argparse.Namespace) -> None:
    """Set all of it up, then measure pages, then the log."""
    steps = Steps()
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = await enter(HadoopCluster(site=SITE))
        steps.end("the cluster")
        # Now, its containers can only be on the node that starts them.
        log = await enter(big_log(cluster.env, folder, arguments.gigabytes))
        steps.end("the log")
        version = cluster.options.hadoop
        nodes = await enter(Part("nodes", cluster.env, count=arguments.nodes - 1, version=version))
        steps.end("the nodes")
        users = await enter(
            Part(
                "users",
                cluster.env,
                users=USERS,
                applications=arguments.applications,
                open=OPEN,
                change=arguments.change,
            )
        )
        steps.end("the applications")
        hub, address = ServedHub(USERS), free_address()
        await enter(hub.served())
        service = platform(folder, {**cluster.env, **hub.variables(address)})
        stack.push_async_callback(service.stop)
        await service.start(PATIENCE)
        steps.end("the platform")
        print(f"set up in {steps}", flush=True)

        logins = {name: await hub.log_in(address, name) for name in hub.tokens}
        url = f"{address}{PREFIX}"
        clients = Clients(url, logins, hub.tokens)
        watching = Part("viewers", cluster.env, address=url, count=arguments.viewers, logins=logins)
        async with watching as viewers:
            processes = {
                "the platform": service.pid,
                "the ResourceManager": cluster.pids[RESOURCE_MANAGER],
                "simulated nodes": nodes.pid,
                "users": users.pid,
                "viewers": viewers.pid,
                "clients": os.getpid(),
            }
            await measure_pages(arguments, clients, processes)
            received = await viewers.end()
        size = received["size"] / max(1, received["events"])
        print(f"to viewers: {received['events']} parts of streams, {size:.0f} bytes each; ", end="")
        print(f"{received['ends']} streams have ended")
        changed = await users.end()
        print(f"applications that ended a second: {changed['ended_per_second']:.1f}\n")
        await measure_log(log, clients, service.pid)


class Steps:
    """How long the steps of something took."""

    def __init__(self) -> None:
        self._times = [time.monotonic()]
        self._names: list[str] = []

    def end(self, name: str) -> None:
        """Note that a step has ended, and that the next one begins."""
        self._names.append(name)
        self._times.append(time.monotonic())

    def __str__(self) -> str:
        pairs = zip(self._names, self._times, self._times[1:], strict=False)
        steps = ", ".join(f"{name} {end - begin:.0f}" for name, begin, end in pairs)
        return f"{self._times[-1] - self._times[0]:.0f} s: {steps}"


def free_address() -> str:
    """An address for the platform."""
    return f"http://127.0.0.1:{choose_ports(['platform'], {})['platform']}"


def platform(folder: Path, env: Mapping[str, str]) -> Program:
    """The service, with the variables of a hub; its database is in its folder."""
    command = [str(Path(sys.executable).parent / "yarnhub"), "platform"]
    url = f"{env['JUPYTERHUB_SERVICE_URL']}{PREFIX}/health"
    return Program(folder / "platform", command, env, url)


async def measure_pages(
    arguments: argparse.Namespace, clients: Clients, processes: Mapping[str, int]
) -> None:
    """Load pages for some time, and print how long each took, and what that has cost."""
    pid = processes["the platform"]
    async with task_group() as group:
        users = [f"user{n}" for n in range(arguments.clients)]
        tasks = [group.create_task(clients.load(each, arguments.pause)) for each in users]
        tasks.append(group.create_task(clients.check_health()))
        await asyncio.sleep(WARM_UP)
        clients.forget()
        reset_peak(pid)
        began, memory, waiting = time.monotonic(), held([pid], "Rss"), waited(pid)
        used = {name: cpu(each) for name, each in processes.items()}
        await asyncio.sleep(arguments.seconds)
        lasted = time.monotonic() - began
        used = {name: cpu(each) - used[name] for name, each in processes.items()}
        waiting, after = waited(pid) - waiting, held([pid], "Rss")
        for each in tasks:
            each.cancel()
    print(f"{arguments.applications} applications, {arguments.nodes} nodes, ", end="")
    print(f"{arguments.viewers} viewers, {arguments.clients} clients, {lasted:.0f} s\n")
    print(f"{'milliseconds':<26}{'number':>8}{'median':>8}{'p95':>8}{'longest':>9}")
    for name, seconds in clients.times.items():
        print(row(name, seconds))
    print(f"\nmemory of the platform: {memory:.0f} MiB before, {after:.0f} after, ", end="")
    print(f"{peak(pid):.0f} at most")
    print("% of a core: ", end="")
    print(", ".join(f"{name} {100 * each / lasted:.0f}" for name, each in used.items()))
    print(f"the platform waited for a core in {100 * waiting / lasted:.0f} % of the time")


def row(name: str, seconds: list[float]) -> str:
    """A line of the table."""
    if len(seconds) < 2:  # for percentiles
        return f"{name:<26}{len(seconds):>8}"
    p95 = statistics.quantiles(seconds, n=20)[-1]
    figures = (statistics.median(seconds), p95, max(seconds))
    return f"{name:<26}{len(seconds):>8}" + "".join(f"{1000 * each:>8.1f}" for each in figures)


async def measure_log(log: BigLog, clients: Clients, pid: int) -> None:
    """Download the log from its node and from HDFS, and print how fast that was."""
    print(f"{'a log of ' + f'{log.size / 1e9:g} GB':<26}", end="")
    print(f"{'first byte, ms':>16}{'MB/s':>8}{'MiB before':>12}{'at most':>9}")
    async with clients.api(USER) as api:
        for name, is_live in (("from its node", True), ("from HDFS", False)):
            if not is_live:
                log.finish()
            path = await log.path(is_live=is_live)
            reset_peak(pid)
            memory = held([pid], "Rss")
            found = await log.download(api, path)
            speed = log.size / 1e6 / found.seconds
            print(f"{name:<26}{1000 * found.first_byte:>16.0f}{speed:>8.0f}", end="")
            print(f"{memory:>12.0f}{peak(pid):>9.0f}", flush=True)


if __name__ == "__main__":
    main()
