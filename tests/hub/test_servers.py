"""Servers through the hub's own API: whose they are, where they run, and how they end."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import pytest_asyncio

from e2e.walk import eventually
from hub.hub import PROJECT, Hub
from yarnhub.base.units import MiB, VCores
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.integrations.jupyterhub.server_request import SERVICE
from yarnhub.sessions.tags import HubTags
from yarnhub.spec import ApplicationSpec, Resources, Service
from yarnhub.unmanaged.state_folder import StateFolder
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from yarnhub.cluster import HadoopCluster
    from yarnhub.yarn.records.applications import ApplicationReport

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="module")]

STAND_IN = shlex.join([sys.executable, str(PROJECT / "tests" / "hub" / "stand_in.py")])
CONFIG = f"""
from pathlib import Path

def keep_token(spawner):
    Path(f"token-{{spawner.name}}").write_text(spawner.api_token)

async def change(spawner, spec):
    from dataclasses import replace
    return replace(spec, name=f"server of {{spawner.user.name}}", tags={{"changed"}})

c.JupyterHub.spawner_class = "yarnspawner.YarnSpawner"
c.JupyterHub.cleanup_servers = False
c.JupyterHub.allow_named_servers = True
c.YarnSpawner.cmd = {STAND_IN!r}
c.YarnSpawner.mem_limit = "128 M"
c.YarnSpawner.grace_period = 1
c.YarnSpawner.pre_spawn_hook = keep_token
c.YarnSpawner.modify_application_hook = change
c.YarnSpawner.profile_list = [
    {{"display_name": "Good"}},
    {{"display_name": "Mute", "yarn_override": {{"cmd": ["sleep 600"]}}}},
    {{"display_name": "Stolen", "yarn_override": {{"cmd": ["{STAND_IN} bobs-token"]}}}},
    {{"display_name": "Broken", "yarn_override": {{"cmd": ["exit 3"]}}}},
    {{"display_name": "Alone", "yarn_override": {{"application_master": "cluster"}}}},
    {{"display_name": "Nowhere", "yarn_override": {{"queue": "pears"}}}},
]
"""
NOT_ENDED = tuple(state for state in YarnApplicationState if not state.ended)
PATIENCE = 60.0
"""Seconds within which everything here has happened."""


def is_running(pid: int) -> bool:
    """Whether there is such a process on this machine, as servers of the cluster are."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())  # that of a dead one is empty
    except OSError:
        return False


class Servers:
    """Alice's servers, as the hub and YARN see them.

    Args:
        hub: Hers.
        settings: Of the cluster.
        folder: The hub's own.
    """

    def __init__(self, hub: Hub, settings: Settings, folder: Path) -> None:
        self.hub = hub
        self.settings = settings
        self._folder = folder / "yarn-applications"

    @property
    def tags(self) -> HubTags:
        """Those of what the hub runs."""
        return HubTags(StateFolder(self._folder).secret(), SERVICE)

    async def start(self, name: str = "", profile: str = "good") -> dict[str, object]:
        """Start one; returns the last that its progress says."""
        request = {"user_options": {"profile": profile}}
        await self.hub.api.post(f"/users/alice/servers/{name}", json=request)
        return await self.last_progress(name)

    async def last_progress(self, name: str = "") -> dict[str, object]:
        """What is said last of one that is being started."""
        path = f"/users/alice/servers/{name}/progress"
        said: dict[str, object] = {}
        async with self.hub.api.stream("GET", path, timeout=PATIENCE) as events:
            async for line in events.aiter_lines():
                if line.startswith("data:"):
                    said = json.loads(line.removeprefix("data:"))
        return said

    async def ready(self) -> set[str]:
        """Names of those that are ready."""
        answer = (await self.hub.api.get("/users/alice")).json()
        return {name for name, server in answer["servers"].items() if server["ready"]}

    async def state(self, name: str = "") -> int:
        """The process of one, which answers through the proxy."""
        path = f"user/alice/{name}/state" if name else "user/alice/state"
        pid: int = (await self.hub.api.get(f"{self.hub.url}/{path}")).json()["pid"]
        return pid

    async def stop(self, *names: str) -> None:
        """Stop some; returns when they are gone."""
        for name in names or ("",):
            path = f"/users/alice/servers/{name}"
            while (await self.hub.api.delete(path)).status_code == httpx.codes.ACCEPTED:
                await asyncio.sleep(0.05)

    async def reports(self) -> Sequence[ApplicationReport]:
        """What runs on YARN for the hub."""
        request = GetApplicationsRequest(
            application_tags=(self.tags.all_sessions,), application_states=NOT_ENDED
        )
        async with Client(self.settings) as client:
            return list(await client.applications(request))

    async def until_ready(self, *names: str) -> None:
        """Wait until these are ready, and no others: a hub looks at them when it starts."""
        async with asyncio.timeout(PATIENCE):
            while await self.ready() != set(names):
                await asyncio.sleep(0.05)

    async def until(self, count: int) -> None:
        """Wait until so many run on YARN."""
        async with asyncio.timeout(PATIENCE):
            while len(await self.reports()) != count:
                await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_servers(
    hadoop_cluster: HadoopCluster, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Servers]:
    folder = tmp_path_factory.mktemp("hub")
    async with Hub(folder, hadoop_cluster.env, CONFIG) as hub:
        settings = Settings.from_environment(hadoop_cluster.env)
        yield Servers(hub, settings, folder)


