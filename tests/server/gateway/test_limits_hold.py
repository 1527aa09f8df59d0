"""Limits count what YARN holds, whatever a kernel or its user says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integrations.kernels.fake_holder import OUT_OF_MEMORY, FakeHolder
from server.gateway.running import ready, running, until
from yarnhub.base.errors import YarnhubError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.jupyter


class Unreachable(FakeHolder):
    """YARN does not respond."""

    unreachable = YarnhubError("YARN does not respond")


async def test_a_kernel_says_what_it_likes_and_counts(tmp_path: Path) -> None:
    async with running(tmp_path, user_limit={"kernels": 1}) as service:
        kernel = await service.start("a")
        await ready(service, "a", kernel)
        # Jupyter Server takes it from the messages that a kernel publishes.
        managed = service.service.manager.get_kernel(kernel)
        managed.execution_state = "invented"
        text = (await service.client.get(f"{service.url}metrics")).text
        managed.execution_state = "dead"

        second = await service.request("a", "POST", "api/kernels", json={"name": "cluster"})

        assert 'yarnhub_kernels{state="unknown"} 1.0' in text
        assert "invented" not in text
        assert second.status_code == 403
        assert "1 kernel of 1 kernel in use" in second.json()["message"]


async def test_a_restart_of_a_dead_kernel_is_limited_like_a_start(tmp_path: Path) -> None:
    async with running(tmp_path, user_limit={"kernels": 1}) as service:
        first = await service.start("a")
        await ready(service, "a", first)
        await service.holders[0].held[first].die(OUT_OF_MEMORY)
        await until(service, "a", first, "dead")
        second = await service.start("a")
        await ready(service, "a", second)

        refused = await service.request("a", "POST", f"api/kernels/{first}/restart")
        assert refused.status_code == 403
        assert "1 kernel of 1 kernel in use" in refused.json()["message"]
        assert await service.state("a", first) == "dead"

        await service.request("a", "DELETE", f"api/kernels/{second}")
        await until(service, "a", second, "gone")
        again = await service.request("a", "POST", f"api/kernels/{first}/restart")
        assert again.status_code == 200, again.text
        await ready(service, "a", first)
        full = await service.request("a", "POST", "api/kernels", json={"name": "cluster"})
        assert full.status_code == 403


async def test_a_kernel_that_is_ending_counts_and_the_refusal_says_so(tmp_path: Path) -> None:
    async with running(tmp_path, user_limit={"kernels": 1}) as service:
        first = await service.start("a")
        await ready(service, "a", first)
        held = service.holders[0].held[first]
        held.may_end.clear()
        await service.request("a", "DELETE", f"api/kernels/{first}")
        await until(service, "a", first, "gone")

        refused = await service.request("a", "POST", "api/kernels", json={"name": "cluster"})

        assert refused.status_code == 403
        assert "1 kernel of 1 kernel in use" in refused.json()["message"]
        assert "is still ending: try again" in refused.json()["message"]
        held.may_end.set()


async def test_a_kernel_that_has_not_been_found_again_counts_with_its_size(tmp_path: Path) -> None:
    async with running(tmp_path, end=False) as service:
        kernel = await service.start("a")
        await ready(service, "a", kernel)
        (held,) = service.service.owners.held({})
        assert held.size.memory > 0
        assert held.size.vcores > 0

    async with running(tmp_path, make=Unreachable) as service:
        assert service.service.owners.held({}) == [held]

    async with running(tmp_path) as service:
        await until(service, "a", kernel, "idle")
