"""Spark Connect on YARN: the gateway's service, its users, and their programs."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integrations.spark.connect_client import REFUSED, SUM, run_client, variables
from integrations.spark.publishing import LOOPBACK, Publisher
from server.gateway.user_servers.serving import Running, running
from server.gateway.user_servers.specs import install
from yarnhub.integrations.spark.kernelspec import kernelspec_files, yarnhub_spark_settings
from yarnhub.kernels.local_holder import LocalKernelHolder
from yarnhub.kernels.protocol import Activity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

    from yarnhub.client.access.settings import Settings
    from yarnhub.cluster import HadoopCluster
    from yarnhub.integrations.spark.published import PublishedSpark
    from yarnhub.kernels.kernel import Kernel

pytestmark = [pytest.mark.cluster, pytest.mark.spark, pytest.mark.timeout(600)]

PATH = "spark-connect"
SIMPLE = pytest.mark.parametrize("cluster", ["hadoop_cluster"], indirect=True)


@pytest.fixture
def published(publisher: Publisher) -> PublishedSpark:
    return publisher.publish()


@pytest.fixture
async def service(
    cluster: HadoopCluster,
    publisher: Publisher,
    published: PublishedSpark,
    settings: Settings,
    shared_python: Path,
    tmp_path: Path,
) -> AsyncIterator[Running]:
    spark = yarnhub_spark_settings(published, {**LOOPBACK, **publisher.java_settings})
    install(
        tmp_path,
        "spark",
        {
            "argv": [str(shared_python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "Spark",
            "language": "python",
            "metadata": {
                "kernel_provisioner": {
                    "provisioner_name": "yarnhub",
                    "config": {
                        **kernelspec_files(published),
                        "memory": "1536 MiB",
                        "python": str(shared_python),
                        "env": {"HADOOP_CONF_DIR": cluster.env["HADOOP_CONF_DIR"]},
                        "spark": {**spark, "connect": True},
                    },
                }
            },
        },
    )
    holder = LocalKernelHolder(settings, folder=tmp_path / "held", host="localhost")
    async with running(tmp_path, holder, cluster_user=str) as service:
        yield service
        for kernel in service.holder.kernels():
            await kernel.stop(now=True)


async def ready(service: Running, user: str = "a") -> dict[str, Any]:
    """Start a user's server, and wait until it is ready; the first one fetches Spark."""
    found = (await service.request(user, "POST", PATH)).json()
    async with asyncio.timeout(400):
        while found["state"] != "ready":
            assert found["state"] in ("waiting", "starting"), found
            await asyncio.sleep(0.5)
            found = (await service.request(user, "GET", PATH)).json()
    return dict(found)


def only(service: Running) -> Kernel:
    (kernel,) = service.holder.kernels()
    return kernel


def drivers(kernel: Kernel) -> list[int]:
    """The JVMs in the container of a kernel."""
    mark = f"{kernel.application_id.replace('application', 'container')}_".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            variables = (path / "environ").read_bytes().split(b"\0")
            here = any(each.startswith(b"CONTAINER_ID=" + mark) for each in variables)
            if here and b"java\0@" in (path / "cmdline").read_bytes():
                found.append(int(path.name))
        except OSError:
            continue
    return found


async def test_a_program_computes_on_executors_of_its_owner(
    service: Running, cluster: HadoopCluster, publisher: Publisher, tmp_path: Path
) -> None:
    async with asyncio.TaskGroup() as group:
        found, again = (group.create_task(ready(service)) for _ in range(2))
    server = found.result()
    assert again.result() == server
    ((user, _),) = await publisher.running()
    assert user == "alice"

    env = variables(tmp_path, server["remote"], server["certificate"])
    code, printed = await run_client(env)
    assert (code, printed.splitlines()[-1:]) == (0, ["499999500000"]), printed
    # Python runs at the executors, as the same user; their environment has no pyarrow.
    name = "__import__('pwd').getpwuid(__import__('os').getuid()).pw_name"
    who = f"""
from pyspark.sql.functions import udf
spark.conf.set("spark.sql.execution.pythonUDF.arrow.enabled", "false")
name = udf(lambda _: {name}, "string")
print(spark.range(1).select(name("id").alias("n")).first().n)
"""
    code, printed = await run_client(env, who)
    expected = "alice" if cluster.options.kerberos else cluster.host.user
    assert (code, printed.splitlines()[-1:]) == (0, [expected]), printed

    for token in ("", ";token=" + "x" * 43):
        remote = server["remote"].partition(";token=")[0] + token
        code, printed = await run_client({**env, "SPARK_REMOTE": remote})
        assert code == REFUSED
        assert "UNAUTHENTICATED" in printed

    assert (await service.request("b", "GET", PATH)).status_code == 404
    assert (await service.request("b", "DELETE", PATH)).status_code == 404
    # It is culled like other kernels: nobody has asked it for anything, and it is idle.
    assert only(service).status.activity is Activity.IDLE
    (driver,) = drivers(only(service))
    assert (await service.request("a", "DELETE", PATH)).status_code == 204
    await publisher.none_runs()
    async with asyncio.timeout(60):  # its application ends first
        while Path(f"/proc/{driver}").exists():
            await asyncio.sleep(0.1)
    assert (await service.request("a", "GET", PATH)).status_code == 404


@SIMPLE
async def test_the_service_restarts_and_the_server_goes_on(
    service: Running, settings: Settings, tmp_path: Path
) -> None:
    server = await ready(service)
    await service.kill()
    await service.holder.aclose()
    service.holder = LocalKernelHolder(settings, folder=tmp_path / "held", host="localhost")
    async with service.holder:
        await service.start()
        assert await ready(service) == server
        env = variables(tmp_path, server["remote"], server["certificate"])
        code, printed = await run_client(env, SUM)
        assert (code, printed.splitlines()[-1:]) == (0, ["499999500000"]), printed
        assert (await service.request("a", "DELETE", PATH)).status_code == 204


@SIMPLE
async def test_a_killed_driver_leaves_nothing_and_is_explained(
    service: Running, publisher: Publisher
) -> None:
    await ready(service)
    first = only(service)
    (driver,) = drivers(first)
    os.kill(driver, signal.SIGKILL)
    await publisher.none_runs()
    async with asyncio.timeout(60):
        while (found := (await service.request("a", "GET", PATH)).json())["state"] != "ended":
            await asyncio.sleep(0.2)
    assert "Spark's driver was ended by SIGKILL" in found["reason"]
    assert drivers(first) == []
    assert (await ready(service))["application"] != first.application_id
