"""The channels of kernels, from a user's own server through the service."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from server.gateway.user_servers.holding import request, stub, until_true
from yarnhub.base.errors import (
    DeadlineExceededError,
    YarnhubError,
)
from yarnhub.kernels.protocol import Channel

if TYPE_CHECKING:
    from server.gateway.user_servers.serving import Running
    from yarnhub.integrations.kernels.gateway_holder import GatewayHolder

pytestmark = pytest.mark.jupyter


async def test_a_channel_carries_bytes_both_ways(service: Running, holder: GatewayHolder) -> None:
    kernel = await holder.start(request())
    reader, writer = await kernel.open(Channel.SHELL)
    sent = bytes(range(256)) * 40_000  # 10 MB
    with contextlib.closing(writer):
        async with asyncio.TaskGroup() as group:
            found = group.create_task(reader.readexactly(len(sent)))
            writer.write(sent)
            await writer.drain()
    assert found.result() == sent
    await until_true(lambda: not len(service.service.websockets))


async def test_a_channel_ends_with_either_side(service: Running, holder: GatewayHolder) -> None:
    kernel = await holder.start(request())
    far = stub(service, kernel)
    far.echoes = False
    reader, writer = await kernel.open(Channel.SHELL)
    far.far[-1][1].close()
    async with asyncio.timeout(20):
        assert await reader.read() == b""
    writer.close()
    reader, writer = await kernel.open(Channel.SHELL)
    writer.close()
    async with asyncio.timeout(20):
        assert await far.far[-1][0].read() == b""
    reader, writer = await kernel.open(Channel.SHELL)
    await service.kill()
    async with asyncio.timeout(20):
        assert await reader.read() == b""
    writer.close()


async def test_who_does_not_read_holds_the_other_back(
    service: Running, holder: GatewayHolder
) -> None:
    kernel = await holder.start(request())
    far = stub(service, kernel)
    far.echoes = False
    reader, writer = await kernel.open(Channel.IOPUB)
    for each, other in ((far.far[-1][1], reader), (writer, far.far[-1][0])):
        sent = await _filled(each)
        assert sent < 20_000_000
        async with asyncio.timeout(20):
            found = 0
            while found < sent:
                found += len(await other.read(1 << 20))
    writer.close()


async def _filled(writer: asyncio.StreamWriter) -> int:
    """Write until nothing goes on for a while."""
    sent = 0
    while True:
        writer.write(bytes(1 << 20))
        sent += 1 << 20
        try:
            async with asyncio.timeout(1):
                await writer.drain()
        except TimeoutError:
            return sent


async def test_a_channel_waits_for_the_launcher_until_its_deadline(
    service: Running, holder: GatewayHolder
) -> None:
    kernel = await holder.start(request())
    stub(service, kernel).connects = False
    with pytest.raises(DeadlineExceededError):
        await kernel.open(Channel.SHELL, deadline=0.3)
    await until_true(lambda: not stub(service, kernel).opening)
    async with asyncio.TaskGroup() as group:
        opened = group.create_task(kernel.open(Channel.SHELL))
        await until_true(lambda: stub(service, kernel).opening)
        stub(service, kernel).connects = True
        stub(service, kernel).change(dropped=1)
    opened.result()[1].close()


async def test_cancelled_opens_leave_nothing(service: Running, holder: GatewayHolder) -> None:
    kernel = await holder.start(request())
    far = stub(service, kernel)
    far.connects = False
    async with asyncio.TaskGroup() as group:
        opens = [group.create_task(kernel.open(Channel.SHELL)) for _ in range(20)]
        await until_true(lambda: far.opening == 20)
        for each in opens:
            each.cancel()
    await until_true(lambda: not far.opening and not len(service.service.websockets))
    far.connects = True
    for turns in (0, 1, 2, 5, 10, 20, 40, 80):
        async with asyncio.TaskGroup() as group:
            each = group.create_task(kernel.open(Channel.SHELL))
            for _ in range(turns):
                await asyncio.sleep(0)
            if not each.cancel():
                each.result()[1].close()
    await until_true(lambda: not far.opening and not len(service.service.websockets))
    await until_true(lambda: not holder.channels._tasks._tasks)


async def test_a_channel_is_opened_when_the_service_is_back(
    service: Running, holder: GatewayHolder
) -> None:
    kernel = await holder.start(request())
    await service.kill()
    async with asyncio.TaskGroup() as group:
        opened = group.create_task(kernel.open(Channel.SHELL))
        await asyncio.sleep(0.2)
        await service.start()
    reader, writer = opened.result()
    writer.write(b"here")
    assert await reader.readexactly(4) == b"here"
    writer.close()


async def test_a_dead_kernel_has_no_channels(service: Running, holder: GatewayHolder) -> None:
    kernel = await holder.start(request())
    await stub(service, kernel).stop()
    with pytest.raises(YarnhubError, match="is dead"):
        await holder.channels.open(kernel.id, Channel.SHELL, 5)
