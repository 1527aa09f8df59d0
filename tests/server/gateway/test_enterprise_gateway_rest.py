"""A plain client of Enterprise Gateway's REST API: the walk of its page "Using the REST API".

Messages are those of its `enterprise_gateway/client/gateway_client.py`, which the page refers to:
without a session's id, in JSON. Only the token is new.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import websocket

from server.gateway.running import running, until

if TYPE_CHECKING:
    from pathlib import Path

    from server.gateway.running import Running

pytestmark = pytest.mark.jupyter

AUTHORIZATION = "Authorization: token a"


class KernelClient:
    """A blocking client of a kernel, as programs outside of Jupyter have one."""

    def __init__(self, service: Running, kernel: str) -> None:
        url = f"ws{service.url.removeprefix('http')}api/kernels/{kernel}/channels"
        self._socket = websocket.create_connection(url, timeout=60, header=[AUTHORIZATION])

    def send(self, code: str) -> str:
        header = {
            "username": "", "version": "5.0", "session": "", "msg_id": uuid.uuid4().hex,
            "msg_type": "execute_request",
        }  # fmt: skip
        content = {
            "code": code, "silent": False, "store_history": False, "user_expressions": {},
            "allow_stdin": False,
        }  # fmt: skip
        message = {
            "header": header, "parent_header": {}, "channel": "shell", "content": content,
            "metadata": {}, "buffers": {},
        }  # fmt: skip
        self._socket.send(json.dumps(message))
        return header["msg_id"]

    def output(self, request: str) -> str:
        """What a cell prints, shows or raises."""
        found: list[str] = []
        while True:
            message: dict[str, Any] = json.loads(self._socket.recv())
            if message["parent_header"].get("msg_id") != request or message["channel"] != "iopub":
                continue
            content = message["content"]
            match message["msg_type"]:
                case "stream":
                    found.append(content["text"])
                case "execute_result":
                    found.append(content["data"]["text/plain"])
                case "error":
                    found.append(content["ename"])
                case "status" if content["execution_state"] == "idle":
                    return "".join(found)

    def execute(self, code: str) -> str:
        return self.output(self.send(code))

    def close(self) -> None:
        self._socket.close()


async def test_from_the_discovery_of_kernels_to_the_shutdown_of_one(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        found = (await service.request("a", "GET", "api/kernelspecs")).json()
        assert found["kernelspecs"]["cluster"]["spec"]["language"] == "python"
        assert found["default"] == "cluster"  # for requests that name none
        body = {"env": {"KERNEL_USERNAME": "alice", "KERNEL_X": "1"}}
        answer = await service.request("a", "POST", "api/kernels", content=json.dumps(body))
        assert answer.status_code == 201
        assert answer.headers["Location"].endswith(f"api/kernels/{answer.json()['id']}")
        kernel = answer.json()["id"]

        client = await asyncio.to_thread(KernelClient, service, kernel)
        assert await asyncio.to_thread(client.execute, "print('a'); 6 * 7") == "a\n42"
        code = "import os; os.environ['KERNEL_X'], os.environ['KERNEL_USERNAME']"
        assert await asyncio.to_thread(client.execute, code) == "('1', 'alice')"
        request = client.send("import time\nwhile True: time.sleep(0.1)")
        await until(service, "a", kernel, "busy")
        answer = await service.request("a", "POST", f"api/kernels/{kernel}/interrupt")
        assert (answer.status_code, answer.text) == (204, "")
        assert await asyncio.to_thread(client.output, request) == "KeyboardInterrupt"

        await asyncio.to_thread(client.execute, "x = 1")
        client.close()
        answer = await service.request("a", "POST", f"api/kernels/{kernel}/restart")
        assert (answer.status_code, answer.json()["name"]) == (200, "cluster")
        client = await asyncio.to_thread(KernelClient, service, kernel)
        assert await asyncio.to_thread(client.execute, "'x' in globals()") == "False"
        client.close()

        listed = (await service.request("a", "GET", "api/kernels")).json()
        assert [each["id"] for each in listed] == [kernel]
        answer = await service.request("a", "DELETE", f"api/kernels/{kernel}")
        assert (answer.status_code, answer.text) == (204, "")
        await until(service, "a", kernel, "gone")
