"""What dask-gateway's documentation promises users, with dask-gateway's own backend and with ours.

Its source distribution has no tests: these are written from its pages (gateway.dask.org: Usage,
Cluster options, Resource limits, Configuration) and the docstrings of its client and its backends.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import pytest_asyncio
from dask_gateway import GatewayClusterError, GatewayWarning

from integrations.dask_gateway.server import OURS, UPSTREAM, DaskGatewayServer
from integrations.dask_gateway.user import CONFIG, User, gateway, kill, schedulers, workers
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="module")]

OPTIONS = """
c.YarnBackend.cluster_heartbeat_period = 1
c.YarnBackend.cluster_heartbeat_timeout = 8
c.YarnBackend.cluster_status_period = c.YarnBackend.worker_status_period = 2
c.YarnBackend.cluster_start_timeout = c.YarnBackend.worker_start_timeout = 60
c.YarnBackend.check_timeouts_period = 0.5
c.YarnClusterConfig.adaptive_period = 0.5
c.YarnClusterConfig.cluster_max_workers = 2
c.Backend.cluster_options = Options(
    Integer("memory", default=512, min=256, max=1024),
    Select("size", [("small", 1), ("large", 2)], target="worker_cores"),
    Mapping("environment", default={}),
    Float("idle_timeout", default=0),
    String("scheduler_cmd", default=c.YarnClusterConfig.scheduler_cmd),
    String("worker_cmd", default=c.YarnClusterConfig.worker_cmd),
    handler=lambda options, user: {
        **{name: value for name, value in options.items() if name != "memory"},
        "worker_memory": options.memory << 20,
        "environment": {**options.environment, "USER_OF_HANDLER": user.name},
    },
)
"""
IMPATIENT = """
c.YarnBackend.cluster_start_timeout = 25
c.YarnBackend.worker_start_timeout = 3
c.YarnBackend.worker_start_failure_limit = 1
"""
HANGS = "sh -c 'exec sleep 600' --"


def config(backend: str, more: str = "") -> str:
    imports = "import Integer, Mapping, Options, String"
    text = CONFIG.replace(imports, "import Float, Integer, Mapping, Options, Select, String")
    return f"{text.replace(OURS, backend)}{OPTIONS}{more}"


@pytest.fixture(scope="module", params=[OURS, UPSTREAM], ids=["ours", "upstream"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    hadoop_cluster: HadoopCluster, tmp_path_factory: pytest.TempPathFactory, backend: str
) -> AsyncIterator[DaskGatewayServer]:
    folder = tmp_path_factory.mktemp("contract") / "gateway"
    async with DaskGatewayServer(folder, hadoop_cluster, config(backend)) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def alice(server: DaskGatewayServer) -> AsyncIterator[Any]:
    """dask-gateway's client; all clusters end with the test."""
    async with User(server, "alice"), gateway(server, "alice") as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def _nothing_is_left(
    hadoop_cluster: HadoopCluster, tmp_path_factory: pytest.TempPathFactory, server: object
) -> AsyncIterator[None]:
    yield
    skein = tmp_path_factory.mktemp("skein")
    async with Client(
        Settings.from_environment({**hadoop_cluster.env, "SKEIN_CONFIG": str(skein)})
    ) as yarn:

        async def none_left() -> bool:
            found = [each for each in await yarn.applications() if each.name == "dask-gateway"]
            return all(each.yarn_application_state.ended for each in found)

        await until(none_left)


async def test_a_users_options(alice: Any) -> None:
    options = await alice.cluster_options()
    assert (options.memory, options.size, dict(options.environment)) == (512, "small", {})
    options.memory = 256
    with pytest.raises(ValueError):
        options.memory = 2048
    with pytest.raises(ValueError, match="Unknown fields"):
        await alice.submit(colour="red")
    with pytest.raises(ValueError, match="memory"):
        await alice.submit(memory=2048)
    with pytest.raises(ValueError, match="size"):
        await alice.submit(size="huge")
    versions = await alice.get_versions()
    assert versions["server"]["version"] == versions["client"]["version"]
    options.environment = {"COLOUR": "green"}
    cluster = await alice.new_cluster(options)
    assert (await alice.get_cluster(cluster.name)).options["memory"] == 256
    await cluster.scale(1)
    async with cluster.get_client(set_as_default=False) as client:
        names = ("COLOUR", "USER_OF_HANDLER")
        found = await client.submit(lambda: [os.environ[name] for name in names])  # noqa: TID251
        assert found == ["green", "alice"]
    await cluster.shutdown()


