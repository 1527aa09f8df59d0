"""The platform's pages and API with many viewers: `.venv/bin/python benchmarks/pages.py`.

Without a cluster: the ResourceManager is the tests' fake one, with 10 000 applications and 1 000
nodes; 35 applications end and as many start every 1.5 seconds. The service is a process of its own
with real HTTP. Viewers have a page with the list open and read its stream; clients load pages and
documents one after the other. The fake ResourceManager works in the process of the service, and
blocks it every 1.5 seconds, so that the high percentiles are more than those of a real one.
Milliseconds until a response is complete: median, 95th percentile
and longest; the service's processor time and memory.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE)]

from applications import cluster, work  # noqa: E402

from server.platform.serving import platform  # noqa: E402
from yarnhub.server.listening import bind  # noqa: E402
from yarnhub.server.platform.app import CALLS, STREAMS, serving  # noqa: E402
from yarnhub.server.platform.service import Slots  # noqa: E402
from yarnhub.watch.visibility import NO_ONE  # noqa: E402
from yarnhub.yarn.records.cluster import NodeReport, NodeState, QueueInfo  # noqa: E402
from yarnhub.yarn.records.ids import NodeId  # noqa: E402
from yarnhub.yarn.records.resources import Resource  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

PATHS = {
    "page: all applications": "/applications",
    "page: the 100th page": "/applications?page=100",
    "page: a search": "/applications?text=user{n}",
    "page: one application": "/applications/{id}",
    "page: the cluster": "/cluster",
    "API: 50 applications": "/api/v1/applications",
    "API: 500 applications": "/api/v1/applications?limit=500",
    "API: 1000 nodes": "/api/v1/nodes?limit=1000",
}
INTERVAL = 1.5
PAGE = 1 << 12


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--applications", type=int, default=10_000)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between pages")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments) if arguments.serve else run(arguments))


# --- the service


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until the standard input ends, after a line with the address and the logins."""
    yarn = cluster(arguments.applications)
    yarn.nodes = [node(number) for number in range(arguments.nodes)]
    leaves = tuple(QueueInfo(queue_name=f"department{n}", capacity=0.1) for n in range(7))
    yarn.root = QueueInfo(queue_name="root", queue_path="root", child_queues=leaves)
    (listening,) = bind("127.0.0.1", 0, is_private=False)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}/hub"
    with tempfile.TemporaryDirectory() as folder:
        opened = platform(Path(folder), NO_ONE, yarn=yarn, interval=INTERVAL, fresh=30)
        async with opened as served, serving(served.app, [listening], None):
            service = served.service
            service.streams, service.calls = Slots("streams", *STREAMS), Slots("calls", *CALLS)
            served.hub.users |= {f"t{n}": f"user{n}" for n in range(40)}
            logins = [service.sessions.open(f"user{n}", f"t{n}").id for n in range(40)]
            await served.seen()
            print(address, *logins, flush=True)
            with contextlib.suppress(asyncio.CancelledError):
                while True:
                    await asyncio.sleep(INTERVAL)
                    work(yarn)


def node(number: int) -> NodeReport:
    """A node of the cluster."""
    return NodeReport(
        node_id=NodeId(host=f"worker{number}.example.com", port=8041),
        node_state=NodeState.RUNNING,
        used=Resource(memory=4096, virtual_cores=2),
        capability=Resource(memory=131_072, virtual_cores=32),
        num_containers=2,
        rack_name="/default-rack",
    )


# --- its users


async def run(arguments: argparse.Namespace) -> None:
    """Start the service, then viewers and clients."""
    command = [sys.executable, __file__, "--serve", "--nodes", str(arguments.nodes)]
    command += ["--applications", str(arguments.applications)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        address, *logins = (await process.stdout.readline()).decode().split()
        await measure(arguments, process.pid, address, logins)
    finally:
        process.kill()
        await process.wait()


async def measure(arguments: argparse.Namespace, pid: int, address: str, logins: list[str]) -> None:
    """Use the service for some time, and print what it took."""
    events: list[int] = []
    times: dict[str, list[float]] = {name: [] for name in PATHS}
    loads = itertools.cycle(PATHS.items())
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(view(address, logins[n % len(logins)], events))
            for n in range(arguments.viewers)
        ]
        await asyncio.sleep(5)
        memory, cpu, began = resident(pid), processor(pid), time.monotonic()
        events.clear()
        tasks += [
            group.create_task(load(address, n, logins[n], loads, times, arguments.pause))
            for n in range(arguments.clients)
        ]
        await asyncio.sleep(arguments.seconds)
        for each in tasks:
            each.cancel()
    lasted = time.monotonic() - began
    print(f"{arguments.applications} applications, {arguments.nodes} nodes, ", end="")
    print(f"{arguments.viewers} viewers, {arguments.clients} clients, {lasted:.0f} s\n")
    print(f"{'milliseconds':<26}{'number':>8}{'median':>8}{'p95':>8}{'longest':>9}")
    for name, seconds in times.items():
        print(row(name, seconds))
    print(row("all", [each for found in times.values() for each in found]))
    print(f"\nevents to viewers: {len(events)}, {sum(events) / max(1, len(events)):.0f} bytes each")
    print(f"processor: {100 * (processor(pid) - cpu) / lasted:.0f} % of a core")
    print(f"memory: {memory:.0f} MiB before, {resident(pid):.0f} MiB after")


async def view(address: str, login: str, events: list[int]) -> None:
    """Read the stream of a page of the list."""
    cookies = {"yarnhub-platform": login}
    async with httpx.AsyncClient(cookies=cookies, timeout=None, trust_env=False) as http:
        url = f"{address}/applications/changes?since=0"
        async with http.stream("GET", url) as stream:
            stream.raise_for_status()
            async for part in stream.aiter_bytes():
                events.append(len(part))  # noqa: PERF401  # counted while it comes


async def load(
    address: str,
    number: int,
    login: str,
    loads: Iterator[tuple[str, str]],
    times: dict[str, list[float]],
    pause: float,
) -> None:
    """Load pages and documents, one after the other."""
    cookies, token = {"yarnhub-platform": login}, {"Authorization": f"Bearer t{number}"}
    async with httpx.AsyncClient(cookies=cookies, timeout=60, trust_env=False) as http:
        listed = await http.get(f"{address}/api/v1/applications?user=user{number}", headers=token)
        mine = listed.json()["applications"][0]["id"]
        for name, path in loads:
            url = address + path.format(n=number, id=mine)
            began = time.monotonic()
            answer = await http.get(url, headers=token if "/api/" in path else {})
            times[name].append(time.monotonic() - began)
            answer.raise_for_status()
            await asyncio.sleep(pause)


def row(name: str, seconds: list[float]) -> str:
    """A line of the result."""
    if len(seconds) < 2:  # for percentiles
        return f"{name:<26}{len(seconds):>8}"
    p95 = statistics.quantiles(seconds, n=20)[-1]
    figures = (statistics.median(seconds), p95, max(seconds))
    return f"{name:<26}{len(seconds):>8}" + "".join(f"{1000 * each:>8.1f}" for each in figures)


def processor(pid: int) -> float:
    """Seconds of processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def resident(pid: int) -> float:
    """MiB of memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 2**20


if __name__ == "__main__":
    main()
