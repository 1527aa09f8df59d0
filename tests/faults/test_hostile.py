"""A user who turns her container against the hub that runs its ApplicationMaster."""

from __future__ import annotations

import asyncio
import shlex
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from faults.guests import CONFIG, Guests
from hub.hub import Hub

if TYPE_CHECKING:
    from yarnhub.client.access.settings import Settings
    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

HOSTILE = Path(__file__).with_name("hostile.py")
SECONDS = 20


def turned_against_the_hub(done: Path, begin: Path) -> str:
    """Alice's container does its worst once `begin` is there, for some seconds; `done` follows."""
    program = shlex.join([sys.executable, str(HOSTILE), str(SECONDS)])
    wait = f"until [ -e {begin} ]; do sleep 0.1; done"
    work = f"({wait}; nice {program}; touch {done}) &"
    prologue = f'if [ "$JUPYTERHUB_USER" = alice ]; then {work}\nfi'
    return f'{CONFIG}\nc.YarnSpawner.mem_limit = "1 G"\nc.YarnSpawner.prologue = {prologue!r}\n'


async def test_the_hub_and_the_others_notice_nothing(
    fault_cluster: HadoopCluster, settings: Settings, tmp_path: Path
) -> None:
    begin, done = tmp_path / "begin", tmp_path / "done"
    config = turned_against_the_hub(done, begin)
    async with Hub(tmp_path / "hub", fault_cluster.env, config) as hub:
        guests = Guests(hub, settings)
        alice, bob = await guests.start("alice"), await guests.start("bob")
        await nothing_is_read_of_a_stranger(hub.direct_url)
        memory, log = resident(hub.pid), hub.log.stat().st_size
        begin.touch()
        took: list[float] = []
        while not done.exists():
            assert await guests.is_ready("alice"), hub.tail()
            began = time.perf_counter()
            answer = await hub.api.get(f"{hub.direct_url}/hub/health")
            took.append(time.perf_counter() - began)
            assert answer.is_success
            await asyncio.sleep(0.02)
        # `benchmarks/hostile.py` measures it; here, other work of the machine counts, too.
        assert len(took) > SECONDS
        assert statistics.quantiles(took, n=100, method="inclusive")[98] < 3
        assert resident(hub.pid) - memory < 150 << 20
        assert hub.log.stat().st_size - log < 1 << 20
        await guests.goes_on("bob", bob)
        await guests.goes_on("alice", alice)
        await guests.are_alone(2)

        # What she did is nothing that the next hub has to carry, either.
        await hub.kill()
        began = time.perf_counter()
        await hub.start()
        await guests.goes_on("alice", alice)
        assert time.perf_counter() - began < 90
        await hub.stop_server("alice")
        await guests.goes_on("bob", bob)
        await hub.stop_server("bob")


async def nothing_is_read_of_a_stranger(url: str) -> None:
    """Who shows no token is refused before a byte of what he sends is kept."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(b"POST /hub/api/yarnspawner HTTP/1.1\r\nHost: x\r\n")
    writer.write(b"Content-Type: application/json\r\nContent-Length: 90000000\r\n\r\n{")
    async with asyncio.timeout(60):
        answer = await reader.read(100)
    assert answer.startswith(b"HTTP/1.1 4"), answer
    writer.close()


def resident(pid: int) -> int:
    """Bytes of a process in memory."""
    found = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(found) * 4096
