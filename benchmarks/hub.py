"""JupyterHub with many servers: `.venv/bin/python benchmarks/hub.py`.

Starts a cluster, a JupyterHub and its proxy (`./demo` installs that), and measures

- the start of one server side by side with the engine of yarnspawner 0.4, which cannot run on
  this JupyterHub: from the request to the hub until the server is ready here, and from the submit
  call of skein 0.8.2 to the first line of the container's script there, in turn;
- 200 users who start their servers at once, with a light stand-in for jupyterhub-singleuser, and
  watch the progress as a browser would: the hub takes as many at a time as
  `c.JupyterHub.concurrent_spawn_limit` allows by default, and tells the others when to ask again;
- the hub killed under those servers and started again, and the end of them all.

Prints medians with their ranges. One server that fails ends it with an error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from processes import cpu, peak
from submit import Contender, install_peer, report

from unmanaged import AM_SHARE, submit_peer
from yarnhub.cluster import ClusterOptions, HadoopCluster

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent / "tests"
sys.path.insert(0, str(TESTS))
from hub.hub import Hub  # noqa: E402  # that of the tests; this file is __main__

if TYPE_CHECKING:
    from collections.abc import Iterable

ONE = "start of one server, s"
FIRST = "user-000"
"""Who starts one server at a time."""
CONFIG = f"""\
c.JupyterHub.spawner_class = "yarnspawner.YarnSpawner"
c.YarnSpawner.cmd = "{sys.executable} {TESTS / "hub" / "stand_in.py"}"
c.YarnSpawner.cluster_user = lambda spawner: "alice"
c.YarnSpawner.mem_limit = "128 M"
"""
PAGE = 1.0
"""Seconds after which the hub shows a browser the page with the progress."""
LIMIT = 300.0
"""Seconds for all to be started, found again or ended."""


@dataclass(frozen=True)
class Spawn:
    """One user's start of a server.

    Attributes:
        waited: Seconds from the first request until it was ready.
        started: Seconds from the request that the hub took until it was ready.
        refused: How often the hub told the user to ask again later.
    """

    waited: float
    started: float
    refused: int


class Noted(Contender):
    """Says what was measured at once, too."""

    def note(self, what: str, value: float) -> None:
        """Keep one figure."""
        super().note(what, value)
        print(f"{what}: {value:.2f}", file=sys.stderr, flush=True)


def main() -> None:
    """Start all, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--users", type=int, default=200)
    chosen = parser.parse_args()
    before = os.getloadavg()[0]
    report(asyncio.run(run(chosen.rounds, chosen.users)))
    print(
        f"\nload before: {before:.1f}, after: {os.getloadavg()[0]:.1f}, on {os.cpu_count()} cores"
    )


async def run(rounds: int, count: int) -> list[Contender]:
    """Measure on a cluster of its own, large enough on paper."""
    options = ClusterOptions(
        node_memory=1 << 17,
        node_vcores=1 << 13,
        site={"capacity-scheduler.xml": {AM_SHARE: "1.0"}},
    )
    users = [f"user-{number:03}" for number in range(count)]
    ours = Noted("yarnspawner", Path(sys.executable), ())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        async with HadoopCluster(options) as cluster:
            environment = {**os.environ, **cluster.env}
            with peer_of(folder, environment) as peer:
                hub = Hub(folder / "hub", environment, CONFIG, users=users)
                async with hub, client_of(hub) as client:
                    await one_at_a_time(hub, client, peer, ours, rounds)
                    await at_once(hub, client, users, ours)
                    await killed(hub, client, users, ours)
    return [peer, ours]


