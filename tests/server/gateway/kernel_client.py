"""A client of a kernel that knows nothing of Jupyter's libraries.

Messages are those of Enterprise Gateway's `enterprise_gateway/client/gateway_client.py`, to which
its page "Using the REST API" refers: without a session's id, in JSON.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

import websocket


class KernelClient:
    """A blocking client of a kernel, as programs outside of Jupyter have one.

    Args:
        url: The kernel's, in the REST API.
        authorization: The header's content.
    """

    def __init__(self, url: str, authorization: str) -> None:
        header = [f"Authorization: {authorization}"]
        url = f"ws{url.removeprefix('http')}/channels"
        self._socket = websocket.create_connection(url, timeout=60, header=header)

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

    def until_printed(self, request: str) -> None:
        """Wait until a cell has printed something: a kernel is busy before it runs the code."""
        while True:
            message: dict[str, Any] = json.loads(self._socket.recv())
            is_of_cell = message["parent_header"].get("msg_id") == request
            if is_of_cell and message["msg_type"] == "stream":
                return

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
