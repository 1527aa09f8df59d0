"""Spark in a notebook, in a real browser, on both kinds of cluster."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect

from hub.kernel_service import BIN, HubWithKernels, jupyter_folders, kernel_servers
from integrations.spark.publishing import LOOPBACK, Publisher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from visitor import Visitor

    from yarnhub.cluster import HadoopCluster

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.spark,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(600),
]

KERNEL = "Python with Spark on YARN"
SUM = "print(spark.range(10**6).selectExpr('sum(id)').first()[0])"
# Jobs that are canceled end a moment later.
WHO = """\
import time
while sc.statusTracker().getActiveJobsIds(): time.sleep(0.1)
print(spark.sparkContext.sparkUser(), len(sc.statusTracker().getActiveJobsIds()))"""
SLEEP = "sc.parallelize([0], 1).map(lambda x: __import__('time').sleep(600)).count()"


@pytest.fixture(scope="module")
def publisher(
    cluster: HadoopCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Publisher]:
    publisher = Publisher(cluster, tmp_path_factory.mktemp("publisher"))
    publisher.publish()
    with pytest.MonkeyPatch.context() as patch:
        if cluster.options.kerberos:
            patch.setenv("KRB5_CONFIG", cluster.env["KRB5_CONFIG"])
        yield publisher


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(
    cluster: HadoopCluster,
    publisher: Publisher,
    shared_python: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[HubWithKernels]:
    folder = tmp_path_factory.mktemp("hub")
    environment = shared_python.parent.parent
    with kernel_servers(environment):
        hub = HubWithKernels(folder, cluster, shared_python)
        install_kernelspec(hub.service.folder, environment, publisher)
        async with hub:
            yield hub


def install_kernelspec(folder: Path, environment: Path, publisher: Publisher) -> None:
    """Install the kernelspec for the service with this folder."""
    command = [
        *(BIN / "yarnhub", "kernelspec", "install", "--user"),
        *("--spark", "--spark-root", publisher.root),
        *("--memory", "1536 MiB", "--environment", environment),
    ]
    for name, value in {**LOOPBACK, **publisher.java_settings}.items():
        command += ["--spark-setting", f"{name}={value}"]
    subprocess.run(
        [str(word) for word in command],
        env={**publisher.env, **jupyter_folders(folder)},
        check=True,
        timeout=60,
    )


async def test_spark_in_a_notebook(alice: Visitor, publisher: Publisher) -> None:
    errors = alice.errors()
    await alice.start()
    await alice.wait_for_lab()
    assert KERNEL in await alice.kernels()
    await alice.open_notebook(KERNEL)
    assert await alice.run_cell("x = 41; print(x)") == "41"
    assert await publisher.running() == []
    cell = await alice.enter_cell(SUM)
    await expect(cell).to_contain_text("499999500000", timeout=240_000)
    ((user, _),) = await publisher.running()
    assert user == "alice"

    cell = await alice.enter_cell(SLEEP)
    await expect(cell).to_contain_text("1 running", timeout=120_000)
    await alice.choose("Kernel", "Interrupt Kernel")
    await expect(cell).to_contain_text("KeyboardInterrupt")
    assert len(await publisher.running()) == 1
    assert (await alice.run_cell(WHO)).endswith("alice 0")
    assert (await alice.run_cell("print(x + 1)")).endswith("42")

    await alice.choose("Kernel", "Shut Down Kernel")
    await publisher.none_runs()
    assert errors == []
