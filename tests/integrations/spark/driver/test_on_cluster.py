"""A kernel with Spark on YARN: executors in containers, the driver beside the kernel."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from integrations.spark.driver.started_kernel import (
    TAG,
    Answers,
    StartedKernel,
    started,
)
from integrations.spark.unpacked import PYTHON, installed_pyspark
from yarnhub.client import Client
from yarnhub.client.access.settings import Settings
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster
    from yarnhub.yarn.records.applications import ApplicationReport

pytestmark = [pytest.mark.spark, pytest.mark.cluster, pytest.mark.jupyter]

SUM = "print(spark.range(10**6).selectExpr('sum(id)').first()[0])"
EXECUTORS = "sc._jsc.sc().getExecutorMemoryStatus().size() - 1"
ENDED = {"FINISHED", "FAILED", "KILLED"}


def executors_settings() -> dict[str, str]:
    """Spark's properties; what is published is tested elsewhere, so its jars are where they are."""
    pyspark = installed_pyspark()
    return {
        "spark.executor.memory": "512m",
        "spark.executorEnv.SPARK_LOCAL_IP": "127.0.0.1",
        "spark.executorEnv.PYTHONPATH": f"{pyspark.parent}",
        "spark.yarn.jars": f"local:{pyspark / 'jars'}/*",
        "spark.yarn.isPython": "false",
        "spark.dynamicAllocation.executorIdleTimeout": "5s",
        "spark.dynamicAllocation.shuffleTracking.timeout": "5s",
        "spark.dynamicAllocation.maxExecutors": "2",
    }


@pytest.fixture
def kernel(tmp_path: Path, hadoop_cluster: HadoopCluster) -> Iterator[StartedKernel]:
    env = {
        "HADOOP_CONF_DIR": hadoop_cluster.env["HADOOP_CONF_DIR"], "HADOOP_USER_NAME": "alice",
        "USER": "alice", "PYSPARK_PYTHON": str(PYTHON), "SPACES": 'a "quoted" value',
        "SPARK_QUOTED": 'a "quoted" value', "SPARK_SPACED": "a value",
    }  # fmt: skip
    settings = Settings.from_environment(hadoop_cluster.env)
    with started(tmp_path, executors_settings(), **env) as kernel:
        answers = Answers(tmp_path, lambda: asyncio.run(kill(settings)))
        try:
            yield kernel
        finally:
            answers.close()
            kernel.close()
            asyncio.run(kill(settings))


async def applications(settings: Settings) -> tuple[ApplicationReport, ...]:
    """The applications of the kernel."""
    async with Client(settings) as client:
        request = GetApplicationsRequest(application_tags=(TAG,))
        return await client.resource_manager.get_applications(request)


async def kill(settings: Settings) -> list[str]:
    """Kill them, as the launcher's service does."""
    running = [each for each in await applications(settings) if state(each) not in ENDED]
    async with Client(settings) as client:
        for each in running:
            while not await client.resource_manager.force_kill_application(each.application_id):
                await asyncio.sleep(0.1)
    return [str(each.application_id) for each in running]


def state(report: ApplicationReport) -> str:
    found = report.yarn_application_state
    assert isinstance(found, YarnApplicationState)
    return found.name


