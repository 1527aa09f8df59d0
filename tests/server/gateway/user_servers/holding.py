"""What tests of the API for users' own servers share: a service, a holder, requests and waits."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

from yarnhub.kernels.request import KernelRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.gateway.user_servers.serving import Running
    from server.gateway.user_servers.stub_holder import StubKernel
    from yarnhub.kernels.kernel import Kernel, KernelStatus

GIB = 2**30


def request(**changes: Any) -> KernelRequest:
    defaults: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "owner": "whoever",
        "user": "root",
        "name": "python",
        "argv": ("evil", "{connection_file}"),
        "prologue": "evil",
        "env": {"KERNEL_A": "1", "PATH": "/evil"},
    }
    return KernelRequest(**(defaults | changes))


async def until(kernel: Kernel, true: Callable[[KernelStatus], object]) -> KernelStatus:
    status = kernel.status
    async with asyncio.timeout(20):
        while not true(status):
            status = await kernel.changed(status)
    return status


async def until_true(true: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


def stub(service: Running, kernel: Kernel) -> StubKernel:
    return service.stub.held[kernel.id]
