"""Limits on what users' own servers can hold and request at the same time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from server.gateway.user_servers.serving import Running, running
from server.gateway.user_servers.specs import install
from yarnhub.base.errors import (
    DeadlineExceededError,
)
from yarnhub.kernels.protocol import Channel
from yarnhub.kernels.service_protocol import KernelServiceError
from yarnhub.sessions.limited_kinds import KERNELS
from yarnhub.sessions.limits import Limit, Limits

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.integrations.kernels.gateway_holder import GatewayHolder


from server.gateway.user_servers.holding import GIB, request, stub, until, until_true

pytestmark = pytest.mark.jupyter


async def test_limits_hold_whatever_is_started_at_once(tmp_path: Path) -> None:
    install(tmp_path, "python")
    limits = Limits(kind=KERNELS, user=Limit(memory=3 * GIB))
    async with running(tmp_path, limits=limits) as service, service.client() as holder:
        service.stub.accepts.clear()
        async with asyncio.TaskGroup() as group:
            starts = [group.create_task(_started(holder)) for _ in range(6)]
            await until_true(lambda: sum(each.done() for each in starts) == 3)
            service.stub.accepts.set()
        refused = [each.result() for each in starts if each.result()]
        assert len(refused) == 3
        assert all("the limit of the user alice" in each for each in refused)
        assert len(service.stub.held) == 3
        assert "limit" in await _started(holder)
        async with service.client("b") as other:
            assert await _started(other) == ""
        await holder.kernels()[0].stop()
        assert await _started(holder) == ""


async def test_what_is_held_counts_for_other_clients_too_at_once_after_a_restart(
    service: Running, holder: GatewayHolder
) -> None:
    await holder.start(request())
    dead = await holder.start(request())
    await dead.stop()
    await service.kill()
    await service.start()
    owners = service.service.owners
    await until_true(lambda: owners.held({}))
    (held,) = owners.held({"alice": frozenset({"g"})})
    assert (held.owner, held.groups, held.size.memory) == ("alice", frozenset({"g"}), GIB)


async def _started(holder: GatewayHolder) -> str:
    try:
        await holder.start(request())
    except KernelServiceError as error:
        return str(error)
    return ""


async def test_one_request_is_for_all_kernels(service: Running, holder: GatewayHolder) -> None:
    kernels = [await holder.start(request()) for _ in range(20)]
    polls = service.kernels.polls.waiting
    await until_true(lambda: polls["alice"] == 1)
    for number, kernel in enumerate(kernels):
        stub(service, kernel).change(dropped=number + 1)
    for number, kernel in enumerate(kernels):
        await until(kernel, lambda status, number=number: status.dropped == number + 1)  # type: ignore[misc]
    assert polls["alice"] <= 1


async def test_a_thousand_polls_leave_nothing(service: Running, holder: GatewayHolder) -> None:
    kernel = await holder.start(request())
    tag = (await service.request("a", "GET", "kernels")).headers["ETag"]
    before = len(asyncio.all_tasks())
    async with asyncio.timeout(60):
        for _ in range(12):
            async with asyncio.TaskGroup() as group:
                polls = [group.create_task(_poll(service, tag)) for _ in range(85)]
                await until_true(lambda: service.kernels.polls.waiting["alice"] >= 85)
                for each in polls[::2]:
                    each.cancel()
                stub(service, kernel).change(active=stub(service, kernel).status.active + 1)
                for each in polls[1::2]:
                    tag = await each
            await until_true(lambda: service.kernels.polls.waiting["alice"] <= 1)
    await until_true(lambda: len(asyncio.all_tasks()) <= before + 5)


async def _poll(service: Running, tag: str) -> str:
    answer = await service.request(
        "a", "GET", "kernels", headers={"If-None-Match": tag, "Prefer": "wait=30"}
    )
    assert answer.status_code == 200, answer.text
    return str(answer.headers["ETag"])


async def test_too_many_polls_of_a_user_are_refused(service: Running) -> None:
    tag = (await service.request("a", "GET", "kernels")).headers["ETag"]
    async with asyncio.TaskGroup() as group:
        polls = [group.create_task(_poll(service, tag)) for _ in range(100)]
        await until_true(lambda: service.kernels.polls.waiting["alice"] == 100)
        headers = {"If-None-Match": tag, "Prefer": "wait=30"}
        answer = await service.request("a", "GET", "kernels", headers=headers)
        assert answer.status_code == 429
        assert (await service.request("b", "GET", "kernels")).status_code == 200
        for each in polls:
            each.cancel()


async def test_channels_of_a_user_are_bounded(tmp_path: Path) -> None:
    install(tmp_path, "python")
    async with running(tmp_path, websockets=3) as service, service.client() as holder:
        kernel = await holder.start(request())
        writers = [(await kernel.open(Channel.SHELL))[1] for _ in range(3)]
        with pytest.raises(DeadlineExceededError, match="most that are allowed"):
            await kernel.open(Channel.SHELL, deadline=0.5)
        writers.pop().close()
        writers.append((await kernel.open(Channel.SHELL))[1])
        for each in writers:
            each.close()