@pytest_asyncio.fixture(loop_scope="module")
async def servers(module_servers: Servers) -> AsyncIterator[Servers]:
    """Alice's servers; in the end none of them runs."""
    yield module_servers
    await module_servers.stop("", "second")
    await module_servers.until(0)


async def test_named_servers(servers: Servers) -> None:
    assert (await servers.start())["ready"]
    assert (await servers.start("second"))["ready"]
    first, second = await servers.state(), await servers.state("second")
    assert first != second
    tags = [report.application_tags for report in await servers.reports()]
    assert all({"changed", "user-alice"} <= set(each) for each in tags)
    assert sum("named-second" in each for each in tags) == 1
    await servers.hub.kill()
    await servers.hub.start()
    await servers.until_ready("", "second")
    await servers.stop("")
    eventually(lambda: not is_running(first), "it ends")
    assert await servers.ready() == {"second"}
    assert await servers.state("second") == second
    await servers.until(1)
    (left,) = await servers.reports()
    assert left.name == "server of alice"


async def test_a_port_is_taken_from_the_server_that_it_is_of_alone(servers: Servers) -> None:
    await servers.start()
    url = f"{servers.hub.url}/hub/api/yarnspawner"
    other = (await servers.hub.api.post("/users/alice/tokens")).json()["token"]
    server = (servers.hub.folder / "token-").read_text()
    async with httpx.AsyncClient(trust_env=False) as anybody:

        async def report(token: str, **document: object) -> int:
            headers = {"Authorization": f"token {token}"} if token else {}
            return (await anybody.post(url, json=document, headers=headers)).status_code

        # Often: an answer that does not wait for the body becomes the proxy's 503 now and then.
        for token in ("", "wrong", servers.hub.token, other) * 10:
            assert await report(token, port=1) == httpx.codes.FORBIDDEN
        assert await report(server, port=1, ip="10.0.0.1") == httpx.codes.BAD_REQUEST
        assert await report(server, port=1) == httpx.codes.NO_CONTENT
        assert await servers.state()  # it is where it was: only one that starts has a port to tell
        await servers.stop()
        assert await report(server, port=1) == httpx.codes.FORBIDDEN


async def test_a_start_that_is_called_off_leaves_nothing(servers: Servers) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(servers.start(profile="mute"))
        await servers.until(1)
        await servers.stop()
    await servers.until(0)
    assert (await servers.start())["ready"]


async def test_a_server_that_ends_at_once_says_why(servers: Servers) -> None:
    said = await servers.start(profile="broken")
    assert said["failed"]
    assert "Exit code 3" in str(said["message"])


async def test_nobody_is_sent_to_a_program_that_has_taken_the_port(servers: Servers) -> None:
    said = await servers.start(profile="stolen")
    assert said["failed"]
    assert re.search(r"another program listens on port \d+ of \S+: it does not have", str(said))
    routes = (await servers.hub.api.get("/proxy")).json()
    assert not [each for each in routes if "alice" in each]
    await servers.until(0)


