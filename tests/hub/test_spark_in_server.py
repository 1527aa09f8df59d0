"""Spark in the kernels of a user's own server, in a real browser, on both kinds of cluster."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect

from docs.blocks import PROJECT, example_of
from hub.hub import Hub
from hub.on_yarn import yarn_config
from integrations.spark.publishing import LOOPBACK, Publisher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from visitor import Visitor

    from yarnhub.cluster import HadoopCluster

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.spark,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(600),
]

PAGE = PROJECT / "docs" / "howto" / "spark.md"
KERNEL = "Python 3 (ipykernel)"
SUM = example_of(PAGE, "spark = SparkSession.builder.getOrCreate()\nprint", {})
KILL = (
    "import os, signal\n"
    "driver = spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid()\n"
    "os.kill(int(driver), signal.SIG{})\n"
    "print('killed:', x, driver, flush=True)"
)


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
) -> AsyncIterator[Hub]:
    properties = {**LOOPBACK, **publisher.java_settings}
    page = example_of(
        PAGE,
        "c.YarnSpawner.spark =",
        {'{"spark.executor.memory": "4g"}': repr(properties), '"4 G"': '"2 G"'},
    )
    config = f"{yarn_config(cluster, shared_python)}{page}"
    config += f'c.YarnSpawner.spark_root = "{publisher.root}"\n'
    async with Hub(tmp_path_factory.mktemp("hub"), cluster.env, config) as hub:
        yield hub


async def test_pyspark_in_a_plain_notebook(alice: Visitor, hub: Hub, publisher: Publisher) -> None:
    errors = alice.errors()
    await alice.start()
    await alice.wait_for_lab()
    await alice.open_notebook(KERNEL)
    assert await alice.run_cell("x = 41; print(x, 'spark' in dir())") == "41 False"
    assert await publisher.running() == []
    cell = await alice.enter_cell(SUM)
    await expect(cell).to_contain_text("499999500000", timeout=240_000)
    ((user, first),) = await publisher.running()
    assert user == "alice"
    # Requests are for the server whose token they have, and this is an administrator's.
    refused = await hub.api.post("/yarnspawner/requests", content=b'{"ask": "tokens"}')
    assert refused.status_code == 403

    # A driver that is killed takes its application with it.
    cell = await alice.enter_cell(KILL.format("KILL"))
    await expect(cell).to_contain_text("killed: 41", timeout=60_000)
    await publisher.none_runs()
    cell = await alice.enter_cell(SUM)
    await expect(cell).to_contain_text("499999500000", timeout=240_000)
    ((_, second),) = await publisher.running()
    assert second != first

    # One that hangs cannot end its application, and the server does.
    cell = await alice.enter_cell(KILL.format("STOP"))
    await expect(cell).to_contain_text(re.compile(r"killed: 41 \d+"), timeout=60_000)
    driver = int((await cell.inner_text()).rpartition("killed: 41 ")[2].split()[0])
    try:
        assert len(await publisher.running()) == 1
        await hub.stop_server("alice")
        await publisher.none_runs()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(driver, signal.SIGCONT)
    while Path(f"/proc/{driver}").exists():
        await asyncio.sleep(0.1)
    assert errors == []
