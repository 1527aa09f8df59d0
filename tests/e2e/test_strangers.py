"""Without a key nobody ends an ApplicationMaster, or keeps others out of it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from yarnhub.base.units import MiB, VCores
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.control.messages import ContainerState
from yarnhub.spec import ApplicationSpec, Master, Resources, Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

COUNT = 870
LOOKED_AT = 7.0
"""Seconds in which a NodeManager looks at a container's memory twice."""


@contextlib.asynccontextmanager
async def strangers(host: str, port: int, says: bytes) -> AsyncIterator[None]:
    """So many who connect, say that, and wait for the time to pass."""
    writers = []
    for _ in range(COUNT):
        _, writer = await asyncio.open_connection(host, port)
        writer.write(says)
        writers.append(writer)
    try:
        yield
    finally:
        for writer in writers:
            writer.transport.abort()


async def test_an_application_master_outlives_them(
    hadoop_cluster: HadoopCluster, tmp_path: Path
) -> None:
    settings = Settings.from_environment(
        {**hadoop_cluster.env, "SKEIN_CONFIG": str(tmp_path / "skein")}
    )
    small = Resources(memory=MiB(64), vcores=VCores(1))
    spec = ApplicationSpec(
        master=Master(resources=Resources(memory=MiB(160), vcores=VCores(1))),
        services={"a": Service(resources=small, script="sleep 600")},
    )
    async with Client(settings) as client:
        application = await client.submit(spec)
        async with await client.connect(application, deadline=60) as master:
            await master.keys.put("before", b"")
        report = await client.application_report(application)
        web = urlsplit(report.original_tracking_url or "")
        assert web.hostname
        assert web.port
        attempt = report.current_application_attempt_id
        loop = asyncio.get_running_loop()
        async with (
            strangers(report.host, report.rpc_port, b"\x16\x03\x01\x02"),
            strangers(web.hostname, web.port, b"GET / HT"),
        ):
            until = loop.time() + LOOKED_AT
            while loop.time() < until:
                began = loop.time()
                async with await client.connect(application, deadline=30) as master:
                    assert (await master.keys.get("before")) is not None
                assert loop.time() - began < 20
                await asyncio.sleep(0.2)
        report = await client.application_report(application)
        assert report.current_application_attempt_id == attempt
        async with await client.connect(application, deadline=30) as master:
            (container,) = await master.get_containers()
            assert container.state in {ContainerState.RUNNING, ContainerState.REQUESTED}
            await master.shutdown()
        await client.wait(application, deadline=60)
