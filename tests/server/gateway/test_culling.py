"""Kernels that nobody uses are shut down."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from server.gateway.running import ready, running, until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.jupyter


async def test_idle_kernels_are_culled_and_busy_ones_are_not(tmp_path: Path) -> None:
    cull = {"cull_idle_timeout": 3600, "cull_connected": True}
    async with running(tmp_path, config={"MappingKernelManager": cull}) as service:
        manager = service.service.manager
        idle = await service.start("a")
        await ready(service, "a", idle)
        busy = await service.start("a")
        async with service.connected("a", busy) as client:
            await client.run("import time\nwhile True: time.sleep(0.1)")
            await until(service, "a", busy, "busy")
            await manager.cull_kernels()
            assert await service.state("a", idle) == "idle"
            for each in (idle, busy):
                long_ago = manager.get_kernel(each).last_activity - dt.timedelta(hours=2)
                manager.get_kernel(each).last_activity = long_ago
                (held,) = [found for found in service.holders[0].kernels() if found.id == each]
                held.change(active=long_ago.timestamp())

            await manager.cull_kernels()

            await until(service, "a", idle, "gone")
            assert await service.state("a", busy) == "busy"
        culled = [line for line in service.audit if line["event"] == "cull"]
        assert [(line["kernel"], line["owner"]) for line in culled] == [(idle, "alice")]
