"""Several services behind one address."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from server.gateway.running import running

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.jupyter
async def test_two_services_side_by_side_and_a_rolling_restart(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for each in folders:
        each.mkdir()
    settings: dict[str, Any] = {
        "shared_folder": str(tmp_path / "shared"),
        "user_limit": {"kernels": 2},
    }
    body = {"name": "cluster"}
    async with running(folders[1], **settings) as two:
        async with running(folders[0], end=False, **settings) as one:
            first = await one.start("a")
            second = await two.start("a")
            for service in (one, two):
                refused = await service.request("a", "POST", "api/kernels", json=body)
                assert refused.status_code == 403, refused.text
                assert "2 kernels of 2 kernels in use" in refused.json()["message"]
            await two.start("b")
        refused = await two.request("a", "POST", "api/kernels", json=body)
        assert refused.status_code == 403, "the kernel of the service that is restarted counts"
        async with running(folders[0], **settings) as one:
            assert await one.state("a", first) != "gone"
            refused = await one.request("a", "POST", "api/kernels", json=body)
            assert refused.status_code == 403
            await one.request("a", "DELETE", f"api/kernels/{first}")
            async with asyncio.timeout(30):
                while await one.state("a", first) != "gone":
                    await asyncio.sleep(0.05)
            await one.start("a")
            assert await two.state("a", second) != "gone"
