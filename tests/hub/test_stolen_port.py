"""A port of alice's server that another user of the node would like to have."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from hub.hub import POLL, PROJECT, Hub
from hub.on_yarn import yarn_config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

# It gives its port up before it tells it, as a server would that looks for a free one.
CARELESS = """
import os, sys, time
from pathlib import Path
from yarnhub.integrations.jupyterhub.singleuser import prepare, report
folder = Path(sys.argv[1])
held = prepare(os.environ, Path.cwd())
held.close()
told = folder / "told"
told.write_text(str(held.number))
told.chmod(0o644)  # YARN's umask keeps others out
told.rename(folder / "port")
while not (folder / "taken").exists():
    time.sleep(0.01)
report(held.number, os.environ)
time.sleep(600)
"""


@pytest.fixture
def meeting_place() -> Iterator[Path]:
    """A folder that all users may write to."""
    folder = Path(tempfile.mkdtemp(prefix="yarnhub-thief-"))
    folder.chmod(0o1777)
    shutil.copy(PROJECT / "tests" / "hub" / "thief.py", folder)
    yield folder
    shutil.rmtree(folder)


@contextlib.asynccontextmanager
async def bob(folder: Path) -> AsyncIterator[None]:
    """Bob, at work while the block runs."""
    python = str(Path(sys.executable).resolve())  # one that others may run, too
    command = [python, str(folder / "thief.py"), str(folder), "127.0.0.1", "0.0.0.0"]
    thief = await asyncio.create_subprocess_exec(*command, user="bob", group="bob", cwd=folder)
    try:
        async with asyncio.timeout(60):
            while not (folder / "uid").exists():
                await asyncio.sleep(POLL)
        yield
    finally:
        (folder / "stop").touch()
        await thief.wait()


def noted(folder: Path, name: str) -> str:
    return (folder / name).read_text() if (folder / name).exists() else ""


async def last_said(hub: Hub) -> str:
    await hub.api.post("/users/alice/server")
    answer = await hub.api.get("/users/alice/server/progress", timeout=200)
    return answer.text.strip().rpartition("data: ")[2]


async def test_he_cannot_take_it_from_her(
    kerberos_cluster: HadoopCluster, shared_python: Path, meeting_place: Path, tmp_path: Path
) -> None:
    config = yarn_config(kerberos_cluster, shared_python)
    async with Hub(tmp_path / "hub", kerberos_cluster.env, config) as hub, bob(meeting_place):
        try:
            assert '"ready": true' in await last_said(hub), hub.tail()
            answer = await hub.api.get(f"{hub.url}/user/alice/api/status")
            assert answer.status_code == httpx.codes.OK
            async with asyncio.timeout(60):
                while not noted(meeting_place, "tried"):
                    await asyncio.sleep(POLL)
            assert not noted(meeting_place, "taken"), "as long as her server runs"
        finally:
            await hub.stop_server("alice")
    assert not noted(meeting_place, "received")


async def test_nobody_is_sent_to_him_if_she_gives_it_up(
    kerberos_cluster: HadoopCluster, shared_python: Path, meeting_place: Path, tmp_path: Path
) -> None:
    program = meeting_place / "careless.py"
    program.write_text(CARELESS)
    command = shlex.join([str(shared_python), str(program), str(meeting_place)])
    config = f"{yarn_config(kerberos_cluster, shared_python)}c.YarnSpawner.cmd = {command!r}\n"
    async with Hub(tmp_path / "hub", kerberos_cluster.env, config) as hub, bob(meeting_place):
        said = await last_said(hub)
        routes = (await hub.api.get("/proxy")).json()
    port = noted(meeting_place, "taken").strip()
    assert f"another program listens on port {port}" in said, hub.tail()
    assert not [each for each in routes if "alice" in each]
    received = noted(meeting_place, "received")
    assert received.startswith("/user/alice/api/yarnspawner?nonce=")
    assert not {"authorization:", "cookie:"} & set(received.lower().split())
