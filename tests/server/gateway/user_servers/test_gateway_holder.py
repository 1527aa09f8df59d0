"""`GatewayHolder` and the service, over real connections: states, actions, restarts."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

import pytest

from server.gateway.user_servers.holding import request, stub, until, until_true
from yarnhub.base.errors import (
    ConfigurationError,
    YarnhubError,
)
from yarnhub.client.explain.reasons import Diagnostics
from yarnhub.control.outcomes import Cause, Outcome
from yarnhub.integrations.kernels.gateway_holder import GatewayHolder
from yarnhub.integrations.kernels.gateway_settings import GatewaySettings, settings_from_environment
from yarnhub.kernels.kernel import KernelState
from yarnhub.kernels.protocol import Activity, Channel

if TYPE_CHECKING:
    from server.gateway.user_servers.serving import Running

pytestmark = pytest.mark.jupyter


async def test_states_arrive(service: Running, holder: GatewayHolder) -> None:
    kernel = await holder.start(request())
    far = stub(service, kernel)
    far.change(
        state=KernelState.WAITING, waits_for=Diagnostics("the queue is full"), connected=False
    )
    status = await until(kernel, lambda status: status.state is KernelState.WAITING)
    assert status == far.status
    far.change(state=KernelState.RUNNING, activity=Activity.BUSY, active=12.5, connected=True)
    assert (await until(kernel, lambda status: status.active)).activity is Activity.BUSY
    far.change(state=KernelState.DEAD, outcome=Outcome(cause=Cause.MEMORY, exit_code=-104))
    status = await until(kernel, lambda status: status.state is KernelState.DEAD)
    assert status.outcome == Outcome(cause=Cause.MEMORY, exit_code=-104)


async def test_a_kernel_that_the_service_does_not_have_is_gone(
    service: Running, holder: GatewayHolder
) -> None:
    kernel = await holder.start(request())
    await service.kill()
    await until(kernel, lambda status: not status.connected)
    del service.stub.held[kernel.id]
    service.ready = False
    await service.start()
    await asyncio.sleep(0.3)
    assert kernel.status.state is KernelState.RUNNING, "503 is not 404"
    service.ready = True
    status = await until(kernel, lambda status: status.state is KernelState.DEAD)
    assert status.outcome is not None
    assert status.outcome.cause is Cause.FORGOTTEN
    await kernel.stop()
    holder.forget(kernel.id)
    assert holder.find(kernel.id) is None


async def test_kernels_are_as_they_were_while_the_service_is_restarted(
    service: Running, holder: GatewayHolder
) -> None:
    kernel = await holder.start(request())
    for _ in range(3):
        await service.kill()
        status = await until(kernel, lambda status: not status.connected)
        assert status.state is KernelState.RUNNING
        await service.start()
        assert (await until(kernel, lambda status: status.connected)).node == "n1"
    await kernel.signal(2)
    assert stub(service, kernel).signals == [2]


async def test_a_holder_finds_the_kernels_of_the_one_before(service: Running) -> None:
    async with service.client() as holder:
        first = await holder.start(request())
    assert stub(service, first).status.state is KernelState.RUNNING
    async with service.client() as holder:
        (found,) = holder.kernels()
        assert (found.id, found.key) == (first.id, first.key)
        assert found.application_id == first.application_id
        assert found.status == first.status
        with pytest.raises(YarnhubError, match=found.id):
            await holder.start(request(id=found.id))


async def test_a_holder_is_not_entered_without_the_service(service: Running) -> None:
    await service.kill()
    with pytest.raises(YarnhubError, match="not reachable"):
        async with service.client():
            pass
    service.ready = False
    await service.start()
    with pytest.raises(YarnhubError, match="not ready"):
        async with service.client():
            pass


async def test_signals_restarts_and_the_end(service: Running, holder: GatewayHolder) -> None:
    kernel = await holder.start(request())
    await kernel.signal(15)
    assert stub(service, kernel).signals == [15]
    assert await kernel.restart() == 2
    await until(kernel, lambda status: status.generation == 2)
    stub(service, kernel).kept = [[b"a", b""], [b"<IDS|MSG>"]]
    assert await kernel.history() == [[b"a", b""], [b"<IDS|MSG>"]]
    assert await kernel.history() == []
    await kernel.stop()
    assert kernel.status.state is KernelState.DEAD
    await kernel.stop()
    await kernel.signal(2)
    for call in (kernel.open(Channel.SHELL), kernel.restart(), kernel.history()):
        with pytest.raises(YarnhubError, match="dead"):
            await call
    holder.forget(kernel.id)
    assert holder.kernels() == []
    await until_true(lambda: not service.stub.held)
    audit = [json.loads(line) for line in (service.folder / "audit.jsonl").read_text().splitlines()]
    assert [each["event"] for each in audit] == ["start", "interrupt", "restart", "stop"]
    assert {each["owner"] for each in audit} == {"alice"}


async def test_a_kernel_can_be_started_again_with_its_id(
    service: Running, holder: GatewayHolder
) -> None:
    asked = request()
    first = await holder.start(asked)
    await first.stop()
    holder.forget(first.id)
    second = await holder.start(asked)
    assert second.status.state is KernelState.RUNNING
    assert service.stub.held[asked.id].status.state is KernelState.RUNNING


async def test_tokens_are_in_no_log_and_no_message(
    service: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = "token-that-nobody-sees"
    service.hub.users[token] = "alice"
    async with service.client(token) as holder:
        kernel = await holder.start(request())
        (await kernel.open(Channel.SHELL))[1].close()
        await service.kill()
        holder_errors = []
        for call in (kernel.open(Channel.SHELL, deadline=0.3), holder.client.kernels("", 0)):
            with pytest.raises(YarnhubError) as failed:
                await call
            holder_errors.append(repr(failed.value))
        await service.start()
        await until(kernel, lambda status: status.connected)
    assert token not in caplog.text + str(holder_errors) + repr(service.settings(token))
    assert kernel.key not in caplog.text


def test_the_settings_of_a_users_server() -> None:
    variables = {
        "YARNHUB_GATEWAY_URL": "https://hub/services/gateway/",
        "YARNHUB_GATEWAY_CA": "/etc/ca.pem",
        "JUPYTERHUB_API_TOKEN": "old",
    }
    settings = settings_from_environment(variables)
    variables["JUPYTERHUB_API_TOKEN"] = "new"
    assert settings.headers() == {"Authorization": "token new"}
    assert settings.ca == "/etc/ca.pem"
    assert settings.root == "https://hub/services/gateway/yarnhub/api"
    with pytest.raises(ConfigurationError, match="YARNHUB_GATEWAY_URL"):
        settings_from_environment({})
    with pytest.raises(ConfigurationError, match=r"ca\.pem"):
        GatewayHolder(settings)
    with pytest.raises(ConfigurationError, match="not a URL"):
        GatewayHolder(GatewaySettings(url="ftp://x", token=lambda: ""))
