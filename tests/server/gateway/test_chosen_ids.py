"""Ids that clients choose, when another user's kernel has them: ids can be seen in YARN."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

import pytest

from integrations.kernels.fake_holder import FakeHolder
from server.gateway.running import running, until
from yarnhub.base.errors import SpecError
from yarnhub.kernels.kernel import KernelState

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from integrations.kernels.fake_holder import FakeKernel
    from server.gateway.running import Running
    from yarnhub.kernels.request import KernelRequest

pytestmark = pytest.mark.jupyter


class Strict(FakeHolder):
    """It has each id once, like `LocalKernelHolder`."""

    async def start(self, request: KernelRequest) -> FakeKernel:
        if request.id in self.held:
            raise SpecError("id", f"there is a kernel {request.id} already")
        return await super().start(request)


async def of_bobs_server(service: Running, kernel_id: str) -> FakeKernel:
    body = {"name": "cluster"}
    answer = await service.request("b", "PUT", f"yarnhub/api/kernels/{kernel_id}", json=body)
    assert answer.status_code == 200, answer.text
    return service.holders[0].held[kernel_id]


async def test_a_kernel_of_another_users_server_is_not_started_found_or_ended(
    tmp_path: Path,
) -> None:
    kernel_id = str(uuid.uuid4())
    async with running(tmp_path, make=Strict) as service:
        kernel = await of_bobs_server(service, kernel_id)
        body = {"name": "cluster", "kernel_id": kernel_id}

        answer = await service.request("a", "POST", "api/kernels", json=body)
        own = await service.request("b", "POST", "api/kernels", json=body)

        assert answer.status_code == 404
        assert answer.json()["message"] == f"Kernel does not exist: {kernel_id}"
        assert own.status_code == 409
        assert (await service.request("a", "GET", "api/kernels")).json() == []
        assert kernel.stopped == 0
        assert kernel.status.state is not KernelState.DEAD
        assert [line["actor"] for line in service.audit if line["event"] == "refuse"] == [
            *("alice", "bob")
        ]


async def test_nor_while_the_service_does_not_know_its_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel_id = str(uuid.uuid4())
    async with running(tmp_path, make=Strict) as service:
        kernel = await of_bobs_server(service, kernel_id)
        monkeypatch.setattr(service.service.owners, "owner_elsewhere", lambda _: "")

        await service.start("a", kernel_id=kernel_id)

        await until(service, "a", kernel_id, "dead")
        answer = await service.request("a", "DELETE", f"api/kernels/{kernel_id}")
        assert answer.status_code == 204
        await until(service, "a", kernel_id, "gone")
        holding = service.service.manager.holding
        async with asyncio.timeout(30):
            while holding.records.get(kernel_id) is not None:
                await asyncio.sleep(0.02)
        assert kernel.stopped == 0
        assert kernel.status.state is not KernelState.DEAD
        assert (await holding.find(kernel_id, str)) is None


async def test_a_kernel_that_was_started_meanwhile_keeps_its_owner(tmp_path: Path) -> None:
    kernel_id = str(uuid.uuid4())
    async with running(tmp_path, make=Strict) as service:
        specs = service.service.specs
        reading, go_on = asyncio.Event(), asyncio.Event()
        read: Any = specs.get_kernel_spec

        async def slowly(name: str) -> Any:
            reading.set()
            await go_on.wait()
            return read(name)

        specs.get_kernel_spec = slowly
        async with asyncio.TaskGroup() as group:
            path, body = f"yarnhub/api/kernels/{kernel_id}", {"name": "cluster"}
            other = group.create_task(service.request("a", "PUT", path, json=body))
            await reading.wait()
            specs.get_kernel_spec = read
            service.service.owners.owner_elsewhere = lambda _: ""
            await service.start("b", kernel_id=kernel_id)
            go_on.set()

        assert other.result().status_code == 409
        owned = service.service.owners.find(kernel_id)
        assert owned is not None
        assert owned.owner == "bob"