async def test_a_clusters_life(alice: Any, server: DaskGatewayServer) -> None:
    name = await alice.submit()
    assert [each.name for each in await alice.list_clusters()] == [name]
    assert (await alice.get_cluster(name)).status.name in {"PENDING", "RUNNING"}
    async with alice.connect(name) as cluster:
        report = await alice.get_cluster(name)
        assert (report.status.name, report.stop_time) == ("RUNNING", None)
        await cluster.scale(2)
        async with cluster.get_client(set_as_default=False) as client:
            await client.wait_for_workers(2)
            # No future is kept: a worker that has results which no other can take does not end.
            numbers = await client.gather(client.map(lambda number: number + 1, range(100)))
            assert sum(numbers) == 5050
            await cluster.scale(0)
            await until(lambda: workers(name) == [])
        await until(lambda: shows(cluster.dashboard_link, 200))
    # Closed, and not shut down.
    assert [each.name for each in await alice.list_clusters(status="running")] == [name]
    async with alice.connect(name, shutdown_on_close=True) as cluster:
        assert (cluster.name, cluster.dashboard_link) == (name, report.dashboard_link)
    await until(lambda: ends(alice, name, "STOPPED"))
    assert await alice.list_clusters() == []
    assert name in [each.name for each in await alice.list_clusters(status="stopped")]
    with pytest.raises(GatewayClusterError, match="already stopped"):
        await alice.connect(name)
    with pytest.raises(GatewayClusterError, match="not running"):
        await alice.scale_cluster(name, 1)
    await until(lambda: shows(cluster.dashboard_link, 404))  # the proxy is told of its end
    await until(lambda: schedulers(name) == [])


async def test_more_workers_than_allowed_and_adaptive_scaling(alice: Any) -> None:
    cluster = await alice.new_cluster()
    with pytest.warns(GatewayWarning, match="Scaling to 2 instead"):
        await cluster.scale(3)
    async with cluster.get_client(set_as_default=False) as client:
        await client.wait_for_workers(2)
        with pytest.warns(GatewayWarning, match="maximum=2"):
            await cluster.adapt(minimum=0, maximum=3)
        await until(lambda: workers(cluster.name) == [])
        tasks = client.map(time.sleep, [0.3] * 40, pure=False)
        await client.wait_for_workers(2)
        await cluster.adapt(active=False)
        await client.gather(tasks)
        await cluster.scale(1)
        await until(lambda: has_workers(client, 1))
    await cluster.shutdown()


async def test_an_idle_cluster_is_shut_down(alice: Any) -> None:
    name = await alice.submit(idle_timeout=3)
    await until(lambda: ends(alice, name, "STOPPED"))


async def test_a_cluster_that_is_stopped_while_it_starts(alice: Any) -> None:
    name = await alice.submit(scheduler_cmd=HANGS)
    await alice.stop_cluster(name)
    await until(lambda: ends(alice, name, "STOPPED"))
    await until(lambda: schedulers(name) == [])
    await alice.stop_cluster(name)
    await alice.stop_cluster("unknown")
    with pytest.raises(ValueError, match="unknown not found"):
        await alice.get_cluster("unknown")


async def test_another_users_cluster(alice: Any, server: DaskGatewayServer, backend: str) -> None:
    name = await alice.submit()
    async with User(server, "bob") as bob:
        assert (await bob.http.get("")).json() == {}
        refused = [
            await bob.http.get(name),
            await bob.http.get(name, params={"wait": ""}),
            await bob.http.delete(name),
            await bob.http.post(f"{name}/scale", json={"count": 1}),
            await bob.http.post(f"{name}/adapt", json={"minimum": 1}),
        ]
        # dask-gateway's client shows no text of a 403.
        status, text = (404, "not found") if backend == OURS else (403, "lacks permissions")
        assert [each.status_code for each in refused] == [status] * 5
        assert all(text in each.json()["error"] for each in refused)
        url = f"{server.address}/api/v1/clusters/{name}/heartbeat"
        forged = await bob.http.post(url, json={}, headers={"Authorization": "token x"})
        assert forged.status_code == 401
    async with alice.connect(name, shutdown_on_close=True):
        assert (await alice.get_cluster(name)).status.name == "RUNNING"


