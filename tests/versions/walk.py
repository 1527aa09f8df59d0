"""What a user does on a cluster, one capability after the other, the same on every kind.

The first ones are steps of one application, in the order of its life.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Self

from hub.hub import Hub
from yarnhub.base.units import MiB, VCores
from yarnhub.client.client import Client
from yarnhub.client.errors import ApplicationFailedError
from yarnhub.client.logs.selection import LogSelection
from yarnhub.client.queues import ClusterQueues
from yarnhub.cluster.processes.run import run_program
from yarnhub.control.messages import ContainerState, FinalStatus
from yarnhub.sessions.queues import queue_choices
from yarnhub.spec import ApplicationSpec, File, Resources, Service
from yarnhub.unmanaged import UnmanagedApplications
from yarnhub.yarn.records.applications import FinalApplicationStatus, YarnApplicationState
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from yarnhub.client.access.settings import Settings
    from yarnhub.client.application.client import ApplicationClient
    from yarnhub.client.application.requests import ApplicationRequests
    from yarnhub.cluster import HadoopCluster
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId

PATIENCE = 90.0
"""Seconds within which everything here has happened, on a machine that is busy too."""
RESOURCES = Resources(memory=MiB(64), vcores=VCores(1))
LEAVES = {"default", "apples", "bananas", "oranges", "jupyterhub"}
RUNNING = [ContainerState.RUNNING]
HUB = """
c.JupyterHub.spawner_class = "yarnspawner.YarnSpawner"
c.YarnSpawner.cmd = {command!r}
c.YarnSpawner.mem_limit = "256 M"
c.YarnSpawner.grace_period = 1
c.YarnSpawner.choose_queue = True
c.YarnSpawner.profile_list = [
    {{"display_name": "Held"}},
    {{"display_name": "Alone", "yarn_override": {{"application_master": "cluster"}}}},
]
{login}
"""


class Walk:
    """A user, a hub's service and one application of the user's on a cluster.

    Attributes:
        cluster: Where.
        own: Settings of the user at a terminal.
        service: Settings of the service that acts for its users.
        user: Whom the service acts for.
        folder: For all that is written.
        python: What servers run with.
        application: What was submitted.
    """

    def __init__(
        self, cluster: HadoopCluster, own: Settings, service: Settings, folder: Path, python: Path
    ) -> None:
        self.cluster = cluster
        self.own = own
        self.service = service
        self.user = "alice"
        self.folder = folder
        self.client = Client(own)
        self.python = python
        self.application: ApplicationId | None = None
        self.reached: ApplicationClient | None = None
        self._hub: Hub | None = None
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._open.enter_async_context(self.client)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def connected(self) -> ApplicationClient:
        """The application that runs; submitted by whoever needs it first."""
        if self.reached is None:
            self.application = await self.client.submit(self.spec())
            try:
                connection = await self.client.connect(self.application, deadline=PATIENCE)
            except ApplicationFailedError as error:
                error.add_note(await self.log_of(self.application))
                raise
            self.reached = await self._open.enter_async_context(connection)
        return self.reached

    def spec(
        self, script: str = "cat text; echo; exec sleep 300", user: str = ""
    ) -> ApplicationSpec:
        """An application of one service, which is given a file."""
        text = self.folder / "text"
        text.write_text("shipped")
        service = Service(
            resources=RESOURCES, script=script, files={"text": File(source=str(text))}
        )
        return ApplicationSpec(name="walk", user=user, services={"s": service}, max_attempts=1)

    async def log_of(self, application: ApplicationId) -> str:
        """All that an application has written."""
        async with asyncio.timeout(PATIENCE), aclosing(self.client.logs(application)) as chunks:
            return b"".join([chunk.data async for chunk in chunks]).decode(errors="replace")

    async def hub(self) -> Hub:
        """A JupyterHub whose servers run on the cluster."""
        if self._hub is None:
            stand_in = Path(__file__).parent.parent / "hub" / "stand_in.py"
            readable = self.python.parent / stand_in.name
            login = ""
            if self.cluster.options.kerberos:
                readable.write_bytes(stand_in.read_bytes())
                stand_in = readable
                login = (
                    'c.YarnSpawner.principal = "jupyterhub"\n'
                    f"c.YarnSpawner.keytab = {str(self.cluster.keytab('jupyterhub'))!r}\n"
                )
            config = HUB.format(command=[str(self.python), str(stand_in)], login=login)
            hub = Hub(self.folder / "hub", self.cluster.env, config)
            self._hub = await self._open.enter_async_context(hub)
        return self._hub


async def submit(walk: Walk) -> None:
    """Submit an application with a file, and reach it."""
    await has_running(await walk.connected(), 1)


async def keys(walk: Walk) -> None:
    """Key-value store."""
    reached = await walk.connected()
    await reached.keys.put("greeting", b"hello")
    async with asyncio.timeout(PATIENCE):
        assert (await reached.keys.wait("greeting")).value == b"hello"
    assert await reached.keys.delete("greeting")
    assert await reached.keys.get("greeting") is None


async def live_logs(walk: Walk) -> None:
    """Logs while it runs."""
    await has_running(await walk.connected(), 1)
    assert walk.application is not None
    notices: list[str] = []
    choice = LogSelection(containers=frozenset({"s_0"}), files=frozenset({"s.log"}))
    seen = b""
    async with asyncio.timeout(PATIENCE):
        logs = walk.client.logs(walk.application, choice, follow=True, notice=notices.append)
        async with aclosing(logs) as chunks:
            async for chunk in chunks:
                seen += chunk.data
                if b"shipped\n" in seen:
                    break
    assert not [notice for notice in notices if "status" in notice], notices


async def explain(walk: Walk) -> None:
    """What it does and where."""
    await has_running(await walk.connected(), 1)
    assert walk.application is not None
    said = await walk.client.explain(walk.application)
    assert said.state is YarnApplicationState.RUNNING, said
    assert {"s_0", "master"} <= {place.container for place in said.places}, said


async def scale(walk: Walk) -> None:
    """More containers and fewer."""
    reached = await walk.connected()
    await reached.scale("s", count=2)
    await has_running(reached, 2)
    await reached.scale("s", count=1)
    await has_running(reached, 1)


async def shutdown(walk: Walk) -> None:
    """Shut it down."""
    reached = await walk.connected()
    await reached.shutdown(FinalStatus.SUCCEEDED, "walked through")
    assert walk.application is not None
    report = await walk.client.wait(walk.application, deadline=PATIENCE)
    assert report.final_application_status is FinalApplicationStatus.SUCCEEDED
    assert report.diagnostics.strip() == "walked through"


async def logs_after(walk: Walk) -> None:
    """Logs after its end."""
    if walk.application is None:
        await shutdown(walk)
    assert walk.application is not None
    notices: list[str] = []
    async with asyncio.timeout(PATIENCE):
        logs = walk.client.logs(walk.application, notice=notices.append)
        async with aclosing(logs) as chunks:
            text = b"".join([chunk.data async for chunk in chunks])
    assert b"shipped\n" in text
    assert not [notice for notice in notices if "status" in notice], notices


async def failure(walk: Walk) -> None:
    """Why a program failed."""
    application = await walk.client.submit(walk.spec("exit 3"))
    report = await walk.client.wait(application, deadline=PATIENCE)
    assert report.final_application_status is FinalApplicationStatus.FAILED
    assert "Exit code 3" in report.diagnostics, report.diagnostics


async def kill(walk: Walk) -> None:
    """Kill it."""
    application = await walk.client.submit(walk.spec())
    await walk.client.kill(application, deadline=PATIENCE)
    report = await walk.client.application_report(application)
    assert report.yarn_application_state is YarnApplicationState.KILLED


async def unmanaged(walk: Walk) -> None:
    """Hold an application of another user in this process."""
    await hold(walk, walk.service, walk.user)


async def unmanaged_own(walk: Walk) -> None:
    """Hold one of one's own."""
    await hold(walk, walk.own, "")


