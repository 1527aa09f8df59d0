"""Clients that speak in frames, over real TLS on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from appmaster.shell.server.serving import OTHER, PAIR, Answering, own_admission
from base.pauses import turns_until
from yarnhub.appmaster.core.budgets import Budgets
from yarnhub.appmaster.shell.server import frame_connection
from yarnhub.appmaster.shell.server.control import serve
from yarnhub.base.errors import FailureCode, RemoteProtocolError
from yarnhub.client.application.connection import ControlConnection
from yarnhub.control import json
from yarnhub.control.bootstrap import SERVER_NAME
from yarnhub.control.frames import EARLIER_PROTOCOL, PROTOCOL, PROTOCOLS, Frame, Frames
from yarnhub.control.messages import (
    AddContainer,
    Containers,
    ContainerState,
    Entries,
    Entry,
    Failure,
    GetContainers,
    GetKey,
    PutKey,
    Request,
    ServiceContainer,
    WaitKey,
)
from yarnhub.control.outcomes import Cause, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from yarnhub.client.access.credentials import Credentials

ENDED = ServiceContainer(
    service_name="a",
    instance=0,
    state=ContainerState.FAILED,
    exit_message="Exit code 3: its program failed, see its log.",
    outcome=Outcome(cause=Cause.FAILED, exit_code=3),
)


@contextlib.asynccontextmanager
async def connected(
    answer: Callable[[Request[Any]], Awaitable[object]],
    pair: Credentials = PAIR,
    budgets: Budgets | None = None,
) -> AsyncIterator[ControlConnection]:
    async with asyncio.timeout(20), serve(own_admission(answer, budgets), "127.0.0.1") as port:
        connection = await opened(port, pair)
        try:
            yield connection
        finally:
            await connection.close()


async def opened(
    port: int, pair: Credentials = PAIR, protocols: Sequence[str] = PROTOCOLS
) -> ControlConnection:
    context = pair.client_context()
    context.set_alpn_protocols(list(protocols))
    return await ControlConnection.open(f"127.0.0.1:{port}", context, SERVER_NAME)


async def ask(connection: ControlConnection, request: Request[Any]) -> object:
    frame = await connection.ask(request.name(), json.dump(request))
    kind = Failure if frame.name == "Failure" else request.answer
    return json.load(kind, frame.body or b"")


async def value(connection: ControlConnection, key: str) -> str:
    found = await ask(connection, GetKey(key=key))
    assert isinstance(found, Entries)
    return found.entries[0].key


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


async def test_each_of_many_requests_gets_its_own_answer() -> None:
    async with connected(Answering()) as connection, asyncio.TaskGroup() as group:
        tasks = {str(n): group.create_task(value(connection, str(n))) for n in range(500)}
    assert all(task.result() == key for key, task in tasks.items())


@pytest.mark.parametrize(
    ("protocols", "outcome"),
    [(PROTOCOLS, ENDED.outcome), ([PROTOCOL], ENDED.outcome), ([EARLIER_PROTOCOL], None)],
)
async def test_outcomes_are_told_to_who_can_read_them(
    protocols: Sequence[str], outcome: Outcome | None
) -> None:
    async def answer(request: Request[Any]) -> object:
        return ENDED if isinstance(request, AddContainer) else Containers(containers=(ENDED,))

    told = replace(ENDED, outcome=outcome)
    async with asyncio.timeout(20), serve(own_admission(answer, None), "127.0.0.1") as port:
        connection = await opened(port, protocols=protocols)
        assert await ask(connection, GetContainers()) == Containers(containers=(told,))
        frame = await connection.ask("AddContainer", json.dump(AddContainer(service="a")))
        await connection.close()
    assert json.load(ServiceContainer, frame.body or b"") == told
    assert (b'"outcome":' in (frame.body or b"")) is bool(outcome)


async def test_an_older_server_speaks_what_both_know() -> None:
    context = own_admission(Answering()).context
    context.set_alpn_protocols([EARLIER_PROTOCOL])
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
    async with asyncio.timeout(20), server:
        connection = await opened(server.sockets[0].getsockname()[1])
        assert not connection.lost
        await connection.close()


async def test_a_server_that_does_not_speak_in_frames_is_named() -> None:
    context = own_admission(Answering()).context
    context.set_alpn_protocols(["yarnhub.older"])
    ended = asyncio.Event()

    async def older(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        ended.set()

    server = await asyncio.start_server(older, "127.0.0.1", 0, ssl=context)
    async with asyncio.timeout(20), server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(RemoteProtocolError, match=rf"127\.0\.0\.1:{port} does not support"):
            await opened(port)
        await ended.wait()


async def test_a_request_that_waits_holds_up_no_other() -> None:
    answering, waiting = Answering(), asyncio.Event()

    async def answer(request: Request[Any]) -> object:
        if isinstance(request, WaitKey):
            await waiting.wait()
        return await answering(request)

    async with connected(answer) as connection, asyncio.TaskGroup() as group:
        wait = group.create_task(ask(connection, WaitKey(key="late", timeout=10)))
        assert await value(connection, "k") == "k"
        assert not wait.done()
        waiting.set()


async def test_who_stops_to_wait_withdraws_the_request_and_no_other() -> None:
    answering = Answering()
    answering.go_on.clear()
    async with connected(answering) as connection, asyncio.TaskGroup() as group:
        given_up = group.create_task(ask(connection, WaitKey(key="a", timeout=10)))
        other = group.create_task(ask(connection, WaitKey(key="b", timeout=10)))
        await until(lambda: len(answering.requests) == 2)
        given_up.cancel()
        await until(lambda: answering.cancelled)
        answering.go_on.set()
        assert isinstance(await other, Entries)
    assert answering.cancelled == 1


async def test_what_a_client_waits_for_is_withdrawn_when_it_goes() -> None:
    answering = Answering()
    answering.go_on.clear()

    async def wait(connection: ControlConnection) -> None:
        with pytest.raises(ConnectionError):
            await ask(connection, WaitKey(key="a", timeout=10))

    async with connected(answering) as connection, asyncio.TaskGroup() as group:
        group.create_task(wait(connection))
        await answering.came.wait()
        await connection.close()
        await until(lambda: answering.cancelled)


async def test_who_asks_and_withdraws_thousands_of_times_holds_nobody_up() -> None:
    answering = Answering()
    answering.go_on.clear()
    context = PAIR.client_context()
    context.set_alpn_protocols([PROTOCOL])
    both = b"".join(bytes(Frame(n, "GetKey")) + bytes(Frame(n + 90_000, "")) for n in range(12_000))
    admission = own_admission(answering, Budgets(at_once=1))
    async with asyncio.timeout(20), serve(admission, "127.0.0.1") as port:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname=SERVER_NAME
        )
        writer.write(bytes(Frame(80_000, "GetKey", b'{"key":"k"}')))
        await answering.came.wait()  # from now on nothing is read
        writer.write(both)
        await until(lambda: not writer.transport.get_write_buffer_size())
        answering.go_on.set()
        async with asyncio.TaskGroup() as group:
            received = group.create_task(reader.readexactly(1 << 18))
            turns = await turns_until(received.done)
        writer.transport.abort()
    assert max(turns) < 0.2


@contextlib.asynccontextmanager
async def many_at_once(
    answer: Callable[[Request[Any]], Awaitable[object]], count: int
) -> AsyncIterator[asyncio.StreamReader]:
    """The answers to many requests for keys that were sent in one piece."""
    context = PAIR.client_context()
    context.set_alpn_protocols([PROTOCOL])
    async with asyncio.timeout(20), serve(own_admission(answer), "127.0.0.1") as port:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname=SERVER_NAME
        )
        asked = (Frame(n, "GetKey", json.dump(GetKey(key=f"{n}"))) for n in range(count))
        writer.write(b"".join(map(bytes, asked)))
        yield reader
        writer.transport.abort()


def at_once(request: Request[Any]) -> asyncio.Future[object]:
    """An answer that is there."""
    assert isinstance(request, GetKey)
    found: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    found.set_result(Entries(entries=(Entry(key=request.key, value=b"v"),)))
    return found


async def test_answers_that_are_there_need_no_task_and_come_in_order() -> None:
    tasks = set()

    def answer(request: Request[Any]) -> asyncio.Future[object]:
        tasks.update(asyncio.all_tasks())
        return at_once(request)

    frames = Frames(1 << 20)
    found: list[Frame] = []
    async with many_at_once(answer, 1000) as reader:
        while len(found) < 1000:
            found += frames.feed(await reader.read(1 << 18))
    assert [each.number for each in found] == list(range(1000))
    assert json.load(Entries, found[-1].body or b"").entries[0].key == "999"
    assert len(tasks) < 100


async def test_who_asks_thousands_of_times_holds_nobody_up() -> None:
    answered = 0

    def answer(request: Request[Any]) -> asyncio.Future[object]:
        nonlocal answered
        answered += 1
        return at_once(request)

    turns: list[int] = []
    async with many_at_once(answer, 5000), asyncio.TaskGroup() as group:

        async def other() -> None:
            while answered < 5000:
                turns.append(answered)
                await asyncio.sleep(0)

        await group.create_task(other())
    steps = [later - earlier for earlier, later in itertools.pairwise([*turns, answered])]
    assert max(steps) <= 64


async def test_no_more_are_taken_than_may_be_under_way() -> None:
    answering = Answering()
    answering.go_on.clear()
    budgets = Budgets(at_once=3)
    async with (
        connected(answering, budgets=budgets) as connection,
        asyncio.TaskGroup() as group,
    ):
        asked = [group.create_task(value(connection, str(n))) for n in range(10)]
        await until(lambda: len(answering.requests) == 3)
        await asyncio.sleep(0.05)
        # They came in one piece, and still no more are begun.
        assert len(answering.requests) == 3
        answering.go_on.set()
        assert [await each for each in asked] == [str(n) for n in range(10)]


async def test_who_takes_more_than_his_share_waits() -> None:
    loop = asyncio.get_running_loop()
    budgets = Budgets(rate=100_000)
    async with connected(Answering(), budgets=budgets) as connection:
        began = loop.time()
        for _ in range(3):
            await ask(connection, PutKey(key="k", value=b"x" * 60_000))
        assert await value(connection, "k") == "k"
        # Three bodies of 80 kB in base64, of which two seconds' worth may come at once.
        assert loop.time() - began > 0.4


async def test_a_request_that_is_too_large_is_refused_and_the_next_is_not() -> None:
    async with connected(Answering(), budgets=Budgets(body=100_000)) as connection:
        found = await ask(connection, PutKey(key="k", value=b"x" * 1_000_000))
        assert found == Failure(FailureCode.INVALID, "a request may have 100000 bytes at most")
        assert await value(connection, "k") == "k"


async def test_what_is_not_known_or_not_json_is_refused() -> None:
    async with connected(Answering()) as connection:
        unknown = await connection.ask("Conquer", b"{}")
        assert json.load(Failure, unknown.body or b"").code == "unknown-request"
        broken = await connection.ask("GetKey", b"{")
        assert json.load(Failure, broken.body or b"").code == "invalid"


async def test_a_client_that_asks_for_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_connection, "IDLE_TIMEOUT", 0.1)
    async with connected(Answering()) as connection:
        await until(lambda: connection.lost)
        with pytest.raises(ConnectionError):
            await value(connection, "k")


async def test_a_client_that_waits_is_not_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_connection, "IDLE_TIMEOUT", 0.3)
    answering = Answering()
    answering.go_on.clear()
    async with connected(answering) as connection, asyncio.TaskGroup() as group:
        wait = group.create_task(ask(connection, WaitKey(key="a", timeout=10)))
        await answering.came.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.8):
                await until(lambda: connection.lost)
        answering.go_on.set()
        assert isinstance(await wait, Entries)


async def test_answers_under_way_are_given_at_the_end() -> None:
    answering = Answering()
    answering.go_on.clear()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        async with serve(own_admission(answering), "127.0.0.1") as port:
            connection = await opened(port)
            wait = group.create_task(value(connection, "k"))
            await answering.came.wait()
            asyncio.get_running_loop().call_later(0.05, answering.go_on.set)
        assert await wait == "k"
        await connection.close()


async def test_holders_of_another_key_are_not_let_in() -> None:
    with pytest.raises(OSError, match="certificate"):
        async with connected(Answering(), OTHER):
            pass


async def test_who_goes_while_many_answers_come_is_no_matter_for_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answering = Answering()
    answering.go_on.clear()
    async with asyncio.timeout(20), serve(own_admission(answering), "127.0.0.1") as port:
        for _ in range(10):
            connection = await opened(port)
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(value(connection, str(n))) for n in range(20)]
                count = len(answering.requests)
                await until(lambda count=count: len(answering.requests) >= count + 20)  # type: ignore[misc]  # bound early
                await connection.close()
                for each in asked:
                    each.cancel()
        answering.go_on.set()
    assert caplog.text == ""
