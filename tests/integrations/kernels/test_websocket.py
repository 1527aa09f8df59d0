"""Clients of kernels that wait, run and die."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tornado.httpclient import HTTPClientError

from integrations.kernels.fake_holder import OUT_OF_MEMORY, WaitingHolder
from integrations.kernels.servers import serving
from yarnhub.integrations.kernels import websocket
from yarnhub.kernels.protocol import Activity

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.jupyter


def output(messages: list[dict[str, Any]], number: str) -> list[str]:
    """What a client shows below a cell, after each message."""
    shown, clear, found = "", False, []
    for each in messages:
        if each["parent_header"].get("msg_id") != number:
            continue
        if each["msg_type"] == "clear_output":
            clear = each["content"]["wait"]
            shown = shown if clear else ""
        elif each["msg_type"] == "stream":
            shown = each["content"]["text"] if clear else shown + each["content"]["text"]
            clear = False
        else:
            continue
        found.append(shown)
    return found


@pytest.mark.parametrize("subprotocol", ["", "v1.kernel.websocket.jupyter.org"])
async def test_a_cell_says_what_its_kernel_waits_for(tmp_path: Path, subprotocol: str) -> None:
    async with serving(tmp_path, WaitingHolder) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id, subprotocol=subprotocol) as client:
            number = await client.run("print(6 * 7)")
            await client.until(
                lambda each: each["msg_type"] == "stream" and "full" in each["content"]["text"]
            )
            held = server.holder.held[kernel_id]
            await held.allocate()
            assert (await client.reply(number))["status"] == "ok"
            await client.ended(number)
        shown = output(client.seen, number)
        waiting = "Waiting for a container (application_1700000000000_0001).\n"
        assert any(each.startswith(waiting) and "full" in each for each in shown)
        assert shown[-2:] == ["", "42\n"]


async def test_a_client_of_a_waiting_kernel_leaves_no_trace(tmp_path: Path) -> None:
    async with serving(tmp_path, WaitingHolder) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id, "one") as client:
            await client.until(lambda each: each["msg_type"] == "status")
            assert (await server.model(kernel_id))["connections"] == 1
        await server.until(kernel_id, lambda each: each["connections"] == 0)
        async with server.client(kernel_id, "one") as client:
            await client.run("1")
            await server.holder.held[kernel_id].allocate()
            assert await client.result("6 * 7") == "42"
            assert (await server.model(kernel_id))["connections"] == 1
        model = await server.until(kernel_id, lambda each: each["connections"] == 0)
        assert model["execution_state"] in ("idle", "busy")


async def test_the_client_of_a_kernel_that_is_deleted_while_it_waits(tmp_path: Path) -> None:
    async with serving(tmp_path, WaitingHolder) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id) as client:
            await client.until(lambda each: each["msg_type"] == "status")
            await server.http.delete(f"/api/kernels/{kernel_id}")
            reason = "The kernel was shut down before it started."
            assert await client.closed() == (4000, reason)


async def test_a_client_is_refused_by_a_dead_kernel_with_the_reason(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        await server.until(kernel_id, lambda each: each["execution_state"] == "idle")
        await server.holder.held[kernel_id].die(OUT_OF_MEMORY)
        model = await server.until(kernel_id, lambda each: each["execution_state"] == "dead")
        with pytest.raises(HTTPClientError) as refused:
            async with server.client(kernel_id):
                pass
        assert refused.value.code == 410
        assert refused.value.response is not None
        assert "more memory" in model["reason"]


async def test_a_client_cannot_fill_the_server_while_its_kernel_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "_MAX_KEPT", 10_000)
    async with serving(tmp_path, WaitingHolder) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id) as client:
            await client.run("x" * 20_000)
            code, reason = await client.closed()
            assert code == 4000
            assert "too many messages" in str(reason)


async def test_what_is_no_message_does_no_harm(tmp_path: Path) -> None:
    async with serving(tmp_path, WaitingHolder) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id) as client:
            for each in ("", "{", "[]", json.dumps({"header": None}), b"\xff", b""):
                await client.socket.write_message(each, binary=isinstance(each, bytes))
            await client.until(lambda each: each["msg_type"] == "status")
            assert (await server.model(kernel_id))["execution_state"] == "starting"


async def test_comms_with_binary_buffers(tmp_path: Path) -> None:
    code = """
from ipykernel.comm import Comm
def opened(comm, message):
    comm.send({"got": len(message["buffers"][0])}, buffers=[bytes(message["buffers"][0])[::-1]])
get_ipython().kernel.comm_manager.register_target("echo", opened)
1
"""
    protocol = "v1.kernel.websocket.jupyter.org"
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id, subprotocol=protocol) as client:
            assert await client.result(code) == "1"
            content = {"comm_id": "c", "target_name": "echo", "data": {}}
            buffer = bytes(range(256)) * 4096
            await client.send("comm_open", content, buffers=[buffer])
            got = await client.until(lambda each: each["msg_type"] == "comm_msg")
            assert got["content"]["data"] == {"got": len(buffer)}
            assert got["buffers"] == [buffer[::-1]]


MALFORMED = """
for parts in ([b"x"], [b"<IDS|MSG>", b"", b"{", b"", b"", b""], [b"<IDS|MSG>"] + [b"1"] * 5):
    for _ in range(5):
        get_ipython().kernel.iopub_socket.send_multipart(parts)
"""


@pytest.mark.parametrize("subprotocol", ["", "v1.kernel.websocket.jupyter.org"])
async def test_malformed_messages_of_a_kernel_are_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, subprotocol: str
) -> None:
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id, subprotocol=subprotocol) as client:
            await client.reply(await client.run(MALFORMED))
            assert await client.result("1 + 1") == "2"

    bad = [each for each in caplog.records if "alformed" in each.message or each.exc_info]
    assert len(bad) == 1, [each.message for each in bad]
    assert kernel_id in bad[0].message


@pytest.mark.parametrize("activity", [Activity.IDLE, Activity.BUSY])
async def test_a_client_of_a_kernel_that_was_busy_sees_all_output(
    tmp_path: Path, activity: Activity
) -> None:
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        await server.until(kernel_id, lambda each: each["execution_state"] == "idle")
        # The end of its cell has not been seen: it was published while the service restarted.
        held = server.holder.held[kernel_id]
        held.slow = 0.5
        held.change(activity=activity)
        server.manager.get_kernel(kernel_id).execution_state = "busy"
        async with server.client(kernel_id) as client:
            number = await client.run("print(6 * 7)")
            await client.ended(number)
        assert output(client.seen, number) == ["42\n"]