async def server(walk: Walk) -> None:
    """A server of JupyterHub, held by the hub."""
    await spawn(walk, "held")


async def server_alone(walk: Walk) -> None:
    """A server of JupyterHub with an ApplicationMaster of its own."""
    await spawn(walk, "alone")


async def choose_queue(walk: Walk) -> None:
    """Choose a queue in JupyterHub."""
    offered = await offered_queues(walk)
    assert sorted(map(leaf, offered)) == sorted(LEAVES), offered


async def doctor(walk: Walk) -> None:
    """`yarnhub doctor` finds no fault."""
    login: tuple[str, ...] = ()
    if walk.cluster.options.kerberos:
        login = ("--principal", "jupyterhub", "--keytab", str(walk.cluster.keytab("jupyterhub")))
    program = Path(sys.executable).parent / "yarnhub"
    shown = await run_program(
        [str(program), "doctor", "--json", "--user", walk.user, *login], walk.cluster.env
    )
    findings = json.loads(shown)
    assert not [each for each in findings if each["grade"] == "error"], shown


CAPABILITIES: dict[str, Callable[[Walk], Awaitable[None]]] = {
    each.__name__: each
    for each in (
        *(submit, keys, live_logs, explain, scale, shutdown, logs_after, failure, kill),
        *(unmanaged, unmanaged_own, server, server_alone, choose_queue, doctor),
    )
}
"""By name, in their order; the first line of each one's text is what the documentation says."""


