"""The platform's pages and API with many viewers: `.venv/bin/python benchmarks/pages.py`.

The ResourceManager is a real one, with 10 000 applications and 1 000 nodes; 35 applications end and
as many are submitted every 1.5 seconds. The nodes only register, and applications have no
containers. The service is a process of its own, which also answers its requests to a hub. Viewers
have a page with the list open and read its stream; clients load pages and documents one after the
other. Prints milliseconds until a response is complete: median, 95th percentile and longest; and
the service's processor time and memory.

All of it shares this machine's processors: `--pause` and `--change` say how much there is to do.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE)]

from server.fake_hub import SCOPE, FakeHub  # noqa: E402
from yarnhub.base.tasks import task_group  # noqa: E402
from yarnhub.client.access.settings import Settings  # noqa: E402
from yarnhub.cluster import HadoopCluster  # noqa: E402
from yarnhub.hadoop.codec import proto  # noqa: E402
from yarnhub.hadoop.ipc.client import RpcClient  # noqa: E402
from yarnhub.hadoop.scalars import INT32, STRING  # noqa: E402
from yarnhub.hadoop.security.users import SimpleUser  # noqa: E402
from yarnhub.hadoop.wire.method import Method, Protocol  # noqa: E402
from yarnhub.server.hub.api import HubAddress  # noqa: E402
from yarnhub.server.hub.environment import HubEnvironment  # noqa: E402
from yarnhub.server.hub.oauth import OAuthClient  # noqa: E402
from yarnhub.server.listening import bind  # noqa: E402
from yarnhub.server.platform.app import application, open_service, running, serving  # noqa: E402
from yarnhub.server.platform.traits import Platform  # noqa: E402
from yarnhub.yarn.addresses import CLIENT, resource_manager  # noqa: E402
from yarnhub.yarn.records.applications import ApplicationSubmissionContext  # noqa: E402
from yarnhub.yarn.records.ids import NodeId  # noqa: E402
from yarnhub.yarn.records.launch import ContainerLaunchContext  # noqa: E402
from yarnhub.yarn.records.resources import Resource  # noqa: E402
from yarnhub.yarn.resource_manager import ResourceManager  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from yarnhub.yarn.records.ids import ApplicationId

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
USERS = 40
OPEN = 300
"""Applications that have not ended."""
AT_ONCE = 32
"""Requests to the ResourceManager while it gets its applications."""
PART = 500
"""Applications that are submitted and then ended together, before anything is measured."""
INTERVAL = 1.5
"""Seconds from one change to the next."""
PAGE = os.sysconf("SC_PAGE_SIZE")
SITE = {
    "core-site.xml": {"hadoop.proxyuser.root.users": "*"},
    "yarn-site.xml": {
        "yarn.resourcemanager.max-completed-applications": "20000",
        "yarn.nm.liveness-monitor.expiry-interval-ms": "3600000",
        "yarn.am.liveness-monitor.expiry-interval-ms": "3600000",
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
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    asyncio.run(serve() if arguments.serve else run(arguments))


# --- the service


async def serve() -> None:
    """Serve until the process is killed, after a line with the address and the logins."""
    hub = FakeHub(users={f"t{n}": f"user{n}" for n in range(USERS)})

    async def answer(request: Request) -> Response:
        asked = httpx.Request(request.method, str(request.url), headers=request.headers.raw)
        found = hub.answer(asked)
        return Response(found.content, found.status_code, media_type="application/json")

    settings = Settings.from_environment(os.environ)
    (listening,) = bind("127.0.0.1", 0, is_private=False)
    (hubs,) = bind("127.0.0.1", 0, is_private=False)
    environment = HubEnvironment(
        hub=HubAddress(
            api_url=f"http://127.0.0.1:{hubs.getsockname()[1]}/hub/api",
            api_token="service",
            scopes=frozenset({SCOPE}),
        ),
        oauth=OAuthClient(hub_url="/", client_id="service-platform", callback="/hub/oauth"),
        prefix="/hub",
    )
    answering = uvicorn.Server(
        uvicorn.Config(
            Starlette(routes=[Route("/{path:path}", answer)]), log_config=None, access_log=False
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        traits = Platform(database=f"sqlite:///{folder}/platform.sqlite")
        async with (
            task_group() as group,
            open_service(traits, settings, environment) as service,
            serving(application(service), [listening], None),
            running(service.watch.run),
            running(service.recorder.run),
        ):
            group.create_task(answering.serve([hubs]))
            logins = [service.sessions.open(f"user{n}", f"t{n}").id for n in range(USERS)]
            while service.watch.freshness.looked is None:
                await asyncio.sleep(0.1)
            print(f"http://127.0.0.1:{listening.getsockname()[1]}/hub", *logins, flush=True)
            await asyncio.Event().wait()


# --- the cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterNodeManagerRequest:
    """A node that registers. Source: yarn_server_common_service_protos.proto."""

    node_id: NodeId = proto(1, NodeId, NodeId())
    http_port: int = proto(3, INT32, 0)
    resource: Resource = proto(4, Resource, Resource())
    nm_version: str = proto(5, STRING, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterNodeManagerResponse:
    """Without the keys that it has."""


TRACKER = ("yarn.resourcemanager.resource-tracker.address", 8031)
REGISTER = Method(
    "registerNodeManager", RegisterNodeManagerRequest, RegisterNodeManagerResponse, idempotent=True
)


async def register(settings: Settings, version: str, count: int) -> None:
    """Register nodes of which nothing more is heard."""
    endpoint = resource_manager(settings.configuration, TRACKER)
    protocol = Protocol("org.apache.hadoop.yarn.server.api.ResourceTrackerPB")
    async with RpcClient(endpoint.addresses, protocol, settings.user) as tracker:
        for number in range(count):
            node = RegisterNodeManagerRequest(
                node_id=NodeId(host="localhost", port=1000 + number),
                http_port=10_000 + number,
                resource=Resource(memory=1024, virtual_cores=1),
                nm_version=version,
            )
            await tracker.call(REGISTER, node)


class Users:
    """Users who submit and kill applications.

    Args:
        settings: The cluster.
    """

    def __init__(self, settings: Settings) -> None:
        endpoint = resource_manager(settings.configuration, CLIENT)
        self.submitted: list[tuple[ResourceManager, ApplicationId]] = []
        self._clients = [ResourceManager(endpoint, SimpleUser(f"user{n}")) for n in range(USERS)]
        self._next = itertools.cycle(self._clients)
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def submit(self, count: int) -> None:
        """Submit applications, of one user after the other."""
        async with task_group() as group:
            for _ in range(count):
                group.create_task(self._submit(next(self._next)))

    async def _submit(self, user: ResourceManager) -> None:
        async with self._slots:
            number = (await user.get_new_application()).application_id
            context = ApplicationSubmissionContext(
                application_id=number,
                application_name=f"jupyter server number {number.id}",
                queue="default",
                am_container_spec=ContainerLaunchContext(),
                unmanaged_am=True,
                resource=Resource(memory=1, virtual_cores=1),
                application_type="yarnhub",
                application_tags=("yarnhub", f"yarnhub-env:{number.id % 9:064x}"),
            )
            await user.submit_application(context)
        self.submitted.append((user, number))

    async def end(self, count: int) -> None:
        """Kill the first applications that have not ended."""
        ending, self.submitted = self.submitted[:count], self.submitted[count:]
        async with task_group() as group:
            for each in ending:
                group.create_task(self._end(*each))

    async def _end(self, user: ResourceManager, number: ApplicationId) -> None:
        async with self._slots:
            while not await user.force_kill_application(number):
                await asyncio.sleep(0.05)

    async def aclose(self) -> None:
        """Close the connections."""
        for each in self._clients:
            await each.aclose()


# --- its viewers


async def run(arguments: argparse.Namespace) -> None:
    """Start a cluster, fill it, start the service, then viewers and clients."""
    async with HadoopCluster(site=SITE) as cluster:
        settings = Settings.from_environment(cluster.env)
        await register(settings, cluster.options.hadoop, arguments.nodes - 1)
        async with contextlib.aclosing(Users(settings)) as users:
            for _ in range(0, arguments.applications - OPEN, PART):
                await users.submit(PART)
                await users.end(PART)
            await users.submit(OPEN)
            command = (sys.executable, __file__, "--serve")
            process = await asyncio.create_subprocess_exec(
                *command, env=cluster.env, stdout=asyncio.subprocess.PIPE
            )
            assert process.stdout is not None
            try:
                address, *logins = (await process.stdout.readline()).decode().split()
                await measure(arguments, process.pid, address, logins, users)
            finally:
                process.kill()
                await process.wait()


async def measure(
    arguments: argparse.Namespace, pid: int, address: str, logins: list[str], users: Users
) -> None:
    """Use the service for some time, and print what it took."""
    events: list[int] = []
    times: dict[str, list[float]] = {name: [] for name in PATHS}
    loads = itertools.cycle(PATHS.items())
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(view(address, logins[n % len(logins)], events))
            for n in range(arguments.viewers)
        ]
        tasks.append(group.create_task(change(users, arguments.change)))
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


async def change(users: Users, count: int) -> None:
    """End and submit applications."""
    while True:
        await asyncio.sleep(INTERVAL)
        await users.submit(count)
        await users.end(count)


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
