"""What clients see of a kernel whose channels are interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING

import pytest

from integrations.kernels.servers import serving
from yarnhub.integrations.kernels import interruption, words
from yarnhub.integrations.kernels.interruption import Interruption, SentCell
from yarnhub.kernels.kernel import KernelState, KernelStatus
from yarnhub.kernels.protocol import Activity

if TYPE_CHECKING:
    from pathlib import Path

    from integrations.kernels.servers import Client, Server
    from yarnhub.kernels.kernel import Kernel

pytestmark = pytest.mark.jupyter

UNTIL = """
import pathlib, time
while not pathlib.Path({!r}).exists(): time.sleep(0.01)
"""


TWENTY = "import time\nfor number in range(20): print(number, flush=True); time.sleep(0.1)"


async def until_idle(kernel: Kernel, status: KernelStatus) -> None:
    """Wait until a kernel has run its cell."""
    async with asyncio.timeout(30):
        while (status := await kernel.changed(status)).activity is not Activity.IDLE:
            continue


def printed(client: Client, cell: str) -> str:
    """What a client has seen a cell print."""
    of_cell = [each for each in client.seen if each["parent_header"].get("msg_id") == cell]
    return "".join(each["content"].get("text", "") for each in of_cell)


async def until_over(server: Server, kernel_id: str) -> None:
    """Wait until clients have what came meanwhile."""
    async with asyncio.timeout(20):
        while server.manager.get_kernel(kernel_id).is_interrupted:
            await asyncio.sleep(0.02)


def buffered(server: Server, kernel_id: str) -> str:
    """What is kept for the return of a client, as text."""
    kept = server.manager._kernel_buffers[kernel_id]["buffer"]
    return "".join(json.loads(parts[-1]).get("text", "") for _, parts in kept)


async def test_a_client_that_returns_during_an_interruption_gets_what_was_kept(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id) as client:
            assert await client.result("1") == "1"
            kernel = server.holder.held[kernel_id]
            cell = await client.run(TWENTY)
            await client.until(lambda each: "3\n" in each["content"].get("text", ""))
            kernel.interrupt_channels()
            status = kernel.status
            await client.close()
            await client.connect(server, kernel_id)
            await until_idle(kernel, status)
            kernel.away = False
            await client.ended(cell)
            assert printed(client, cell).split() == [str(number) for number in range(20)]


async def test_a_client_that_was_away_before_an_interruption_gets_all_in_its_order(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id) as client:
            assert await client.result("1") == "1"
            kernel = server.holder.held[kernel_id]
            cell = await client.run(TWENTY)
            await client.until(lambda each: "1\n" in each["content"].get("text", ""))
            await client.close()
            async with asyncio.timeout(30):
                while "5\n" not in buffered(server, kernel_id):
                    await asyncio.sleep(0.01)
            kernel.interrupt_channels()
            status = kernel.status
            await until_idle(kernel, status)
            await client.connect(server, kernel_id)
            kernel.away = False
            await client.ended(cell)
            assert printed(client, cell).split() == [str(number) for number in range(20)]


async def test_what_is_kept_during_an_interruption_is_asked_for_again(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id) as client:
            assert await client.result("1") == "1"
            kernel = server.holder.held[kernel_id]
            cell = await client.run(TWENTY)
            await client.until(lambda each: "0\n" in each["content"].get("text", ""))
            kernel.interrupt_channels(refusals=2)
            status = kernel.status
            await until_idle(kernel, status)
            kernel.away = False
            assert (await client.reply(cell))["status"] == "ok"
            printed = [each for each in client.seen if each["msg_type"] == "stream"]
            text = "".join(each["content"]["text"] for each in printed)
            assert text.split()[-10:] == [str(number) for number in range(10, 20)]


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_cell_that_runs_since_an_interruption_has_not_ended_with_it(
    tmp_path: Path, restarted: bool
) -> None:
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id) as client:
            assert await client.result("1") == "1"
            kernel = server.holder.held[kernel_id]
            if restarted:
                await server.http.post(f"/api/kernels/{kernel_id}/restart")
                # The end of the connections may be seen when the next process runs.
                server.manager.get_kernel(kernel_id).interrupted(kernel, 1)
            else:
                kernel.interrupt_channels()
                kernel.away = False
                async with asyncio.timeout(30):
                    while not server.manager.get_kernel(kernel_id).is_interrupted:
                        await asyncio.sleep(0)
            cell = await client.run(UNTIL.format(str(tmp_path / "go")))
            # A launcher's report comes later than what a client sends.
            kernel.change(activity=Activity.IDLE)
            await until_over(server, kernel_id)
            (tmp_path / "go").touch()
            assert (await client.reply(cell))["status"] == "ok"


@pytest.mark.parametrize("who", ["the same client", "another client"])
async def test_a_restarted_kernel_waits_for_no_client_that_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    monkeypatch.setattr(interruption, "_ALL", 600.0)
    monkeypatch.setattr(interruption, "SUBSCRIBED", 600.0)
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id) as client:
            assert await client.result("1") == "1"
            await client.close()
            await server.http.post(f"/api/kernels/{kernel_id}/restart")
            if who == "the same client":
                await client.connect(server, kernel_id)
                assert await client.result("2") == "2"
            else:
                async with server.client(kernel_id) as other:
                    assert await other.result("2") == "2"


@pytest.mark.parametrize("who", ["the same client", "another client"])
async def test_a_cell_that_was_sent_after_a_restart_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id) as client:
            assert await client.result("1") == "1"
            await client.close()
            await server.http.post(f"/api/kernels/{kernel_id}/restart")
            # The connections to the process before may end later.
            monkeypatch.setattr(server.manager.holding.sockets, "generation", lambda _: 1)
            other = server.client(kernel_id)
            async with contextlib.nullcontext(client) if who == "the same client" else other as now:
                if now is client:
                    await client.connect(server, kernel_id)
                cell = await now.run(UNTIL.format(str(tmp_path / "go")))
                await until_over(server, kernel_id)
                (tmp_path / "go").touch()
                assert (await now.reply(cell))["status"] == "ok"


async def test_a_cell_of_a_process_that_was_restarted_has_ended(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id) as client:
            # Else the process may answer that it was interrupted, before it ends.
            deaf = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('deaf')\n"
            before = await client.run(deaf + UNTIL.format(str(tmp_path / "never")))
            await client.until(lambda each: "deaf" in each["content"].get("text", ""))
            answer = await server.http.post(f"/api/kernels/{kernel_id}/restart")
            assert answer.status_code == 200, answer.text
            after = await client.run(UNTIL.format(str(tmp_path / "go")))
            reply = await client.reply(before)
            assert (reply["status"], reply["ename"]) == ("error", "Interrupted")
            (tmp_path / "go").touch()
            assert (await client.reply(after))["status"] == "ok"


async def test_a_cell_that_was_sent_to_a_process_that_has_ended_is_lost(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        kernel_id = (await server.start())["id"]
        async with server.client(kernel_id) as client:
            assert await client.result("1") == "1"
            kernel = server.holder.held[kernel_id]
            # The launcher's report overtakes the end of the connections.
            kernel.ahead = 1
            kernel.change(generation=2)
            cell = await client.run(UNTIL.format(str(tmp_path / "never")))
            await client.until(lambda each: each["msg_type"] == "execute_input")
            kernel.interrupt_channels()
            kernel.away = False
            reply = await client.reply(cell)
            assert (reply["status"], reply["evalue"]) == ("error", words.restarted())


@pytest.mark.parametrize(
    ("cell", "activity", "why"),
    [
        ((1, 5.0), Activity.IDLE, words.restarted()),
        ((1, 50.0), Activity.BUSY, words.restarted()),
        ((2, 5.0), Activity.IDLE, words.lost_end()),
        ((2, 5.0), Activity.BUSY, ""),
        ((2, 50.0), Activity.IDLE, ""),
    ],
)
def test_why_a_cell_has_no_reply(cell: tuple[int, float], activity: Activity, why: str) -> None:
    status = KernelStatus(state=KernelState.RUNNING, generation=2, activity=activity)
    assert Interruption(2, noticed=10.0).why_lost(status, SentCell({}, *cell)) == why


def test_a_cell_of_the_next_process_is_not_lost_with_the_one_before() -> None:
    status = KernelStatus(state=KernelState.RUNNING, generation=2, activity=Activity.IDLE)
    assert Interruption(1, noticed=10.0).why_lost(status, SentCell({}, 2, 5.0)) == ""