async def test_a_queue_that_is_not_there(servers: Servers) -> None:
    request = {"user_options": {"profile": "nowhere"}}
    answer = await servers.hub.api.post("/users/alice/server", json=request)
    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert "pears" in answer.json()["message"]


async def test_a_server_that_needs_no_hub(servers: Servers) -> None:
    assert (await servers.start(profile="alone"))["ready"]
    before = await servers.state()
    await servers.hub.kill()
    await servers.hub.start()
    await servers.until_ready("")
    assert await servers.state() == before
    await servers.stop()
    eventually(lambda: not is_running(before), "it ends")


async def test_a_hub_that_is_restarted_in_order_ends_no_server(servers: Servers) -> None:
    await servers.start()
    await servers.start("second", profile="alone")
    before = {name: await servers.state(name) for name in ("", "second")}
    await servers.hub.stop()
    # Nobody is asked: the proxy goes on by itself.
    assert {name: await servers.state(name) for name in before} == before
    await servers.hub.start()
    await servers.until_ready(*before)
    assert {name: await servers.state(name) for name in before} == before
    assert len(await servers.reports()) == 2


@pytest.mark.parametrize("profile", ["good", "alone"])
async def test_a_lost_database(servers: Servers, profile: str) -> None:
    await servers.start(profile=profile)
    (report,) = await servers.reports()
    api = servers.hub.api
    assert (await api.get("/yarnspawner/orphans")).json() == []
    await servers.hub.kill()
    (servers.hub.folder / "jupyterhub.sqlite").unlink()
    await servers.hub.start()
    token = (await api.post("/users/alice/tokens")).json()["token"]
    as_alice = {"Authorization": f"token {token}"}
    for ask in (api.get, api.delete):
        answer = await ask("/yarnspawner/orphans", headers=as_alice)
        assert answer.status_code == httpx.codes.FORBIDDEN
    orphan = {"application": str(report.application_id), "user": report.user}
    assert (await api.get("/yarnspawner/orphans")).json() == [orphan]
    assert (await api.delete("/yarnspawner/orphans")).json() == [orphan]
    await servers.until(0)
    assert (await api.get("/yarnspawner/orphans")).json() == []


@pytest.mark.parametrize(("first", "second"), [("good", "alone"), ("alone", "good")])
async def test_never_a_second_one_when_the_mode_changes(
    servers: Servers, first: str, second: str
) -> None:
    await servers.start(profile=first)
    before = await servers.state()
    (lost,) = await servers.reports()
    await servers.hub.kill()
    (servers.hub.folder / "jupyterhub.sqlite").unlink()
    await servers.hub.start()
    assert (await servers.start(profile=second))["ready"]
    (report,) = await servers.reports()
    assert report.application_id != lost.application_id
    eventually(lambda: not is_running(before), "it ends")
    assert is_running(await servers.state())


async def test_tags_of_somebody_else_stop_nobody(servers: Servers) -> None:
    """Bob has read the tags of alice's server, and starts an application that bears them."""
    await servers.start()
    (report,) = await servers.reports()
    await servers.stop()
    resources = Resources(memory=MiB(32), vcores=VCores(1))
    forged = ApplicationSpec(
        user="bob",
        # Without that of what the hub itself runs: what bears it and is not kept is ended.
        tags={tag for tag in report.application_tags if not tag.startswith("held-by-")},
        services={"jupyterhub": Service(resources=resources, script="sleep 600")},
    )
    async with (
        Client(servers.settings) as client,
        client.acting_for("bob") as bob,
    ):
        application = await client.submit(forged)
        try:
            assert (await servers.start())["ready"]
            await servers.hub.kill()
            await servers.hub.start()
            await servers.until_ready("")
            api = servers.hub.api
            assert (await api.get("/yarnspawner/orphans")).json() == []
            assert (await api.delete("/yarnspawner/orphans")).json() == []
            found = await bob.application_report(application)
            assert not found.yarn_application_state.ended
        finally:
            await bob.kill(application)