@contextlib.contextmanager
def peer_of(folder: Path, environment: dict[str, str]):
    """The engine of yarnspawner 0.4, with a client that runs already."""
    peer = Contender("skein 0.8.2", install_peer(folder / "peer"), ())
    peer.env = {**environment, "SKEIN_CONFIG": str(folder / "config")}
    peer.worker = subprocess.Popen(
        [peer.python, HERE / "submit_worker.py"],
        env=peer.env,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with peer.worker:
        yield peer
        peer.worker.stdin.close()


def client_of(hub: Hub) -> httpx.AsyncClient:
    """As many connections as there are users."""
    limits = httpx.Limits(max_connections=None)
    api = hub.api
    return httpx.AsyncClient(
        base_url=api.base_url, headers=api.headers, timeout=LIMIT, limits=limits, trust_env=False
    )


async def one_at_a_time(
    hub: Hub, client: httpx.AsyncClient, peer: Contender, ours: Contender, rounds: int
) -> None:
    """One server here, one submission there, in turn."""
    for round_ in range(rounds + 1):  # the first warms up
        await asyncio.to_thread(submit_peer, peer, hub.folder)
        spawn = await start_server(client, FIRST)
        await hub.stop_server(FIRST)
        if round_:
            ours.note(ONE, spawn.waited)
    (theirs,) = peer.figures.values()
    peer.figures = {ONE: theirs[1:]}


async def at_once(hub: Hub, client: httpx.AsyncClient, users: list[str], ours: Contender) -> None:
    """All users start their servers at the same moment."""
    called, used = time.monotonic(), cpu(hub.pid)
    async with asyncio.timeout(LIMIT), asyncio.TaskGroup() as group:
        tasks = [group.create_task(start_server(client, user)) for user in users]
    total = time.monotonic() - called
    spawns = [task.result() for task in tasks]
    what = f"{len(users)} at once"
    ours.note(f"{what}: all ready, s", total)
    ours.note(f"{what}: told to ask again", sum(bool(each.refused) for each in spawns))
    for name, seconds in (
        ("request to ready", [each.waited for each in spawns]),
        ("as taken to ready", [each.started for each in spawns]),
    ):
        half, most = quantiles(seconds)
        ours.note(f"{what}: {name}, p50, s", half)
        ours.note(f"{what}: {name}, p95, s", most)
    ours.note(f"{what}: hub's CPU, s", cpu(hub.pid) - used)
    ours.note(f"{what}: hub's peak memory, MiB", peak(hub.pid))


async def killed(hub: Hub, client: httpx.AsyncClient, users: list[str], ours: Contender) -> None:
    """The hub is killed and started again; its servers run on, and end when they are told to."""
    before = await applications(client)
    assert len(before) == len(users), f"{len(before)} servers of {len(users)}"
    await hub.kill()
    called = time.monotonic()
    await hub.start()
    ours.note("killed: hub answers again, s", time.monotonic() - called)
    async with asyncio.timeout(LIMIT):
        while await applications(client) != before:
            await asyncio.sleep(0.1)
    ours.note("killed: all taken over, s", time.monotonic() - called)
    assert "nobody says how" not in hub.log.read_text(), hub.tail()  # it would be taken as running
    ours.note("killed: hub's CPU, s", cpu(hub.pid))
    ours.note("killed: hub's peak memory, MiB", peak(hub.pid))
    orphans = await client.get("/yarnspawner/orphans")
    assert orphans.json() == [], orphans.text
    for user in users:
        answer = await client.get(f"{hub.url}/user/{user}/api")
        assert "X-JupyterHub-Version" in answer.headers, f"{user}: {answer}"
    called = time.monotonic()
    async with asyncio.timeout(LIMIT), asyncio.TaskGroup() as group:
        for user in users:
            group.create_task(hub.stop_server(user))
    ours.note(f"end of all {len(users)}, s", time.monotonic() - called)
    assert not await applications(client)


async def start_server(client: httpx.AsyncClient, user: str) -> Spawn:
    """Ask for a server as often as the hub wants, and watch it start."""
    first = time.monotonic()
    refused = 0
    while True:
        taken = time.monotonic()
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(client.post(f"/users/{user}/server"))
            done, _ = await asyncio.wait({asked}, timeout=PAGE)
            ready = not done and await watch(client, user)
        answer = asked.result()
        if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
            break
        refused += 1
        await asyncio.sleep(int(answer.headers["Retry-After"]))
    answer.raise_for_status()
    if not ready and answer.status_code == httpx.codes.ACCEPTED:
        ready = await watch(client, user)
    assert ready or answer.status_code == httpx.codes.CREATED, f"{user}: {answer}"
    return Spawn((now := time.monotonic()) - first, now - taken, refused)


async def watch(client: httpx.AsyncClient, user: str) -> bool:
    """Read the progress to its end; False if the hub does not start the server yet."""
    async with client.stream("GET", f"/users/{user}/server/progress") as stream:
        if stream.is_error:
            return False
        async for line in stream.aiter_lines():
            if line.startswith("data:"):
                event = json.loads(line.removeprefix("data:"))
                assert not event.get("failed"), f"{user}: {event['message']}"
                if event.get("ready"):
                    return True
    return False


async def applications(client: httpx.AsyncClient) -> dict[str, str]:
    """The applications of the servers that are ready, by user."""
    answer = (
        await client.get("/users", params={"state": "ready", "limit": 200})
    ).raise_for_status()
    return {
        user["name"]: server["state"]["application_id"]
        for user in answer.json()
        for server in user["servers"].values()
        if server["ready"]
    }


def quantiles(seconds: Iterable[float]) -> tuple[float, float]:
    """What half of them, and what 95 % of them stay below."""
    parts = statistics.quantiles(seconds, n=20)
    return parts[9], parts[18]


if __name__ == "__main__":
    main()
