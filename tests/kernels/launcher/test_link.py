"""The launcher's connections, and holders that come and go."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hadoop.server import SIMPLE_OFFER, Peer, answer, serving
from interpreters import PYTHONS
from kernels.launcher import end as ends
from kernels.launcher.container import launch, publishing_kernel, silent_kernel
from kernels.launcher.end import PATIENCE, SERVER_NAME
from kernels.launcher.program import program_with
from yarnhub.hadoop.codec import encode
from yarnhub.kernels.protocol import MAX_LINE, Activity, Channel, Order, line
from yarnhub.yarn.records.applications import ApplicationReport, YarnApplicationState
from yarnhub.yarn.records.resource_manager import GetApplicationReportResponse

if TYPE_CHECKING:
    from hadoop.server import Call
    from kernels.launcher.container import Container
    from kernels.launcher.end import End


def ids(history: list[list[bytes]]) -> list[str]:
    return [parts[3].decode().partition('"msg_id": "')[2].rstrip('"}') for parts in history]


async def until_kept(end: End, number: int) -> None:
    """Wait until the launcher has read so many messages that it keeps."""
    async with asyncio.timeout(PATIENCE):
        while len(await end.history(confirm=False)) < number:
            continue


async def started(
    container: Container, end: End, python: str = sys.executable, **settings: object
) -> int:
    """Start a kernel that publishes what it is told to; returns the launcher's process id."""
    launcher = await container.start(launch(publishing_kernel(), **settings), python=python)
    await end.running()
    await container.tell("subscribed 1 0")
    return launcher


async def test_it_names_the_application(container: Container, end: End) -> None:
    await container.start(launch(silent_kernel()))
    await end.running()
    assert set(end.names) == {SERVER_NAME}


async def test_it_keeps_idle_connections_open(container: Container, end: End) -> None:
    await container.start(launch(silent_kernel()))
    await end.running()
    await end.until_idle(4)
    await end.open(Channel.SHELL)
    await end.until_idle(4)


async def test_activity(container: Container, end: End) -> None:
    await started(container, end)
    for each in (Activity.BUSY, Activity.IDLE, Activity.STARTING):
        await container.tell(f"status 1 {each.value}")
        assert (await end.doing(each)).active > 0
    await end.order(signal=signal.SIGKILL)
    assert (await end.ended()).activity is Activity.UNKNOWN


@pytest.mark.parametrize("python", PYTHONS)
async def test_messages_are_kept_while_nobody_listens_and_replayed_once(
    container: Container, end: End, python: str
) -> None:
    await started(container, end, python)
    await container.tell("stream 3 1")
    reader, _ = await end.open(Channel.IOPUB)
    await reader.readexactly(10)  # the kernel's greeting: it is joined
    await container.tell("stream 2 2")  # the subscription may be on its way
    await until_kept(end, 5)
    assert ids(await end.history()) == ["1-0", "1-1", "1-2", "2-0", "2-1"]
    await container.tell("stream 2 3")
    await container.tell("status 1 busy")
    await end.doing(Activity.BUSY)  # the launcher has read them, too
    assert await end.history() == []

    end.break_connections()
    await end.until_controls(2)
    await container.tell("stream 2 4")
    await until_kept(end, 2)
    assert ids(await end.history()) == ["4-0", "4-1"]
    assert await end.history() == []


async def test_messages_are_kept_from_the_moment_that_the_holder_dies(
    container: Container, end: End
) -> None:
    launcher = await started(container, end)
    reader, _ = await end.open(Channel.IOPUB)
    await reader.readexactly(10)
    await end.history()
    await container.tell("status 1 busy")
    await end.doing(Activity.BUSY)
    os.kill(launcher, signal.SIGSTOP)  # it may notice the end after what is published next
    end.break_connections()
    await container.tell("stream 2 2")
    os.kill(launcher, signal.SIGCONT)
    await end.until_controls(2)
    await until_kept(end, 2)
    assert ids(await end.history()) == ["2-0", "2-1"]


async def test_messages_that_were_heard_are_not_kept_for_ever(
    container: Container, end: End
) -> None:
    await container.start(launch(publishing_kernel()), program=program_with(_OVERLAP="0.0"))
    await end.running()
    await container.tell("subscribed 1 0")
    await container.tell("stream 1 1")
    await until_kept(end, 1)
    reader, _ = await end.open(Channel.IOPUB)
    await reader.readexactly(10)
    await container.tell("stream 1 2")
    assert ids(await end.history()) == ["1-0"]


async def test_what_is_kept_is_bounded_and_what_is_dropped_is_counted(
    container: Container, end: End
) -> None:
    await started(container, end, history=10_000)
    await container.tell("stream 100 1000")
    await container.tell("stream 1 20000")
    await container.tell("status 1 busy")
    report = await end.doing(Activity.BUSY)
    kept = ids(await end.history())
    assert kept[-1] == "busy-0"
    assert kept[:-1] == [f"1000-{number}" for number in range(100 - len(kept) + 1, 100)]
    assert 5 < len(kept) < 10
    assert report.dropped == 101 - (len(kept) - 1)
    await container.tell("status 1 idle")
    assert (await end.doing(Activity.IDLE)).dropped == 0


