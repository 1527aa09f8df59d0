"""Kernels with Spark in YARN containers, held by this process; with Kerberos they run as alice."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import pytest

from integrations.spark.publishing import LOOPBACK, Publisher
from kernels.joined import joined
from yarnhub.client.client import Client
from yarnhub.integrations.spark.kernelspec import kernelspec_files, yarnhub_spark_settings
from yarnhub.kernels import kernelspec, kernelspec_file
from yarnhub.kernels.enterprise_gateway_kernelspec import convert
from yarnhub.kernels.kernel import KernelState
from yarnhub.kernels.kernelspec_file import for_yarn, parse
from yarnhub.kernels.local_holder import LocalKernelHolder
from yarnhub.kernels.protocol import Room
from yarnhub.sessions.limits import Size
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from yarnhub.client.access.settings import Settings
    from yarnhub.cluster import HadoopCluster
    from yarnhub.integrations.spark.published import PublishedSpark
    from yarnhub.kernels.kernel import Kernel
    from yarnhub.kernels.request import KernelRequest

pytestmark = [pytest.mark.cluster, pytest.mark.spark, pytest.mark.timeout(600)]

EXECUTOR = 896 * 2**20
"""Bytes of an executor's container: 512 MiB and what Spark adds."""
SLEEP = (
    "from time import sleep\ntry: sc.parallelize([0, 1], 2).map(lambda x: sleep(600)).count()\n"
    "except KeyboardInterrupt: pass"
)
SUM = "print(spark.range(10**6).selectExpr('sum(id)').first()[0])"


@pytest.fixture
async def holder(settings: Settings, tmp_path: Path) -> AsyncIterator[LocalKernelHolder]:
    async with LocalKernelHolder(settings, folder=tmp_path / "held", host="localhost") as holder:
        yield holder
        for kernel in holder.kernels():
            await kernel.stop(now=True)


@pytest.fixture
def published(publisher: Publisher) -> PublishedSpark:
    return publisher.publish()


@pytest.fixture
def request_of_alice(
    publisher: Publisher, published: PublishedSpark, shared_python: Path
) -> KernelRequest:
    """Of a kernel with Spark."""
    return publisher.kernel_of_alice(published, shared_python)


@pytest.fixture
def request_of_alice_in_scala(
    cluster: HadoopCluster, publisher: Publisher, shared_python: Path, tmp_path: Path
) -> KernelRequest:
    """Of a kernel for Scala, whose kernelspec the command has installed."""
    publisher.publish()
    command = [
        *(sys.executable, "-m", "yarnhub.cli.main", "kernelspec", "install", "--prefix", tmp_path),
        *("--spark", "--language", "scala", "--spark-root", publisher.root),
        *("--memory", "1536 MiB", "--python", shared_python),
        *("--env", f"HADOOP_CONF_DIR={cluster.env['HADOOP_CONF_DIR']}"),
    ]
    for name, value in {**LOOPBACK, **publisher.java_settings}.items():
        command += ["--spark-setting", f"{name}={value}"]
    subprocess.run([str(word) for word in command], env=publisher.env, check=True, timeout=60)
    file = tmp_path / "share" / "jupyter" / "kernels" / "yarn-scala" / "kernel.json"
    found = kernelspec_file.parse("yarn-scala", kernelspec_file.load(file.read_text()))
    assert (found.display_name, found.language) == ("Scala with Spark on YARN", "scala")
    return kernelspec.request_of(
        found.config, found.spec, id=str(uuid.uuid4()), owner="alice", user="alice", asked={}
    )


async def localized(kernel: Kernel) -> None:
    """Wait until it runs: the first one on a node waits for half a gigabyte, encrypted or not."""
    async with asyncio.timeout(400):
        while kernel.status.state is not KernelState.RUNNING:
            await kernel.changed(kernel.status)