def await_states(cluster: HadoopCluster, application: str, seconds: float = 60) -> str:
    """Wait until an application has ended; returns how."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for each in asyncio.run(applications(Settings.from_environment(cluster.env))):
            if str(each.application_id) == application and state(each) in ENDED:
                return state(each)
        time.sleep(0.2)
    raise TimeoutError(application)


def test_a_session_computes_on_executors(
    kernel: StartedKernel, hadoop_cluster: HadoopCluster
) -> None:
    first = kernel.run(SUM)
    assert "499999500000" in first.text, f"{first} {kernel.log[-6000:]}"
    assert "SPARK_QUOTED: not passed to Spark" in first.text
    application = kernel.good("print(sc.applicationId)")
    assert any(f"Spark 4.3.0: {application} http" in each for each in first.displays)
    assert kernel.good("print(sc.uiWebUrl)").endswith(f"/proxy/{application}/")
    (report,) = (
        each
        for each in asyncio.run(applications(Settings.from_environment(hadoop_cluster.env)))
        if str(each.application_id) == application
    )
    assert (report.user, report.application_type) == ("alice", "SPARK")
    assert (
        kernel.good(
            "import os; sc.parallelize([1]).map(lambda x: os.environ['CONTAINER_ID'][:9]).first()"
        )
        == "'container'"
    )
    # Back to none when nobody computes.
    kernel.good(f"import time\nwhile {EXECUTORS}: time.sleep(0.2)", timeout=90)
    # A second session with other memory; the first one's application has finished.
    kernel.good("spark.stop()")
    assert await_states(hadoop_cluster, application) == "FINISHED"
    kernel.good(
        "from pyspark.sql import SparkSession\n"
        "spark = SparkSession.builder.config('spark.executor.memory', '600m').getOrCreate()"
    )
    assert kernel.good(SUM) == "499999500000"
    assert kernel.good("sc.applicationId") != repr(application)
    assert kernel.good("print(sc.getConf().get('spark.executor.memory'))") == "600m"


def test_an_interrupt_leaves_no_job(kernel: StartedKernel) -> None:
    kernel.good(SUM)
    shown: list[str] = []

    def seen(text: str) -> None:
        if " 2 running" in text and not shown:
            shown.append(text)
            kernel.interrupt()

    reply = kernel.run(
        "sc.parallelize(range(4), 4).map(lambda x: __import__('time').sleep(90)).count()", seen=seen
    )
    assert (reply.status, bool(shown)) == ("error", True), reply
    kernel.good("import time\nwhile sc.statusTracker().getActiveJobsIds(): time.sleep(0.1)")
    assert kernel.good(SUM) == "499999500000"


def test_the_application_ends_with_its_jvm(
    kernel: StartedKernel, hadoop_cluster: HadoopCluster
) -> None:
    kernel.good(SUM)
    application = kernel.good("print(sc.applicationId)")
    pid = int(kernel.good("sc._jvm.java.lang.ProcessHandle.current().pid()"))
    os.kill(pid, signal.SIGKILL)
    assert await_states(hadoop_cluster, application) == "KILLED"
    assert kernel.good(f"{SUM}").endswith("499999500000")
    assert kernel.good("sc.applicationId") != repr(application)


def test_the_application_ends_with_the_kernel(
    kernel: StartedKernel, hadoop_cluster: HadoopCluster
) -> None:
    kernel.good(SUM)
    application = kernel.good("print(sc.applicationId)")
    os.kill(kernel.process.pid, signal.SIGKILL)
    assert await_states(hadoop_cluster, application) == "FINISHED"


@pytest.mark.parametrize("submitted", [False, True])
def test_an_interrupted_start_leaves_no_application(
    kernel: StartedKernel, hadoop_cluster: HadoopCluster, *, submitted: bool
) -> None:
    settings = Settings.from_environment(hadoop_cluster.env)

    def interrupt() -> None:
        while submitted and not asyncio.run(running(settings)):
            assert kernel.process.poll() is None
        kernel.interrupt()

    watch = threading.Thread(target=interrupt)

    def seen(text: str) -> None:
        if "Starting" in text:
            watch.start()

    reply = kernel.run("spark", seen=seen)
    watch.join(30)
    assert reply.status == "error"
    assert kernel.good(SUM).endswith("499999500000")
    assert asyncio.run(running(settings)) == [kernel.good("print(sc.applicationId)")]


async def running(settings: Settings) -> list[str]:
    """The kernel's applications that have not ended."""
    found = await applications(settings)
    return [str(each.application_id) for each in found if state(each) not in ENDED]