async def test_a_scheduler_that_does_not_start(alice: Any) -> None:
    with pytest.raises(GatewayClusterError, match="failed to start"):
        await alice.new_cluster(scheduler_cmd="no-such-command")


async def test_workers_that_do_not_start_fail_their_cluster(alice: Any) -> None:
    cluster = await alice.new_cluster(worker_cmd="false")
    await cluster.scale(1)
    await until(lambda: ends(alice, cluster.name, "FAILED"))
    await cluster.close(shutdown=False)


async def test_a_worker_that_dies_is_replaced_and_what_it_computed_too(alice: Any) -> None:
    cluster = await alice.new_cluster()
    await cluster.scale(1)
    async with cluster.get_client(set_as_default=False) as client:
        await client.wait_for_workers(1)
        kept = client.submit(os.getpid)
        before, addresses = await kept, frozenset(await client.nthreads())
        kill(workers(cluster.name))
        await until(lambda: has_workers(client, 1, other_than=addresses))
        assert await client.submit(lambda pid: pid, kept) != before
    await cluster.shutdown()


async def test_a_scheduler_that_dies_or_hangs_fails_its_cluster(alice: Any) -> None:
    names = [await alice.submit() for _ in range(2)]
    for name in names:
        await until(functools.partial(ends, alice, name, "RUNNING"))
    for name, number in zip(names, (signal.SIGKILL, signal.SIGSTOP), strict=True):
        kill(schedulers(name), number)
    for name in names:
        await until(functools.partial(ends, alice, name, "FAILED"))
    await until(lambda: not any(map(schedulers, names)))


@pytest.mark.waits
async def test_what_takes_too_long_to_start(
    hadoop_cluster: HadoopCluster, tmp_path: Path, backend: str
) -> None:
    server = DaskGatewayServer(tmp_path / "impatient", hadoop_cluster, config(backend, IMPATIENT))
    async with server, User(server, "alice"), gateway(server, "alice") as alice:
        failing = await alice.submit(scheduler_cmd=HANGS)
        cluster = await alice.new_cluster(worker_cmd=HANGS)
        await cluster.scale(1)
        # Another worker takes its place, and time-outs do not fail the cluster.
        await until(lambda: server.log.read_text().count("Created worker") > 2)
        assert (await alice.get_cluster(cluster.name)).status.name == "RUNNING"
        await until(lambda: ends(alice, failing, "FAILED"))
        await cluster.shutdown()


async def test_a_server_that_is_stopped_with_its_clusters_or_without(
    hadoop_cluster: HadoopCluster, tmp_path: Path, backend: str
) -> None:
    keep = "c.DBBackendBase.stop_clusters_on_shutdown = {}\n".format
    server = DaskGatewayServer(tmp_path / "stopped", hadoop_cluster, config(backend, keep(False)))
    async with gateway(server, "alice") as alice:
        async with server:
            cluster = await alice.new_cluster()
            await cluster.scale(1)
            await until(lambda: workers(cluster.name))
            await cluster.close(shutdown=False)
        # The next server holds it again; without one, YARN would end it after a while.
        before = schedulers(cluster.name)
        assert before
        server.configure(config(backend, keep(True)))
        async with server:
            assert (await alice.get_cluster(cluster.name)).status.name == "RUNNING"
            async with (
                alice.connect(cluster.name) as again,
                again.get_client(set_as_default=False) as client,
            ):
                assert await client.submit(lambda: 1) == 1
            assert schedulers(cluster.name) == before
        await until(lambda: schedulers(cluster.name) == workers(cluster.name) == [])
        async with server:
            assert (await alice.get_cluster(cluster.name)).status.name == "FAILED"


async def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.1)


async def ends(client: Any, name: str, state: str) -> bool:
    """Whether a cluster has a status; fails if it has another one for good."""
    found = (await client.get_cluster(name)).status.name
    assert found in {state, "PENDING", "RUNNING", "STOPPING"}, found
    return bool(found == state)


async def has_workers(client: Any, count: int, other_than: frozenset[str] = frozenset()) -> bool:
    """Whether a scheduler has so many workers, none of them at one of these addresses."""
    found = set(await client.nthreads())
    return len(found) == count and not found & other_than


async def shows(url: str, status: int) -> bool:
    """Whether a page answers with a status."""
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as http:
        return (await http.get(url)).status_code == status
