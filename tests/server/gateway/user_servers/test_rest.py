"""The REST API for users' own servers, request by request."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import uuid
from typing import TYPE_CHECKING

import pytest

from server.gateway.user_servers.holding import request, stub
from yarnhub.base.errors import (
    AuthenticationError,
)
from yarnhub.kernels.kernel import KernelState
from yarnhub.kernels.protocol import Channel
from yarnhub.kernels.service_protocol import KernelNotFoundError

if TYPE_CHECKING:
    from server.gateway.user_servers.serving import Running
    from yarnhub.integrations.kernels.gateway_holder import GatewayHolder

pytestmark = pytest.mark.jupyter


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
        ("POST", "{}/history"), ("POST", "{}/note"), ("GET", "{}/channels/shell"), ("PUT", "{}"),
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
    lines = [json.loads(line) for line in (service.folder / "audit.jsonl").read_text().splitlines()]
    refused = [line for line in lines if line["event"] == "refuse"]
    assert {(line["actor"], line["owner"], line["kernel"]) for line in refused} == {
        ("bob", "alice", kernel.id)
    }
    assert {line["action"] for line in refused} == {
        "start",
        "stop",
        "interrupt",
        "restart",
        "read",
        "connect",
    }


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


@pytest.mark.parametrize("note", [None, 1, ["a"], "x" * (128 * 1024 + 1)])
async def test_only_short_texts_are_notes(
    service: Running, holder: GatewayHolder, note: object
) -> None:
    kernel = await holder.start(request(note="first"))
    answer = await service.request("a", "POST", f"kernels/{kernel.id}/note", json={"note": note})
    assert answer.status_code == 400
    assert stub(service, kernel).request.note == "first"
    await kernel.write_note("second")
    assert stub(service, kernel).request.note == kernel.request.note == "second"


async def test_a_request_while_the_service_stops_is_refused(service: Running) -> None:
    await service.service.tasks.aclose()
    assert (await service.request("a", "GET", "kernels")).status_code == 503
    gc.collect()  # pytest fails if a coroutine was never awaited