async def has_running(application: ApplicationRequests, count: int) -> None:
    """Wait until so many containers run."""
    async with asyncio.timeout(PATIENCE):
        while len(await application.get_containers(states=RUNNING)) != count:
            await asyncio.sleep(0.05)


async def hold(walk: Walk, settings: Settings, user: str) -> None:
    """Hold an application until its container runs, read its log, and end it."""
    folder = walk.folder / f"held for {user or 'oneself'}"
    async with UnmanagedApplications(settings, folder=folder, host="localhost") as applications:
        application = await applications.submit(walk.spec(user=user), deadline=PATIENCE)
        try:
            await has_running(application, 1)
            await application.keys.put("k", b"v")
            assert (await application.keys.get_range())[0].value == b"v"
        finally:
            await application.kill()


async def spawn(walk: Walk, profile: str) -> None:
    """Start a server in a queue that the user chooses, ask it through the proxy, and stop it."""
    hub = await walk.hub()
    server = f"/users/{walk.user}/server"
    (queue,) = (name for name in await offered_queues(walk) if leaf(name) == "apples")
    options = {"profile": profile, "queue": queue}
    answer = await hub.api.post(server, json={"user_options": options}, timeout=PATIENCE)
    assert answer.is_success, answer.text
    try:
        async with hub.api.stream("GET", f"{server}/progress", timeout=PATIENCE) as events:
            said = [line async for line in events.aiter_lines() if line.startswith("data:")]
        assert '"ready": true' in said[-1], (said, hub.tail())
        state = await hub.api.get(f"{hub.url}/user/{walk.user}/state", follow_redirects=True)
        assert state.json()["count"] == 1, state.text
        queues = {leaf(report.queue) for report in await servers(walk)}
        assert queues == {"apples"}, queues
    finally:
        await hub.stop_server(walk.user)


async def offered_queues(walk: Walk) -> list[str]:
    """The queues that the user may choose, as they are named there."""
    queues = ClusterQueues(walk.service, deadline=PATIENCE)
    offered = await queue_choices(queues, walk.user, "default")
    return [choice.name for choice in offered]


def leaf(queue: str) -> str:
    """The last part of a queue's path."""
    return queue.rpartition(".")[2]


async def servers(walk: Walk) -> Sequence[ApplicationReport]:
    """The servers that run."""
    async with Client(walk.service) as client:
        found = await client.resource_manager.get_applications(GetApplicationsRequest())
    return [
        report
        for report in found
        if not report.yarn_application_state.ended
        and any(re.match("user-", tag) for tag in report.application_tags)
    ]
