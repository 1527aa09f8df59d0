"""A user's Jupyter server whose kernels the service holds; the kernels are real processes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from integrations.kernels.fake_holder import FakeHolder
from integrations.kernels.servers import install_kernelspec, serving
from server.gateway.user_servers.serving import Running, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from integrations.kernels.servers import Client

pytestmark = pytest.mark.jupyter


@pytest.fixture(autouse=True)
def _jupyter_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("data", "runtime", "config"):
        monkeypatch.setenv(f"JUPYTER_{name.upper()}_DIR", str(tmp_path / name))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Running]:
    folder = tmp_path / "service"
    folder.mkdir()
    install_kernelspec(folder)
    fake = FakeHolder(folder)
    async with running(folder, fake) as service:
        await service.request("a", "GET", "kernels")  # imports jupyterhub
        yield service
        for kernel in fake.kernels():
            await kernel.stop(now=True)


def user_server(service: Running, folder: Path, **settings: Any) -> Any:
    def holder(_: Path) -> Any:
        return service.client()

    return serving(folder, holder, **settings)  # type: ignore[arg-type]  # not only fakes


async def result_after_a_break(client: Client, code: str) -> str:
    """What is published before the channel is open again is missed, so ask again."""
    for _ in range(10):
        try:
            async with asyncio.timeout(3):
                return await client.result(code)
        except TimeoutError:
            continue
    raise AssertionError("the kernel does not answer")


async def test_cells_run_before_and_after_a_restart_of_the_service(
    service: Running, tmp_path: Path
) -> None:
    async with user_server(service, tmp_path) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id) as client:
            assert await client.result("x = 6; x * 7") == "42"
            for turn in range(3):
                await service.kill()
                await service.start()
                assert await result_after_a_break(client, f"x + {turn}") == str(6 + turn)
            model = await server.model(kernel_id)
            assert model["execution_state"] in {"idle", "busy"}
        interrupted = await server.http.post(f"/api/kernels/{kernel_id}/interrupt")
        assert interrupted.status_code == 204
        restarted = await server.http.post(f"/api/kernels/{kernel_id}/restart")
        assert restarted.status_code == 200, restarted.text
        async with server.client(kernel_id) as client:
            assert await client.result("'x' in globals()") == "False"
        deleted = await server.http.delete(f"/api/kernels/{kernel_id}")
        assert deleted.status_code == 204
        await server.until_gone(kernel_id)
        async with asyncio.timeout(10):
            while service.holder.kernels():
                await asyncio.sleep(0.02)


async def test_a_refusal_of_the_service_is_the_kernels_reason(
    service: Running, tmp_path: Path
) -> None:
    (service.folder / "kernels/cluster/kernel.json").unlink()
    async with user_server(service, tmp_path) as server:
        kernel_id = (await server.start())["id"]
        model = await server.until(kernel_id, lambda model: model["execution_state"] == "dead")
        assert "There is no kernelspec" in model["reason"]
