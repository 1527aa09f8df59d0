"""A launcher's connections at the holder's end, over real TLS on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import pytest

from unmanaged.house import House
from yarnhub.appmaster.core.budgets import MIB
from yarnhub.appmaster.shell.server.control import serve
from yarnhub.base.errors import (
    ConnectionLostError,
    DeadlineExceededError,
    RemoteProtocolError,
    YarnhubError,
)
from yarnhub.control.bootstrap import server_name
from yarnhub.control.frames import STREAM
from yarnhub.kernels.link import LauncherLink
from yarnhub.kernels.protocol import (
    END,
    MAX_LINE,
    RECEIVED,
    Channel,
    Order,
    ProcessState,
    Purpose,
    Report,
    line,
    pack_message,
    read_order,
)
from yarnhub.unmanaged.streams import Streams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HISTORY = 1000
NOW = 1_700_000_000.0


class Launcher:
    """What connects to the link."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.context = house.a.credentials.client_context()
        self.context.set_alpn_protocols([STREAM])
        self.stack = contextlib.AsyncExitStack()

    async def connect(self, first: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            self.house.port,
            ssl=self.context,
            server_hostname=server_name(self.house.a.name),
        )
        self.stack.callback(writer.transport.abort)
        writer.write(first)
        return reader, writer

    async def control(self, report: Report | None) -> Control:
        control = Control(*await self.connect(Purpose.CONTROL.value))
        if report is not None:
            control.send(report)
        return control

    async def idle(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await self.connect(Purpose.IDLE.value)


class Control:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, report: Report) -> None:
        self.writer.write(line(report))

    async def order(self) -> Order:
        return read_order(await self.reader.readuntil(b"\n"))

    async def closed(self) -> None:
        with contextlib.suppress(ConnectionError):
            await self.reader.read()


def report(generation: int = 1, order: int = 0, error: str = "") -> Report:
    state = ProcessState.RUNNING
    return Report(generation=generation, state=state, pid=7, order=order, error=error)


class Changes:
    def __init__(self) -> None:
        self.event = asyncio.Event()

    async def until(self, condition: object) -> None:
        assert callable(condition)
        while not condition():
            self.event.clear()
            await self.event.wait()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    async with asyncio.timeout(30), serve(house.admission, "127.0.0.1") as house.port:
        yield house


@pytest.fixture
def changes() -> Changes:
    return Changes()


async def answer(request: bytes) -> bytes:
    return b"answer to " + request


@pytest.fixture
def link(house: House, changes: Changes) -> LauncherLink:
    made = LauncherLink(
        "kernel K",
        history=HISTORY,
        spend=house.a.clients.spend,
        clock=lambda: NOW,
        changed=changes.event.set,
        answer=answer,
    )
    house.a.clients.streams = Streams(made.accept, 20)
    return made


@pytest.fixture
async def launcher(house: House, link: LauncherLink) -> AsyncIterator[Launcher]:
    made = Launcher(house)
    async with made.stack:
        yield made


# --- reports


async def test_a_report_is_taken_and_the_end_of_the_connection_noticed(
    launcher: Launcher, link: LauncherLink, changes: Changes
) -> None:
    assert (link.report, link.connected) == (None, False)
    control = await launcher.control(report())
    await changes.until(lambda: link.connected)
    assert link.report == report()
    control.send(report(2, error="\x1b[31mno such file\n"))
    await changes.until(lambda: link.report != report())
    assert link.report == report(2, error="no such file")
    control.writer.transport.abort()
    await changes.until(lambda: not link.connected)
    assert link.report == report(2, error="no such file"), "the last one stays"


async def test_the_newest_control_connection_counts(
    launcher: Launcher, link: LauncherLink, changes: Changes
) -> None:
    first = await launcher.control(report())
    await changes.until(lambda: link.connected)
    second = await launcher.control(report(2))
    await changes.until(lambda: link.report == report(2))
    await first.closed()
    assert link.connected
    second.send(report(3))
    await changes.until(lambda: link.report == report(3))


BAD = {
    "huge": b"x" * (2 * MAX_LINE),
    "no JSON": b"hello\n",
    "unknown key": b'{"generation": 1, "state": "running", "owner": "bob"}\n',
    "no generation": line(report(0)),
    "negative order": line(report(order=-1)),
    "huge order": line(report(order=2**60)),
    "infinite": b'{"generation": 1, "state": "running", "active": 1e999}\n',
    "digits": b'{"generation": ' + b"1" * 5000 + b', "state": "running"}\n',
}


