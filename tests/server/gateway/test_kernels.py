"""What a client of the gateway does with its kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from server.gateway.serving import gateway

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.jupyter


async def test_a_kernel_is_started_listed_and_shut_down(tmp_path: Path) -> None:
    async with gateway(tmp_path) as served:
        kernel = await served.start("a")

        listed = await served.request("a", "GET", "/api/kernels")
        assert [each["id"] for each in listed.json()] == [kernel]
        assert (await served.request("b", "GET", "/api/kernels")).json() == []
        answer = await served.request("a", "DELETE", f"/api/kernels/{kernel}")
        assert answer.status_code == 204
