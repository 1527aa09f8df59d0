"""The calls that jupyter_client makes of a provisioner."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from integrations.kernels.servers import Server, serving
from yarnhub.integrations.kernels.provisioner import StartError, YarnhubProvisioner

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.jupyter


async def running(server: Server) -> tuple[str, Any]:
    kernel_id = (await server.start())["id"]
    await server.until(kernel_id, lambda each: each["execution_state"] == "idle")
    return kernel_id, server.manager.get_kernel(kernel_id).provisioner


async def test_a_shutdown_bears_another_one_at_the_same_time(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        kernel_id, provisioner = await running(server)
        held = server.holder.held[kernel_id]

        async def shut_down() -> None:
            server.manager.get_kernel(kernel_id).shutting_down = True
            await provisioner.send_signal(signal.SIGINT)
            await provisioner.shutdown_requested(restart=False)
            await provisioner.terminate()
            await provisioner.kill()
            await provisioner.wait()
            assert not provisioner.has_process
            await provisioner.cleanup(restart=False)

        async with asyncio.timeout(20), asyncio.TaskGroup() as both:
            for _ in range(2):
                both.create_task(shut_down())
        await server.manager.holding.ended()
        assert held.stopped == 1
        assert await provisioner.poll() == 1
        await provisioner.kill()
        await provisioner.terminate()
        await provisioner.send_signal(signal.SIGINT)


async def test_a_restart_keeps_the_container(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        kernel_id, provisioner = await running(server)
        assert await provisioner.poll() is None
        await provisioner.kill(restart=False)  # as an automatic restart does
        assert await provisioner.wait() == -signal.SIGKILL
        await provisioner.cleanup(restart=True)
        assert server.holder.held[kernel_id].stopped == 0


async def test_it_needs_our_kernel_manager(tmp_path: Path) -> None:
    manager = AsyncKernelManager()
    provisioner = YarnhubProvisioner(
        kernel_id="a", kernel_spec=KernelSpec(argv=["x"]), parent=manager, queue="default"
    )
    assert provisioner.settings == {"queue": "default"}
    with pytest.raises(StartError, match="call configure"):
        await provisioner.pre_launch()
