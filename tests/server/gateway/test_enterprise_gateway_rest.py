"""A plain client of Enterprise Gateway's REST API: the walk of its page "Using the REST API".

Only the token is new.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from server.gateway.kernel_client import KernelClient
from server.gateway.running import running, until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.jupyter


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

        url = f"{service.url}api/kernels/{kernel}"
        client = await asyncio.to_thread(KernelClient, url, "token a")
        assert await asyncio.to_thread(client.execute, "print('a'); 6 * 7") == "a\n42"
        code = "import os; os.environ['KERNEL_X'], os.environ['KERNEL_USERNAME']"
        assert await asyncio.to_thread(client.execute, code) == "('1', 'alice')"
        code = "import time\nprint('on', end='', flush=True)\nwhile True: time.sleep(0.1)"
        request = client.send(code)
        await asyncio.to_thread(client.until_printed, request)
        await until(service, "a", kernel, "busy")
        answer = await service.request("a", "POST", f"api/kernels/{kernel}/interrupt")
        assert (answer.status_code, answer.text) == (204, "")
        assert await asyncio.to_thread(client.output, request) == "KeyboardInterrupt"

        await asyncio.to_thread(client.execute, "x = 1")
        client.close()
        answer = await service.request("a", "POST", f"api/kernels/{kernel}/restart")
        assert (answer.status_code, answer.json()["name"]) == (200, "cluster")
        client = await asyncio.to_thread(KernelClient, url, "token a")
        assert await asyncio.to_thread(client.execute, "'x' in globals()") == "False"
        client.close()

        listed = (await service.request("a", "GET", "api/kernels")).json()
        assert [each["id"] for each in listed] == [kernel]
        answer = await service.request("a", "DELETE", f"api/kernels/{kernel}")
        assert (answer.status_code, answer.text) == (204, "")
        await until(service, "a", kernel, "gone")
