"""`GatewayHolder` and the service's REST API for it, over real connections."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from server.gateway.user_servers.serving import Running, running
from server.gateway.user_servers.specs import SPEC, install
from yarnhub.base.errors import (
    AuthenticationError,
    ConfigurationError,
    DeadlineExceededError,
    SpecError,
    YarnhubError,
)
from yarnhub.client.errors import ApplicationFailedError
from yarnhub.client.explain.reasons import Diagnostics
from yarnhub.control.outcomes import Cause, Outcome
from yarnhub.integrations.kernels.gateway_holder import GatewayHolder
from yarnhub.integrations.kernels.gateway_settings import GatewaySettings, settings_from_environment
from yarnhub.kernels.kernel import Kernel, KernelState, KernelStatus
from yarnhub.kernels.protocol import Activity, Channel
from yarnhub.kernels.request import KernelRequest
from yarnhub.kernels.service_protocol import KernelNotFoundError, KernelServiceError
from yarnhub.server.gateway.limits import Limit, Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from server.gateway.user_servers.stub_holder import StubKernel

pytestmark = pytest.mark.jupyter

GIB = 2**30


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Running]:
    for name in ("python", "secret"):
        install(tmp_path, name)
    install(tmp_path, "local", SPEC | {"metadata": {}})
    async with running(tmp_path) as service:
        yield service


@pytest.fixture
async def holder(service: Running) -> AsyncIterator[GatewayHolder]:
    async with service.client() as holder:
        yield holder


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


# --- the start


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


async def test_limits_hold_whatever_is_started_at_once(tmp_path: Path) -> None:
    install(tmp_path, "python")
    limits = Limits(user=Limit(memory=3 * GIB))
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


async def test_only_allowed_variables_reach_a_kernel(
    service: Running, holder: GatewayHolder
) -> None:
    service.service = dataclasses.replace(service.service, allowed_env=("KERNEL_A*",))
    service.kernels.service = service.service
    kernel = await holder.start(request(env={"KERNEL_A": "1", "KERNEL_B": "2"}))
    made = stub(service, kernel).request.env
    assert made["KERNEL_A"] == "1"
    assert "KERNEL_B" not in made


async def _started(holder: GatewayHolder) -> str:
    try:
        await holder.start(request())
    except KernelServiceError as error:
        return str(error)
    return ""


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


async def test_a_start_can_be_repeated(service: Running) -> None:
    kernel_id = str(uuid.uuid4())
    body = {"name": "python", "env": {}}
    async with asyncio.TaskGroup() as group:
        answers = [
            group.create_task(service.request("a", "PUT", f"kernels/{kernel_id}", json=body))
            for _ in range(5)
        ]
    assert len({each.result().content for each in answers}) == 1
    assert len(service.stub.held) == 1
    audit = [json.loads(line) for line in (service.folder / "audit.jsonl").read_text().splitlines()]
    assert [each["event"] for each in audit] == ["start"]


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


# --- states


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


async def test_one_request_is_for_all_kernels(service: Running, holder: GatewayHolder) -> None:
    kernels = [await holder.start(request()) for _ in range(20)]
    polls = service.kernels._polls
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
                await until_true(lambda: service.kernels._polls["alice"] >= 85)
                for each in polls[::2]:
                    each.cancel()
                stub(service, kernel).change(active=stub(service, kernel).status.active + 1)
                for each in polls[1::2]:
                    tag = await each
            await until_true(lambda: service.kernels._polls["alice"] <= 1)
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
        await until_true(lambda: service.kernels._polls["alice"] == 100)
        headers = {"If-None-Match": tag, "Prefer": "wait=30"}
        answer = await service.request("a", "GET", "kernels", headers=headers)
        assert answer.status_code == 429
        assert (await service.request("b", "GET", "kernels")).status_code == 200
        for each in polls:
            each.cancel()


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


# --- what is done to kernels


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


async def test_kernels_of_others_do_not_exist(service: Running, holder: GatewayHolder) -> None:
    kernel = await holder.start(request())
    unknown = str(uuid.uuid4())
    async with service.client("b") as other:
        assert other.kernels() == []
        with pytest.raises(KernelNotFoundError):
            await other.start(request(id=kernel.id))
        for call in (other.client.stop(kernel.id, now=True), other.client.signal(kernel.id, 9)):
            with pytest.raises(KernelNotFoundError):
                await call
        with pytest.raises(KernelNotFoundError):
            await other.channels.open(kernel.id, Channel.IOPUB, 5)
    for method, path in (
        ("GET", "{}"), ("DELETE", "{}"), ("POST", "{}/stop"), ("POST", "{}/restart"),
        ("POST", "{}/history"), ("GET", "{}/channels/shell"), ("PUT", "{}"),
    ):  # fmt: skip
        answers = []
        for each in (kernel.id, unknown):
            if (method, each) == ("PUT", unknown):
                continue
            where = f"kernels/{path.format(each)}"
            answer = await service.request("b", method, where, json={"name": "python"})
            answers.append((answer.status_code, answer.text.replace(each, "ID")))
        assert {status for status, _ in answers} == {404}, (method, path, answers)
        assert len(set(answers)) == 1
    assert stub(service, kernel).status.state is KernelState.RUNNING
    assert stub(service, kernel).signals == []


async def test_requests_without_a_valid_token_are_refused(service: Running) -> None:
    async with service.client() as holder:
        kernel = await holder.start(request())
        for user in ("", "nobody"):
            for method, path in (
                ("GET", "kernels"), ("PUT", f"kernels/{uuid.uuid4()}"), ("GET", "kernelspecs"),
                ("GET", f"kernels/{kernel.id}/channels/shell"),
                ("POST", f"kernels/{kernel.id}/stop"),
            ):  # fmt: skip
                answer = await service.request(user, method, path)
                assert answer.status_code == 403, (method, path)
    with pytest.raises(AuthenticationError):
        async with service.client("nobody"):
            pass
    with pytest.raises(AuthenticationError, match="no token"):
        async with service.client(""):
            pass


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("{}", "x"), ("{}", "[]"), ("{}", '{"name": 3}'), ("{}", '{"name": "python", "env": 1}'),
        ("{}", "[" * 100_000), ("{}", '{"name": "python", "env": {"KERNEL_\\u0000": ""}}'),
    ],
)  # fmt: skip
async def test_invalid_bodies_are_refused(service: Running, path: str, body: str) -> None:
    where = f"kernels/{path.format(uuid.uuid4())}"
    assert (await service.request("a", "PUT", where, content=body)).status_code == 400
    assert service.stub.held == {}


async def test_a_large_body_is_refused(service: Running) -> None:
    body = json.dumps({"name": "python", "env": {"KERNEL_A": "x" * 10_000_000}})
    with contextlib.suppress(OSError, Exception):
        answer = await service.request("a", "PUT", f"kernels/{uuid.uuid4()}", content=body)
        assert answer.status_code in {400, 413}
    assert service.stub.held == {}


@pytest.mark.parametrize("number", [0, -1, 65, "9", 2.0, True, None, 10**30])
async def test_only_signals_are_sent(service: Running, number: object) -> None:
    async with service.client() as holder:
        kernel = await holder.start(request())
        path = f"kernels/{kernel.id}/signal"
        answer = await service.request("a", "POST", path, json={"signal": number})
        assert answer.status_code == 400
        assert stub(service, kernel).signals == []


# --- channels


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
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    reader, writer = await kernel.open(Channel.SHELL)
    writer.close()
    async with asyncio.timeout(5):
        assert await far.far[-1][0].read() == b""
    reader, writer = await kernel.open(Channel.SHELL)
    await service.kill()
    async with asyncio.timeout(5):
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


# --- secrets and settings


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