async def test_a_holder_that_is_gone_and_comes_back(container: Container, end: End) -> None:
    await started(container, end)
    before = await end.running()
    await end.stop()
    await container.tell("stream 1 1")
    await container.until_says("not connected to")
    await end.serve(end.port)
    await end.until_controls(2)
    assert (await end.running()).pid == before.pid
    await until_kept(end, 1)
    assert ids(await end.history()) == ["1-0"]
    await end.order(start=2)
    await end.running(2)


async def test_a_holder_that_comes_back_elsewhere(container: Container, end: End) -> None:
    other = ends.End()
    running = YarnApplicationState.RUNNING
    report = ApplicationReport(host="127.0.0.1", yarn_application_state=running)

    def respond(call: Call) -> bytes:
        assert call.method == "getApplicationReport"
        found = replace(report, rpc_port=other.port)
        body = encode(GetApplicationReportResponse(application_report=found))
        return answer(call.call_id, body)

    async with serving(make=lambda: Peer(handler=respond, offers=(SIMPLE_OFFER,))) as manager:
        container.managers = str(manager.address).encode()
        await container.start(launch(silent_kernel()))
        first = await end.running()
        await other.serve()
        await end.stop()
        assert (await other.running()).pid == first.pid
        await other.stop()


async def test_an_order_is_carried_out_once(container: Container, end: End) -> None:
    await container.start(launch(silent_kernel()))
    first = await end.running()
    await end.order(start=2)
    second = await end.running(2)
    assert second.pid != first.pid
    for number in (0, 1, -5):
        await end.send(line(Order(number=number, signal=signal.SIGKILL, start=3)))
    # A new number, and a generation that is not new; signals that do not exist.
    await end.send(line(Order(number=2, start=2)))
    await end.send(line(Order(number=3, start=1, signal=-9)))
    await end.send(line(Order(number=4, start=-1, signal=65)))
    await end.send(line(Order(number=5, signal=10**9)))
    report = await end.until(lambda report: report.order == 5)
    assert (report.generation, report.pid) == (2, second.pid)


@pytest.mark.parametrize("data", [b"\n", b"{}\n", b"\xff\n", b"[" * 20_000 + b"\n", b'{"x": 1}\n'])
async def test_what_is_not_an_order_is_ignored(container: Container, end: End, data: bytes) -> None:
    await container.start(launch(silent_kernel()))
    first = await end.running()
    await end.send(data)
    await end.order(start=2)
    assert (await end.running(2)).pid != first.pid
    assert end.controls == 1
    assert not container.says("Traceback")


async def test_a_line_without_end_closes_the_connection(container: Container, end: End) -> None:
    await container.start(launch(silent_kernel()))
    first = await end.running()
    await end.send(b" " * (3 * MAX_LINE))
    await end.until_controls(2)
    assert (await end.running()).pid == first.pid


async def test_a_channel_that_does_not_exist(container: Container, end: End) -> None:
    await container.start(launch(silent_kernel()))
    await end.running()
    reader, _ = await end.open(200)
    async with asyncio.timeout(60):
        assert await reader.read() == b""
    await end.until_idle(4)


async def test_a_holder_of_another_version_is_not_used(container: Container, end: End) -> None:
    await end.stop()
    await end.serve(end.port, ())
    await container.start(launch(silent_kernel()))
    await container.until_says("its version differs")
    assert end.controls == 0
    await end.stop()
    await end.serve(end.port)
    await end.running()


async def test_a_channel_is_closed_when_the_kernel_closes_it(
    container: Container, end: End
) -> None:
    code = """
import time
connection = sockets[4].accept()[0]
connection.sendall(b"x" * 5_000_000)
connection.close()
time.sleep(1000)
"""
    await container.start(launch(silent_kernel(code)))
    await end.running()
    reader, _ = await end.open(Channel.SHELL)
    async with asyncio.timeout(60):
        assert len(await reader.read()) == 5_000_000


async def test_a_kernel_that_does_not_read_slows_the_holder_down(
    container: Container, end: End
) -> None:
    code = """
import time
connection = sockets[4].accept()[0]
while not os.path.exists("go"):
    time.sleep(0.01)
count = 0
while count < 20_000_000:
    count += len(connection.recv(1_000_000))
connection.sendall(b"all")
time.sleep(1000)
"""
    await container.start(launch(silent_kernel(code)))
    await end.running()
    reader, writer = await end.open(Channel.SHELL)
    sent = 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            while sent < 20_000_000:
                writer.write(bytes(100_000))
                sent += 100_000
                await writer.drain()
    assert container.memory() < 60_000_000
    (container.folder / "work" / "go").touch()
    writer.write(bytes(20_000_000 - sent))
    async with asyncio.timeout(60):
        assert await reader.readexactly(3) == b"all"
