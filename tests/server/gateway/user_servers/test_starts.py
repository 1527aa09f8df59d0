"""Starts of kernels for users' own servers: requests, refusals, cancelled starts."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

import pytest

from server.gateway.user_servers.holding import GIB, request, stub, until_true
from server.gateway.user_servers.specs import SPEC
from yarnhub.base.errors import (
    SpecError,
    YarnhubError,
)
from yarnhub.client.errors import ApplicationFailedError
from yarnhub.control.outcomes import Cause, Outcome
from yarnhub.kernels.service_protocol import KernelNotFoundError, KernelServiceError

if TYPE_CHECKING:
    from server.gateway.user_servers.serving import Running
    from yarnhub.integrations.kernels.gateway_holder import GatewayHolder

pytestmark = pytest.mark.jupyter


async def test_the_service_makes_the_request(service: Running, holder: GatewayHolder) -> None:
    kernel = await holder.start(request(cwd="/home/alice/a", notebook="a.ipynb"))
    made = stub(service, kernel).request
    assert (made.owner, made.user) == ("alice", "alice1")
    assert made.argv == tuple(SPEC["argv"])
    assert made.prologue == "export THIRD_SECRET=1"
    assert (made.cwd, made.notebook) == ("/nfs/home/alice/a", "a.ipynb")
    assert made.env["SECRET"] == "of the service"
    assert made.env["KERNEL_A"] == "1"
    assert "PATH" not in made.env
    assert made.memory == GIB
    assert kernel.key == f"key-of-{kernel.id}"
    assert kernel.request.owner == "alice"
    assert "SECRET" not in kernel.request.env
    assert kernel.request.prologue == ""


async def test_what_the_kernelspec_does_not_allow_is_refused(
    service: Running, holder: GatewayHolder
) -> None:
    with pytest.raises(SpecError, match="at most 2 GiB") as refused:
        await holder.start(request(env={"KERNEL_MEMORY": "3 GiB"}))
    assert refused.value.path == "KERNEL_MEMORY"
    with pytest.raises(SpecError, match="your own name"):
        await holder.start(request(env={"KERNEL_USERNAME": "bob"}))
    for name in ("nosuch", "secret", "local", "../python", "", "a b"):
        with pytest.raises(KernelNotFoundError, match="no kernelspec"):
            await holder.start(request(name=name))
    assert service.stub.held == {}
    assert holder.kernels() == []


async def test_a_refusal_of_yarn_arrives_as_it_is(service: Running, holder: GatewayHolder) -> None:
    outcome = Outcome(cause=Cause.REFUSED, raw="queue nosuch does not exist")
    service.stub.refusal = ApplicationFailedError("application_1", "FAILED", outcome)
    with pytest.raises(ApplicationFailedError, match="nosuch") as refused:
        await holder.start(request())
    assert refused.value.outcome == outcome
    service.stub.refusal = YarnhubError("YARN does not respond")
    with pytest.raises(KernelServiceError, match="YARN does not respond"):
        await holder.start(request())


async def test_only_allowed_variables_reach_a_kernel(
    service: Running, holder: GatewayHolder
) -> None:
    service.service = dataclasses.replace(service.service, allowed_env=("KERNEL_A*",))
    service.kernels.service = service.service
    kernel = await holder.start(request(env={"KERNEL_A": "1", "KERNEL_B": "2"}))
    made = stub(service, kernel).request.env
    assert made["KERNEL_A"] == "1"
    assert "KERNEL_B" not in made


async def test_a_cancelled_start_leaves_nothing(service: Running, holder: GatewayHolder) -> None:
    service.stub.accepts.clear()
    asked = request()
    async with asyncio.TaskGroup() as group:
        start = group.create_task(holder.start(asked))
        await until_true(lambda: service.stub.starts)
        start.cancel()
    await until_true(lambda: not service.stub.starts)
    service.stub.accepts.set()
    # It is allowed to be started again.
    await holder.start(asked)
    assert list(service.stub.held) == [asked.id]
    assert [each.id for each in holder.kernels()] == [asked.id]


async def test_a_start_that_is_cancelled_too_late_is_stopped(
    service: Running, holder: GatewayHolder
) -> None:
    for turns in (0, 1, 5, 20, 80):
        async with asyncio.TaskGroup() as group:
            start = group.create_task(holder.start(request()))
            for _ in range(turns):
                await asyncio.sleep(0)
            if not start.cancel():
                await start.result().stop()
                holder.forget(start.result().id)
    await until_true(lambda: not service.stub.held)
    assert holder.kernels() == []


async def test_a_start_goes_on_when_the_service_is_restarted(
    service: Running, holder: GatewayHolder
) -> None:
    service.stub.accepts.clear()
    asked = request()
    async with asyncio.TaskGroup() as group:
        start = group.create_task(holder.start(asked))
        await until_true(lambda: service.stub.starts)
        await service.kill()
        await until_true(lambda: not service.stub.starts)
        service.stub.accepts.set()
        await service.start()
    assert start.result().id == asked.id
    assert list(service.stub.held) == [asked.id]


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "../../x",
        "AAAAAAAA-0000-4000-8000-000000000000",
        "aaaaaaaa-0000-4000-8000-000000000000\n",
    ],
)
async def test_an_id_that_is_no_uuid_is_not_sent(holder: GatewayHolder, wrong: str) -> None:
    with pytest.raises(SpecError, match="UUID"):
        await holder.start(request(id=wrong))
