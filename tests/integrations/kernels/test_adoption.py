"""Kernels that a server finds again, after it was killed or stopped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from integrations.kernels.fake_holder import OUT_OF_MEMORY, STOPPED, FakeHolder, WaitingHolder
from integrations.kernels.servers import Client, Server, install_kernelspec, serving
from yarnhub.base.errors import ConnectError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.jupyter

TESTS = Path(__file__).parents[2]
BODY = {"path": "a.ipynb", "name": "a.ipynb", "type": "notebook", "kernel": {"name": "cluster"}}


@contextlib.asynccontextmanager
async def process(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, Server]]:
    """A server in a process of its own; killed at the end if it still runs."""
    install_kernelspec(folder / "data")
    log = (folder / "log").open("a")
    found = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "integrations.kernels.kept_server", str(folder), cwd=TESTS,
        stdout=log, stderr=log,
    )  # fmt: skip
    log.close()
    file = folder / "runtime" / f"jpserver-{found.pid}.json"
    async with asyncio.timeout(60):
        while not (file.exists() and (text := file.read_text()).endswith("}")):
            assert found.returncode is None, (folder / "log").read_text()
            await asyncio.sleep(0.05)
    token = {"Authorization": "token secret"}
    url = json.loads(text)["url"]
    async with httpx.AsyncClient(base_url=url, headers=token, timeout=30) as http:
        try:
            yield found, Server(None, http)
        finally:
            if found.returncode is None:
                found.kill()
                await found.wait()


async def started(server: Server) -> tuple[dict[str, Any], str]:
    response = await server.http.post("/api/sessions", json=BODY)
    assert response.status_code == 201, response.text
    session = dict(response.json())
    return session, session["kernel"]["id"]


def stream(messages: list[dict[str, Any]], cell: str) -> str:
    found = [each for each in messages if each["parent_header"].get("msg_id") == cell]
    return "".join(each["content"]["text"] for each in found if each["msg_type"] == "stream")


async def deleted(server: Server, kernel_id: str) -> None:
    (await server.http.delete(f"/api/kernels/{kernel_id}")).raise_for_status()
    await server.until_gone(kernel_id)


async def test_after_kill_9_a_running_cell_goes_on_and_its_output_arrives(tmp_path: Path) -> None:
    client = Client("the-notebook")
    code = (
        "import time, pathlib, itertools\n"
        "for number in itertools.count():\n"
        "    print(number, flush=True)\n"
        "    time.sleep(0.1)\n"
        f"    if pathlib.Path({str(tmp_path / 'enough')!r}).exists(): break"
    )
    async with process(tmp_path) as (killed, server):
        session, kernel_id = await started(server)
        await client.connect(server, kernel_id)
        assert await client.result("x = 6 * 7; x") == "42"
        number = await client.run(code)
        await client.until(lambda each: "10\n" in each["content"].get("text", ""))
        killed.kill()
        await killed.wait()
        await client.closed()
        await client.close()
        before = [int(each) for each in stream(client.seen, number).split()]

    async with process(tmp_path) as (_, server):
        (first,) = (await server.http.get("/api/kernels")).json()
        (kept,) = (await server.http.get("/api/sessions")).json()
        assert (first["id"], kept["id"]) == (kernel_id, session["id"])
        await server.until(kernel_id, lambda each: each["execution_state"] == "busy")
        await client.connect(server, kernel_id)
        (tmp_path / "enough").touch()
        reply = await client.reply(number)
        assert (reply["status"], reply["execution_count"]) == ("ok", 2)
        numbers = [int(each) for each in stream(client.seen, number).split()]
        twice = numbers[len(before) :].count(before[-1])
        assert twice <= 1, "the launcher may have seen it after the kill"
        assert len(set(numbers)) == len(numbers) - twice, "no other comes twice"
        assert numbers == sorted(numbers)
        lost = set(range(numbers[-1])) - set(numbers)
        assert len(lost) < 10, "what was on its way when the server was killed"
        assert await client.result("x") == "42"
        await client.close()

        response = await server.http.post(f"/api/kernels/{kernel_id}/interrupt")
        assert response.status_code == 204
        response = await server.http.post(f"/api/kernels/{kernel_id}/restart")
        assert response.status_code == 200, response.text
        async with server.client(kernel_id) as other:
            assert await other.result("'x' in globals()") == "False"
        await deleted(server, kernel_id)
        assert (await server.http.get("/api/sessions")).json() == []


@pytest.mark.parametrize("busy", [False, True], ids=["", "before the launcher notices"])
async def test_cells_that_ended_without_a_server_have_their_replies(
    tmp_path: Path, *, busy: bool
) -> None:
    client = Client("the-notebook")
    go, done = tmp_path / "go", tmp_path / "done"
    wait = f"import time, pathlib\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)"
    async with process(tmp_path) as (killed, server):
        _, kernel_id = await started(server)
        await client.connect(server, kernel_id)
        await client.result("1")
        first = await client.run(wait)
        failing = await client.run("print('shown'); 1 / 0")
        last = await client.run(f"pathlib.Path({str(done)!r}).touch()")
        await client.until(
            lambda each: (
                each["msg_type"] == "execute_input" and each["parent_header"]["msg_id"] == first
            )
        )
        # the kernel has them all: it answers on the control channel after it has received this
        info = await client.send("kernel_info_request", {}, "control")
        await client.until(
            lambda each: each["channel"] == "control" and each["parent_header"]["msg_id"] == info
        )
        (record,) = (tmp_path / "kept").rglob("fake-*.json")
        launcher = int(Path(json.loads(record.read_text())["folder"], "pid").read_text())
        if busy:
            os.kill(launcher, signal.SIGSTOP)
        killed.kill()
        await killed.wait()
        await client.close()
    go.touch()
    async with asyncio.timeout(60):
        while not done.exists():
            await asyncio.sleep(0.02)
    os.kill(launcher, signal.SIGCONT)

    async with process(tmp_path) as (_, server):
        await server.until(kernel_id, lambda each: each["execution_state"] == "idle")
        await client.connect(server, kernel_id)
        replies = [await client.reply(each) for each in (first, failing, last)]
        assert [each["execution_count"] for each in replies[:2]] == [2, 3]
        assert [each["status"] for each in replies[:2]] == ["ok", "error"]
        assert replies[1]["ename"] == "ZeroDivisionError"
        assert "shown" in stream(client.seen, failing)
        await client.close()
        await deleted(server, kernel_id)


async def test_a_clean_stop_keeps_the_kernels(tmp_path: Path) -> None:
    async with process(tmp_path) as (stopped, server):
        session, kernel_id = await started(server)
        async with server.client(kernel_id) as client:
            await client.result("x = 6 * 7; x")
        # a look at the sessions while it stops must not delete them
        stopped.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            with contextlib.suppress(httpx.TransportError):
                while True:
                    assert len((await server.http.get("/api/sessions")).json()) == 1
            assert await stopped.wait() == 0
    async with process(tmp_path) as (_, server):
        (kept,) = (await server.http.get("/api/sessions")).json()
        assert kept["id"] == session["id"]
        async with server.client(kernel_id) as client:
            assert await client.result("x") == "42"
        await deleted(server, kernel_id)


async def test_only_the_user_can_read_what_is_stored(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        _, kernel_id = await started(server)
        await server.until(kernel_id, lambda each: each["execution_state"] == "idle")
        folder = server.manager.holding.records.folder
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}
        modes = {name: mode for name, mode in modes.items() if not name.startswith("fake")}
        files = (f"kernel-{kernel_id}.json", "sessions.sqlite", "lock")
        assert {name: modes[name] for name in files} == dict.fromkeys(files, 0o600)
        sockets = Path(server.manager.holding.sockets.prefix(kernel_id)).parent
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert "of no use" not in (folder / f"kernel-{kernel_id}.json").read_text()


async def test_a_waiting_kernel_is_found_again(tmp_path: Path) -> None:
    async with serving(tmp_path, WaitingHolder, stop=False) as server:
        kernel_id = (await server.start())["id"]
        await server.until(kernel_id, lambda each: "full" in each.get("reason", ""))
        first = server.holder.held[kernel_id]
    async with serving(tmp_path, WaitingHolder) as server:
        await server.until(
            kernel_id, lambda each: "Waiting for a container" in each.get("reason", "")
        )
        found = server.holder.held[kernel_id]
        assert found is not first
        await found.allocate()
        async with server.client(kernel_id) as client:
            assert await client.result("6 * 7") == "42"
        assert server.holder.started == 0


async def test_a_kernel_that_ended_without_a_server_is_dead_with_the_reason(tmp_path: Path) -> None:
    async with serving(tmp_path, stop=False) as server:
        _, kernel_id = await started(server)
        await server.until(kernel_id, lambda each: each["execution_state"] == "idle")
        held = server.holder.held[kernel_id]
    await held.die(OUT_OF_MEMORY)
    async with serving(tmp_path) as server:
        model = await server.until(kernel_id, lambda each: each["execution_state"] == "dead")
        assert "more memory than it requested" in model["reason"]
        await deleted(server, kernel_id)


async def test_a_kernel_without_a_trace_is_dead(tmp_path: Path) -> None:
    async with serving(tmp_path, stop=False) as server:
        _, kernel_id = await started(server)
        await server.until(kernel_id, lambda each: each["execution_state"] == "idle")
        held = server.holder.held[kernel_id]
        await held.die(STOPPED)
        (server.holder.folder / f"fake-{kernel_id}.json").unlink()
    async with serving(tmp_path) as server:
        model = await server.until(kernel_id, lambda each: each["execution_state"] == "dead")
        assert "no record" in model["reason"]


async def test_kernels_are_found_when_yarn_responds(tmp_path: Path) -> None:
    class Unreachable(FakeHolder):
        unreachable: Any = ConnectError("the ResourceManager at rm:8032 does not respond")

    async with serving(tmp_path, stop=False) as server:
        _, kernel_id = await started(server)
        async with server.client(kernel_id) as client:
            await client.result("x = 6 * 7; x")
    async with serving(tmp_path, Unreachable) as server:
        model = await server.until(kernel_id, lambda each: "rm:8032" in each.get("reason", ""))
        assert model["execution_state"] == "starting"
        async with server.client(kernel_id) as client:
            await client.run("x")
            await client.until(lambda each: "rm:8032" in each["content"].get("text", ""))
            Unreachable.unreachable = None
            found = await client.until(lambda each: each["msg_type"] == "execute_result")
            assert found["content"]["data"]["text/plain"] == "42"


async def test_a_kernel_whose_kernelspec_was_removed_is_found_again(tmp_path: Path) -> None:
    async with serving(tmp_path, stop=False) as server:
        install_kernelspec(tmp_path / "data", "old")
        kernel_id = (await server.start(name="old"))["id"]
        async with server.client(kernel_id) as client:
            await client.result("x = 6 * 7; x")
    (tmp_path / "data" / "kernels" / "old" / "kernel.json").unlink()
    async with serving(tmp_path) as server:
        async with server.client(kernel_id) as client:
            assert await client.result("x") == "42"
        await server.http.post(f"/api/kernels/{kernel_id}/restart")
        async with server.client(kernel_id) as client:  # as JupyterLab does after a restart
            assert await client.result("'x' in globals()") == "False"


async def test_two_servers_at_the_same_time_have_kernels_of_their_own(tmp_path: Path) -> None:
    async with process(tmp_path) as (_, one):
        _, kernel_id = await started(one)
        await one.until(kernel_id, lambda each: each["execution_state"] == "idle")
        async with process(tmp_path) as (_, two):
            assert (await two.http.get("/api/kernels")).json() == []
        await deleted(one, kernel_id)