async def test_a_kernel_with_spark(
    holder: LocalKernelHolder,
    cluster: HadoopCluster,
    publisher: Publisher,
    request_of_alice: KernelRequest,
) -> None:
    kernel = await holder.start(request_of_alice)
    await localized(kernel)
    async with joined(kernel) as client:
        assert await client.run("x = 6 * 7; print(x)") == "42\n"
        assert await publisher.running() == []
        found = await client.run(f"try: {SUM}\nexcept Exception as error: print(error)")
        assert "499999500000\n" in found, found
        ((user, _),) = await publisher.running()
        assert user == "alice"
        who = "import os, pwd; print(pwd.getpwuid(os.getuid()).pw_name)"
        assert await client.run(who) == (
            "alice\n" if cluster.options.kerberos else f"{cluster.host.user}\n"
        )
    await kernel.stop()
    await publisher.none_runs()


async def test_a_kernel_for_scala(
    holder: LocalKernelHolder, publisher: Publisher, request_of_alice_in_scala: KernelRequest
) -> None:
    kernel = await holder.start(request_of_alice_in_scala)
    await localized(kernel)
    async with joined(kernel) as client:
        info = await client.client.kernel_info(reply=True, timeout=60)
        assert info["content"]["language_info"]["name"] == "scala"
        assert await publisher.running() == []
        assert "val offset: Long = 100" in await client.run(
            "case class Found(container: String, sum: Long)\nval offset = 100L"
        )
        # Compiled here, and run in the containers of executors.
        printed = await client.run(
            "val found = spark.range(0, 10, 1, 2).map(i => i + offset).mapPartitions { numbers =>\n"
            '  Iterator(Found(sys.env("CONTAINER_ID"), numbers.sum))\n'
            "}.collect()\n"
            "println(found.map(_.sum).sum)\n"
            'println(found.map(_.container).contains(sys.env("CONTAINER_ID")))'
        )
        assert printed.startswith("1045\nfalse\n"), printed
        ((user, _),) = await publisher.running()
        assert user == "alice"
        stopped = await client.run("spark.stop()")
        assert "The session has ended, and with it the variables" in stopped
        await publisher.none_runs()
        assert "val again: Long = 3" in await client.run("val again = spark.range(3).count()")
    await kernel.stop()
    await publisher.none_runs()


@pytest.mark.parametrize("cluster", ["hadoop_cluster"], indirect=True)
async def test_what_a_killed_container_leaves_on_yarn_ends_with_its_kernel(
    holder: LocalKernelHolder, publisher: Publisher, request_of_alice: KernelRequest
) -> None:
    kernel = await holder.start(request_of_alice)
    await localized(kernel)
    async with joined(kernel) as client:
        assert "4.3.0\n" in await client.run("print(spark.version)")
        assert len(await publisher.running()) == 1
        driver = await client.run("print(sc._jvm.java.lang.ProcessHandle.current().pid())")
    os.kill(int(driver), signal.SIGSTOP)  # it cannot end its application
    await kernel.stop(now=True)
    await publisher.none_runs()


