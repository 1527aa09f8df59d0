"""Kernels of environments in HDFS, on both kinds of cluster: published, shared, used, deleted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest
from traitlets.config import Config

from environments.kernel_environment import ClusterEnvironments, KernelEnvironment
from server.fake_hub import FakeHub
from server.gateway.running import Running, serving_hub
from yarnhub.server.gateway.app import serve
from yarnhub.server.gateway.user_environments import Budget

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster
    from yarnhub.environments.published.environment import PublishedEnvironment
    from yarnhub.spec import File

pytestmark = [pytest.mark.cluster, pytest.mark.jupyter, pytest.mark.timeout(600)]

TABLE = "env-alice-table"
PLACE = """\
import os, pathlib, pwd, sys, tabulate
user = pwd.getpwuid(os.getuid()).pw_name
print(user, pathlib.Path(sys.prefix).resolve().name, tabulate.__name__)"""
CHILD = """\
import subprocess, sys
print(subprocess.check_output([sys.executable, "-c", "import tabulate, sys; print(sys.prefix)"],
      text=True).strip() == sys.prefix)"""
R_PLACE = """\
answer <- jsonlite::fromJSON("41") + 1
cat(Sys.info()[["user"]], answer, normalizePath(.libPaths()))"""


@pytest.fixture(params=["hadoop_cluster", "kerberos_cluster"], ids=["simple", "kerberos"])
def cluster(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> HadoopCluster:
    cluster: HadoopCluster = request.getfixturevalue(request.param)
    if cluster.options.kerberos:
        monkeypatch.setenv("KRB5_CONFIG", cluster.env["KRB5_CONFIG"])
    return cluster


@pytest.fixture
async def environments(cluster: HadoopCluster, tmp_path: Path) -> ClusterEnvironments:
    environments = ClusterEnvironments(cluster, tmp_path)
    await environments.prepare()
    return environments


@pytest.fixture
async def service(
    request: pytest.FixtureRequest, cluster: HadoopCluster, tmp_path: Path
) -> AsyncIterator[Running]:
    """The service, which looks up environments for each list."""
    config, hub = Config(), FakeHub()
    config.KernelGateway.environment_config = getattr(request, "param", {})
    config.KernelGateway.folder = str(tmp_path / "state")
    config.KernelGateway.kernelspec_folders = [str(tmp_path / "none")]
    if cluster.options.kerberos:
        config.KernelGateway.principal = "jupyterhub"
        config.KernelGateway.keytab = str(cluster.keytab("jupyterhub"))
    variables = {**cluster.env, "SKEIN_CONFIG": str(tmp_path / "service")}
    async with (
        serving_hub(hub) as of_hub,
        httpx.AsyncClient(timeout=60, trust_env=False) as client,
        serve(config, {**variables, **of_hub}) as serving,
    ):
        assert serving.service.environments is not None
        serving.service.environments._budget = Budget(fresh=0.0, wait=30.0)
        running = Running(serving.url, hub, tmp_path / "state", client, serving.service)
        try:
            yield running
        finally:
            await end_kernels(running)


async def end_kernels(service: Running) -> None:
    for token in service.hub.users:
        for each in (await service.request(token, "GET", "api/kernels")).json():
            await service.request(token, "DELETE", f"api/kernels/{each['id']}")
    await service.service.manager.holding.ended()


async def names(service: Running, token: str) -> list[str]:
    answer = await service.request(token, "GET", "api/kernelspecs")
    return [each["spec"]["display_name"] for each in answer.json()["kernelspecs"].values()]


async def printed(service: Running, token: str, kernel: str, code: str) -> str:
    """What code prints in a kernel, whose environment a node may first have to unpack."""
    async with asyncio.timeout(300):
        while await service.state(token, kernel) != "idle":
            model = await service.request(token, "GET", f"api/kernels/{kernel}")
            assert model.json()["execution_state"] != "dead", model.text
            await asyncio.sleep(0.2)
    async with service.connected(token, kernel) as client:
        number = await client.run(code)
        await client.until(
            lambda each: (
                each["parent_header"].get("msg_id") == number
                and each["content"].get("execution_state") == "idle"
            ),
            60,
        )
        return "".join(
            each["content"].get("text", "") + "\n".join(each["content"].get("traceback", ()))
            for each in client.seen
            if each["parent_header"].get("msg_id") == number and each["channel"] == "iopub"
        ).strip()


def archive(service: Running, kernel: str) -> File:
    held = service.service.manager.get_kernel(kernel).container.kernel
    found: File = held.request.files["environment"]
    return found


def unpacked(environment: PublishedEnvironment) -> str:
    """The name of the folder into which a node unpacks it."""
    return environment.url.rpartition("/")[2]


async def test_a_kernel_of_an_environment(
    cluster: HadoopCluster,
    environments: ClusterEnvironments,
    kernel_environment: KernelEnvironment,
    service: Running,
) -> None:
    assert await names(service, "a") == []
    table = await environments.publish("alice", kernel_environment)
    python = table.manifest.python.rpartition(".")[0]
    assert await names(service, "a") == [f"table (Python {python})"]
    assert await names(service, "b") == []
    refused = await service.request("b", "POST", "api/kernels", json={"name": TABLE})
    assert refused.status_code == 404

    user = "{}" if cluster.options.kerberos else cluster.host.user
    kernel = await service.start("a", name=TABLE)
    place = f"{user.format('alice')} {unpacked(table)} tabulate"
    assert await printed(service, "a", kernel, PLACE) == place
    assert await printed(service, "a", kernel, CHILD) == "True"

    await environments.share("alice", "bob")
    assert await names(service, "b") == [f"table of alice (Python {python})"]
    of_bob = await service.start("b", name=TABLE)
    place = f"{user.format('bob')} {unpacked(table)} tabulate"
    assert await printed(service, "b", of_bob, PLACE) == place

    second = await environments.publish("alice", kernel_environment.version("second"))
    later = await service.start("a", name=TABLE)
    async with asyncio.timeout(60):
        while service.service.manager.get_kernel(later).container.kernel is None:
            await asyncio.sleep(0.1)
    assert archive(service, later) == second.file()
    assert archive(service, kernel) == table.file()
    await service.request("a", "POST", f"api/kernels/{kernel}/restart")
    assert unpacked(table) in await printed(service, "a", kernel, PLACE)

    await environments.delete("alice")
    assert await names(service, "a") == await names(service, "b") == []
    gone = await service.request("a", "POST", "api/kernels", json={"name": TABLE})
    assert gone.status_code == 404
    assert await printed(service, "a", kernel, "print(1)") == "1", "it keeps running"


@pytest.mark.parametrize(
    "service",
    [{}, {"environment": {"unpack": "container"}}],
    ids=["unpacked by YARN", "unpacked by its container"],
    indirect=True,
)
async def test_an_r_kernel_of_an_environment(
    cluster: HadoopCluster,
    environments: ClusterEnvironments,
    r_environment: KernelEnvironment,
    service: Running,
) -> None:
    statistics = await environments.publish("alice", r_environment)
    version = statistics.manifest.packages["r-base"].rpartition(".")[0]
    assert await names(service, "a") == [f"statistics (R {version})"]
    user = "alice" if cluster.options.kerberos else cluster.host.user
    kernel = await service.start("a", name="env-alice-statistics")
    place = unpacked(statistics)
    if service.service.environment_config:
        place = f"usercache/alice/yarnhub/environments/{statistics.manifest.sha256}"
    found = await printed(service, "a", kernel, R_PLACE)
    assert found.startswith(f"{user} 42 /")
    assert found.endswith(f"/{place}/lib/R/library")
    await service.request("a", "POST", f"api/kernels/{kernel}/restart")
    assert await printed(service, "a", kernel, 'cat(exists("answer"))') == "FALSE"
