"""Kernels of a Jupyter server that run in containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.kernels.servers import serving

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_kernel_runs_cells(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        model = await server.start()
        assert model["execution_state"] == "starting"
        async with server.client(model["id"]) as client:
            assert await client.result("6 * 7") == "42"
        await server.until(model["id"], lambda each: each["execution_state"] == "idle")
        deleted = await server.http.delete(f"/api/kernels/{model['id']}")
        assert deleted.status_code == 204
        await server.until_gone(model["id"])
        assert server.holder.kernels() == []