@pytest.mark.parametrize("cluster", ["hadoop_cluster"], indirect=True)
async def test_a_converted_kernelspec_of_enterprise_gateway(
    holder: LocalKernelHolder,
    settings: Settings,
    cluster: HadoopCluster,
    publisher: Publisher,
    published: PublishedSpark,
    shared_python: Path,
) -> None:
    # Spark gives executors a URL under one name only, so it is none of Spark's own files.
    given = f"{published.folder}/published.json"
    options = (
        "--master yarn --deploy-mode cluster --name ${KERNEL_ID:-none} --queue apples "
        "--driver-memory 600m --num-executors 1 --executor-memory ${KERNEL_EXECUTOR_MEMORY:-512m} "
        f"--files {given}#given.json --conf spark.executorEnv.GIVEN=value "
        "--conf spark.executorEnv.SPARK_LOCAL_IP=127.0.0.1"
    )
    old = {
        "argv": ["run.sh", "--RemoteProcessProxy.kernel-id", "{kernel_id}"],
        "display_name": "Spark - Python (YARN Cluster Mode)",
        "language": "python",
        "env": {
            "SPARK_HOME": "/usr/hdp/current/spark2-client",
            "PYSPARK_PYTHON": str(shared_python),
            "PYTHONPATH": "${SPARK_HOME}/python:${SPARK_HOME}/python/lib/py4j-0.10.6-src.zip",
            "HADOOP_CONF_DIR": cluster.env["HADOOP_CONF_DIR"],
            "SPARK_OPTS": options,
        },
        "metadata": {"process_proxy": {"class_name": "YarnClusterProcessProxy"}},
    }
    converted = convert(old, spark=True)
    assert converted.config["files"] == {"given.json": given}
    files = kernelspec_files(published)
    config = {
        **converted.config,
        "archives": files["archives"],
        "files": {"given.json": given, **files["files"]},
        "spark": yarnhub_spark_settings(published, converted.settings),
    }
    spec = parse("spark", for_yarn(converted.document, config))
    kernel = await holder.start(
        kernelspec.request_of(
            spec.config, spec.spec, id=str(uuid.uuid4()), owner="alice", user="alice", asked={}
        )
    )
    await localized(kernel)
    async with joined(kernel) as client:
        found = await client.run(f"try: {SUM}\nexcept Exception as error: print(error)")
        assert "499999500000\n" in found, found
        look = (
            "def look(_):\n    import os\n"
            "    own = os.environ\n"
            "    return os.path.isfile('given.json'), own['GIVEN'], 'SPARK_HOME' in own\n"
            "own = os.path.isfile('../given.json')\n"
            "try: print(sc.parallelize([1], 1).map(look).first(), own)\n"
            "except Exception as error: print(error)"
        )
        assert await client.run(f"import os\n{look}") == "(True, 'value', False) True\n"
        application = await client.run("print(sc.applicationId)")
    async with Client(settings) as yarn:
        report = await yarn.application_report(ApplicationId.parse(application.strip()))
    assert report.queue.rpartition(".")[2] == "apples"
    await kernel.stop()
    await publisher.none_runs()


async def test_a_session_fits_into_its_user_s_limits_and_counts_with_its_kernel(
    holder: LocalKernelHolder, publisher: Publisher, request_of_alice: KernelRequest
) -> None:
    rooms = [Room(memory=4 * EXECUTOR, vcores=1), Room(memory=EXECUTOR - 1)]
    holder.room = lambda _: asyncio.sleep(0, rooms.pop(0))
    kernel = await holder.start(request_of_alice)
    await localized(kernel)
    async with joined(kernel) as client:
        # What the session's builder has does not replace what is added.
        assert "maxExecutors is 1 instead of 50" in await client.run(
            "from pyspark.sql import SparkSession\n"
            "spark = SparkSession.builder.config('spark.yarn.tags', 'mine')"
            ".config('spark.dynamicAllocation.maxExecutors', 50).getOrCreate()"
        )
        assert len(await publisher.running()) == 1
        job = asyncio.create_task(client.run(SLEEP))  # noqa: TID251  # ended below
        async with asyncio.timeout(120):
            while not kernel.started.memory:
                await asyncio.sleep(0.2)
        assert kernel.started == Size(memory=EXECUTOR, vcores=1, count=0)
        while not job.done():  # the first executor may be there before the cell runs
            await kernel.signal(signal.SIGINT)
            await asyncio.wait([job], timeout=5)
        await job
        found = await client.run("spark.stop()\ntry: spark\nexcept Exception as e: print(e)")
        assert "Your limits leave 895 MiB of memory for Spark's executors, and one needs" in found
        await publisher.none_runs()
        async with asyncio.timeout(60):
            while kernel.started.memory:
                await asyncio.sleep(0.2)
