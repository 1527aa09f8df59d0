"""JupyterLab's server on a real cluster: its kernels are held by its own process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from integrations.kernels.servers import Client, Server, install_kernelspec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.jupyter]

TESTS = Path(__file__).parents[2]
BODY = {"path": "a.ipynb", "name": "a.ipynb", "type": "notebook", "kernel": {"name": "cluster"}}
V1 = "v1.kernel.websocket.jupyter.org"
ECHO = """
from ipykernel.comm import Comm
def opened(comm, message):
    comm.send({"got": len(message["buffers"][0])}, buffers=[bytes(message["buffers"][0])[::-1]])
get_ipython().kernel.comm_manager.register_target("echo", opened)
1
"""
TICKS = """
import itertools, time
for number in itertools.count():
    print(number, flush=True)
    time.sleep(0.1)
"""


@contextlib.asynccontextmanager
async def process(
    cluster: HadoopCluster, folder: Path
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Server]]:
    env = {
        **cluster.env, "HADOOP_USER_NAME": "alice", "SKEIN_CONFIG": str(folder / "skein"),
        "HOME": str(folder), "PYTHONPATH": str(TESTS),
        **{f"JUPYTER_{name.upper()}_DIR": str(folder / name) for name in ("data", "runtime")},
    }  # fmt: skip
    with (folder / "log").open("a") as log:
        found = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "integrations.kernels.kept_server", str(folder), "local",
            cwd=TESTS, env=env, stdout=log, stderr=log,
        )  # fmt: skip
    file = folder / "runtime" / f"jpserver-{found.pid}.json"
    async with asyncio.timeout(90):
        while not (file.exists() and (text := file.read_text()).endswith("}")):
            assert found.returncode is None, (folder / "log").read_text()
            await asyncio.sleep(0.1)
    token = {"Authorization": "token secret"}
    url = json.loads(text)["url"]
    async with httpx.AsyncClient(base_url=url, headers=token, timeout=60) as http:
        try:
            yield found, Server(None, http)
        finally:
            if found.returncode is None:
                found.kill()
                await found.wait()


async def test_a_notebook_from_its_start_to_its_end(
    hadoop_cluster: HadoopCluster, shared_python: Path, tmp_path: Path
) -> None:
    spec: dict[str, Any] = {"memory": "400 MiB", "python": str(shared_python)}
    install_kernelspec(
        tmp_path / "data",
        argv=[str(shared_python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        metadata={"kernel_provisioner": {"provisioner_name": "yarnhub", "config": spec}},
    )
    client = Client("the-notebook", V1)
    async with process(hadoop_cluster, tmp_path) as (killed, server):
        response = await server.http.post("/api/sessions", json=BODY)
        assert response.status_code == 201, response.text
        session, kernel_id = response.json(), response.json()["kernel"]["id"]
        await client.connect(server, kernel_id)
        assert await client.result("x = 6 * 7; x") == "42"
        assert await client.result(ECHO) == "1"
        buffer = bytes(range(256)) * 4096
        content = {"comm_id": "c", "target_name": "echo", "data": {}}
        await client.send("comm_open", content, buffers=[buffer])
        got = await client.until(lambda each: each["msg_type"] == "comm_msg")
        assert got["buffers"] == [buffer[::-1]]
        number = await client.run(TICKS)
        await client.until(lambda _: max(ticks(client, number), default=0) >= 50)
        killed.kill()
        await killed.wait()
        await client.closed()
        await client.close()

    async with process(hadoop_cluster, tmp_path) as (_, server):
        (kept,) = (await server.http.get("/api/sessions")).json()
        assert (kept["id"], kept["kernel"]["id"]) == (session["id"], kernel_id)
        await server.until(kernel_id, lambda each: each["execution_state"] == "busy")
        await client.connect(server, kernel_id)
        last = max(ticks(client, number))
        await client.until(lambda _: max(ticks(client, number)) > last + 20)
        response = await server.http.post(f"/api/kernels/{kernel_id}/interrupt")
        assert response.status_code == 204
        reply = await client.reply(number)
        assert (reply["ename"], reply["execution_count"]) == ("KeyboardInterrupt", 3)
        shown = ticks(client, number)
        assert len(set(shown)) == len(shown), "none twice"
        assert len(set(range(shown[-1])) - set(shown)) < 10, "what was on its way"
        assert await client.result("x") == "42"
        response = await server.http.post(f"/api/kernels/{kernel_id}/restart")
        assert response.status_code == 200, response.text
        assert await client.result("'x' in globals()") == "False"
        await client.close()
        (await server.http.delete(f"/api/sessions/{kept['id']}")).raise_for_status()
        await server.until_gone(kernel_id)


def ticks(client: Client, cell: str) -> list[int]:
    found = [each for each in client.seen if each["parent_header"].get("msg_id") == cell]
    texts = [each["content"]["text"] for each in found if each["msg_type"] == "stream"]
    return [int(each) for each in "".join(texts).split()]