@pytest.mark.parametrize("name", BAD)
async def test_what_is_not_a_report_closes_the_connection_and_is_logged_once(
    name: str, launcher: Launcher, link: LauncherLink, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    for _ in range(2):
        control = await launcher.control(None)
        control.writer.write(BAD[name])
        await control.closed()
    assert link.report is None
    assert len(caplog.records) == 1
    assert "kernel K: a connection of its launcher is closed" in caplog.text
    assert len(caplog.text) < 1000


async def test_an_unknown_purpose_closes_the_connection(
    launcher: Launcher, link: LauncherLink, caplog: pytest.LogCaptureFixture
) -> None:
    reader, _ = await launcher.connect(b"?")
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    assert link.report is None
    assert "begins with b'?'" in caplog.text


async def test_reports_cost_their_application_time(
    launcher: Launcher, link: LauncherLink, changes: Changes, house: House
) -> None:
    spent: list[int] = []

    def spend(cost: int) -> float:
        spent.append(cost)
        return 1000.0

    link._spend = spend
    control = await launcher.control(report())
    control.send(report(2))
    await changes.until(lambda: link.connected)
    async with house.client(house.b.name, house.b.credentials) as client:
        await client.get_specification()
    assert link.report == report()
    assert len(spent) == 1


# --- orders


async def test_an_order_is_confirmed_by_a_report(
    launcher: Launcher, link: LauncherLink, changes: Changes
) -> None:
    control = await launcher.control(report())
    await changes.until(lambda: link.connected)
    number = link.order(signal=2)
    assert number >= NOW * 1000
    assert await control.order() == Order(number=number, signal=2)
    with pytest.raises(DeadlineExceededError, match=r"kernel K: .* has not confirmed"):
        await link.confirmed(number, 0)
    control.send(report(order=number))
    await link.confirmed(number, 10)
    later = link.order(signal=15)
    assert later > number
    assert await control.order() == Order(number=later, signal=15)


async def test_what_is_not_confirmed_is_sent_again(
    launcher: Launcher, link: LauncherLink, changes: Changes
) -> None:
    before = link.order(signal=2)
    first = await launcher.control(report())
    assert (await first.order()).number == before, "given before the launcher was connected"
    number = link.order(signal=15)
    assert (await first.order()).number == number
    first.writer.transport.abort()
    await changes.until(lambda: not link.connected)
    second = await launcher.control(report(order=before))
    assert await second.order() == Order(number=number, signal=15)
    second.send(report(order=number))
    await link.confirmed(number, 10)


async def test_a_restart_replaces_what_is_pending_and_equal_signals_are_one(
    launcher: Launcher, link: LauncherLink
) -> None:
    assert link.order(signal=2) == link.order(signal=2)
    start = link.order(start=2)
    after = link.order(signal=2)
    control = await launcher.control(report())
    assert await control.order() == Order(number=start, start=2)
    assert await control.order() == Order(number=after, signal=2)


async def test_numbers_rise_after_those_of_an_earlier_process(
    launcher: Launcher, link: LauncherLink, changes: Changes
) -> None:
    await launcher.control(report(order=2**52))  # its clock was fast
    await changes.until(lambda: link.connected)
    assert link.order(signal=2) == 2**52 + 1


# --- channels


async def test_an_idle_connection_becomes_a_channel(
    launcher: Launcher, link: LauncherLink, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    ours, theirs = await launcher.idle()
    reader, writer = await link.open(Channel.IOPUB, 10)
    assert await ours.readexactly(1) == bytes((Channel.IOPUB.value,))
    content = b"z" * (3 * MIB)
    async with asyncio.TaskGroup() as group:
        theirs.write(content)
        group.create_task(theirs.drain())
        assert await reader.readexactly(len(content)) == content
    async with asyncio.TaskGroup() as group:
        writer.write(content)
        group.create_task(writer.drain())
        assert await ours.readexactly(len(content)) == content
    writer.close()
    writer.close()  # as by both directions of a relay
    await writer.wait_closed()
    assert await ours.read() == b""
    while house.a.clients.streams.count:  # type: ignore[union-attr]  # Streams
        await asyncio.sleep(0.01)
    assert not caplog.records


async def test_a_channel_waits_for_an_idle_connection_that_lives(
    launcher: Launcher, link: LauncherLink
) -> None:
    with pytest.raises(DeadlineExceededError, match="was not connected within 0 s"):
        await link.open(Channel.SHELL, 0)
    _, gone = await launcher.idle()
    async with asyncio.TaskGroup() as group:
        while not link._idle:
            await asyncio.sleep(0.01)
        gone.transport.abort()
        while link._idle:
            await asyncio.sleep(0.01)
        opening = group.create_task(link.open(Channel.SHELL, 10))
        ours, _ = await launcher.idle()
        assert await ours.readexactly(1) == bytes((Channel.SHELL.value,))
    opening.result()[1].transport.abort()


async def test_idle_connections_are_bounded(launcher: Launcher, link: LauncherLink) -> None:
    opened = [await launcher.idle() for _ in range(12)]
    while len(link._idle) < 8 or not all(reader.at_eof() for reader, _ in opened[:4]):
        await asyncio.sleep(0.01)
    assert len(link._idle) == 8


async def test_what_is_cancelled_leaves_the_idle_connection(
    launcher: Launcher, link: LauncherLink
) -> None:
    async with asyncio.TaskGroup() as group:
        opening = group.create_task(link.open(Channel.SHELL, 10))
        await asyncio.sleep(0)
        opening.cancel()
    ours, _ = await launcher.idle()
    _, writer = await link.open(Channel.HB, 10)
    assert await ours.readexactly(1) == bytes((Channel.HB.value,))
    writer.transport.abort()


# --- history

MESSAGES = [[b"a", b"", b"bc" * 100], [b"d"]]


async def test_the_history_is_received_and_confirmed(
    launcher: Launcher, link: LauncherLink
) -> None:
    ours, theirs = await launcher.idle()
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(link.history(10))
        assert await ours.readexactly(1) == bytes((Channel.HISTORY.value,))
        theirs.write(b"".join(map(pack_message, MESSAGES)) + END)
        assert await ours.readexactly(1) == RECEIVED
    assert reading.result() == MESSAGES


BAD_HISTORIES = {
    "too many parts": (b"\xff\xff\xff\xff", RemoteProtocolError),
    "too much": (pack_message([b"x" * (2 * HISTORY + MIB)]) + END, RemoteProtocolError),
    "a length": (b"\0\0\0\x01\xff\xff\xff\xff", RemoteProtocolError),
    "cut off": (pack_message([b"x"])[:-1], ConnectionLostError),
    "no end": (pack_message([b"x"]), ConnectionLostError),
}


@pytest.mark.parametrize("name", BAD_HISTORIES)
async def test_a_bad_history_is_an_error_and_not_confirmed(
    name: str, launcher: Launcher, link: LauncherLink
) -> None:
    content, expected = BAD_HISTORIES[name]
    ours, theirs = await launcher.idle()
    async with asyncio.TaskGroup() as group:

        async def read() -> None:
            with pytest.raises(expected, match=r"launcher|parts"):
                await link.history(10)

        group.create_task(read())
        assert await ours.readexactly(1) == bytes((Channel.HISTORY.value,))
        theirs.write(content)
        if expected is ConnectionLostError:
            theirs.close()
        with contextlib.suppress(ConnectionError):
            assert await ours.read() == b""


# --- the end


async def test_a_closed_link_closes_all_connections_and_accepts_none(
    launcher: Launcher, link: LauncherLink, changes: Changes
) -> None:
    control = await launcher.control(report())
    await launcher.idle()
    idle, _ = await launcher.idle()
    await changes.until(lambda: link.connected)
    used, _ = await link.open(Channel.SHELL, 10)
    async with asyncio.TaskGroup() as group:
        number = link.order(signal=2)
        waiting = group.create_task(link.confirmed(number, 10))
        await asyncio.sleep(0)
        link.close()
    assert waiting.done()
    await control.closed()
    for reader in (idle, used):
        with contextlib.suppress(ConnectionError):
            await reader.read()
    assert not link.connected
    with pytest.raises(YarnhubError, match="kernel K is dead"):
        await link.open(Channel.SHELL, 10)
    await (await launcher.control(report(5))).closed()
    assert link.report == report()
