"""Run a cell on a notebook server and print its output: run_cell.py notebook.json CODE.

Runs with the notebook's own environment: tornado comes with it.
"""

import asyncio
import json
import sys
import uuid
from pathlib import Path

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect


async def main() -> int:
    """Start a kernel, run the cell, show what it printed, end the kernel."""
    server = json.loads(Path(sys.argv[1]).read_text())
    base = f"{server['host']}:{server['port']}{server['base_url']}api/kernels"
    headers = {"Authorization": f"token {server['token']}"}
    client = AsyncHTTPClient()
    request = HTTPRequest(
        f"{server['protocol']}://{base}", "POST", headers, body="{}", request_timeout=60
    )
    kernel = json.loads((await client.fetch(request)).body)["id"]
    scheme = "wss" if server["protocol"] == "https" else "ws"
    socket = await websocket_connect(
        HTTPRequest(f"{scheme}://{base}/{kernel}/channels", headers=headers)
    )
    try:
        async with asyncio.timeout(90):
            return await run(socket, sys.argv[2])
    finally:
        socket.close()
        url = f"{server['protocol']}://{base}/{kernel}"
        await client.fetch(HTTPRequest(url, "DELETE", headers))


async def run(socket, code: str) -> int:
    """Run one cell; returns 0 if it ended without an error."""
    message = uuid.uuid4().hex
    header = {"msg_id": message, "msg_type": "execute_request", "version": "5.3"}
    header |= {"username": "", "session": uuid.uuid4().hex}
    content = {"code": code, "silent": False, "store_history": False}
    content |= {"user_expressions": {}, "allow_stdin": False}
    parts = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    await socket.write_message(json.dumps(parts | {"channel": "shell"}))
    code = None
    idle = False
    # The reply and what the cell prints come on two channels, in any order.
    while code is None or not idle:
        text = await socket.read_message()
        if text is None:
            print("Error: the kernel's connection ended", file=sys.stderr)
            return 1
        reply = json.loads(text)
        if reply["parent_header"].get("msg_id") != message:
            continue
        kind, content = reply["msg_type"], reply["content"]
        if kind == "stream":
            print(content["text"], end="")
        elif kind == "error":
            print("\n".join(content["traceback"]), file=sys.stderr)
        elif kind == "status":
            idle = content["execution_state"] == "idle"
        elif kind == "execute_reply":
            code = 0 if content["status"] == "ok" else 1
    return code


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
