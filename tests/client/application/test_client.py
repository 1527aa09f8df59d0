"""The application's client against the real control server, and against others on its port."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from appmaster.shell.server.serving import ID, OTHER, PAIR, Answering, own_admission
from client.living import client_of, living, served
from yarnhub.base.errors import (
    AccessDeniedError,
    CallOutcome,
    ConnectError,
    ConnectionLostError,
    ControlError,
    DeadlineExceededError,
    RemoteProtocolError,
    YarnhubError,
)
from yarnhub.client import keys
from yarnhub.client.application import client as module
from yarnhub.client.application.client import ApplicationClient
from yarnhub.client.keys import store
from yarnhub.control.messages import (
    ContainerState,
    Entry,
    FinalStatus,
    GetSpecification,
    KeyEvent,
    KeyEvents,
    KeyRange,
    Nothing,
    Request,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def test_every_method_reaches_the_application() -> None:
    async with living() as (world, app):
        assert await app.get_specification() == "{}"
        assert [each.id for each in await app.get_containers()] == ["a_0", "a_1"]
        assert [each.id for each in await app.scale("a", count=3)] == ["a_2"]
        assert [each.id for each in await app.scale("a", delta=-1)]
        assert (await app.add_container("b", {"X": "1"})).id == "b_0"
        await app.kill_container("b_0")
        found = await app.get_containers(services=["b"], states=None)
        assert [each.state for each in found] == [ContainerState.KILLED]
        await app.set_progress(0.5)
        assert world.application.progress == 0.5
        await app.keys.put("k", b"\0\xff")
        await app.keys.put("l", b"", owner="a_1")
        assert await app.keys.get("k") == Entry(key="k", value=b"\0\xff")
        assert await app.keys.get("none") is None
        assert await app.keys.wait("l") == Entry(key="l", value=b"", owner="a_1")
        assert await app.keys.list_keys(start="l") == ("l",)
        assert [each.key for each in await app.keys.get_range(prefix="")] == ["k", "l"]
        assert await app.keys.delete("k") is True
        assert await app.keys.delete("k") is False
        assert await app.keys.delete_range() == ("l",)
        await app.shutdown(FinalStatus.KILLED, "enough")
        assert world.application.finish is not None
        assert world.application.finish.diagnostics == "enough"


async def test_states_may_be_any_iterable() -> None:
    async with living() as (_, app):
        states = {ContainerState.RUNNING}
        assert len(await app.get_containers(services=iter(["a"]), states=states)) == 2


async def test_what_is_refused_raises_with_its_code() -> None:
    async with living() as (_, app):
        with pytest.raises(ControlError, match="Unknown service 'x'") as caught:
            await app.scale("x", count=1)
        assert caught.value.code == "invalid"


async def test_a_wait_asks_again_until_the_key_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "WAIT_SECONDS", 0.05)
    async with living() as (world, app), asyncio.TaskGroup() as group:
        waiting = group.create_task(app.keys.wait("k"))
        first = world.runner._next_request
        while world.runner._next_request < first + 3:
            await asyncio.sleep(0.01)
        await app.keys.put("k", b"v")
        assert (await waiting).value == b"v"
        assert world.application.requests.waiting == 0


async def test_a_wait_ends_with_the_application() -> None:
    async with living() as (world, app):

        async def wait() -> None:
            with pytest.raises(ControlError, match="ending") as caught:
                await app.keys.wait("k")
            assert caught.value.code == "ended"

        async with asyncio.TaskGroup() as group:
            group.create_task(wait())
            while not world.application.requests.waiting:
                await asyncio.sleep(0.01)
            await app.shutdown()


async def test_cancelling_a_wait_leaves_the_client_usable() -> None:
    async with living() as (_, app):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await app.keys.wait("k")
        assert await app.keys.list_keys() == ()


async def test_a_transaction_is_carried_out_at_once() -> None:
    async with living() as (_, app):
        await app.keys.put("k", b"\xff")
        mine, pop = keys.value("k") > b"\x7f", keys.pop("k")
        assert await app.keys.transaction(mine, pop) == (True, [b"\xff"])
        assert await app.keys.transaction(mine, pop, keys.put("l", b"")) == (False, [None])
        assert await app.keys.list_keys() == ("l",)


async def test_nothing_happens_unseen_between_two_looks() -> None:
    async with living() as (_, app):
        last = (await app.keys.watch(())).last
        everything = (KeyRange(),)
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(app.keys.watch(everything, last))
            await app.keys.put("k", b"1", owner="a_0")
        put = KeyEvent(number=last + 1, key="k", value=b"1", owner="a_0")
        assert waiting.result() == KeyEvents(events=(put,), last=last + 1)
        await app.keys.put("l", b"2")
        await app.kill_container("a_0")
        found = await app.keys.watch(everything, last + 1)
        assert [(each.key, each.value) for each in found.events] == [("l", b"2"), ("k", None)]
        again = await app.keys.watch(everything, last + 1)
        assert again == found, "an answer that was lost can be asked for again"


async def test_a_look_in_vain_tells_how_far_it_went() -> None:
    async with living() as (world, app):
        await app.keys.put("other", b"")
        found = await app.keys.watch((KeyRange(prefix="k"),), 0, 0.05)
        assert found == KeyEvents(events=(), last=1)
        assert await app.keys.watch((KeyRange(prefix="k"),), 0, 0) == found
        assert world.application.requests.waiting == 0


# --- errors


async def failure(port: int, credentials: Any = PAIR) -> YarnhubError:
    async with ApplicationClient(ID, f"127.0.0.1:{port}", credentials) as client:
        with pytest.raises(YarnhubError) as caught:
            await client.ask(GetSpecification())
    assert caught.value.__cause__ is not None
    return caught.value


async def test_another_pair_is_access_denied_with_what_to_look_at() -> None:
    async def answer(request: Request[Any]) -> object:
        return Nothing()

    async with served(answer) as port:
        error = await failure(port, OTHER)
    assert isinstance(error, AccessDeniedError)
    assert "the certificate that it was submitted with" in str(error)


async def test_nobody_there() -> None:
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    listener.close()
    await listener.wait_closed()
    error = await failure(port)
    assert isinstance(error, ConnectError)
    assert f"{ID}: its ApplicationMaster at 127.0.0.1:{port} cannot be reached" in str(error)
    assert "it may have ended" in str(error)


@contextlib.asynccontextmanager
async def other_server(said: bytes) -> AsyncIterator[int]:
    """Something else that listens: reads a little, says something, closes."""

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(said)
        writer.close()

    async with asyncio.timeout(30):
        listener = await asyncio.start_server(serve_one, "127.0.0.1", 0)
        async with listener:
            yield listener.sockets[0].getsockname()[1]


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["end", "no TLS"])
async def test_an_end_or_another_protocol_is_not_taken_for_access_denied(said: bytes) -> None:
    async with other_server(said) as port:
        error = await failure(port)
    assert isinstance(error, ConnectError)


async def test_an_end_within_a_request_leaves_it_unknown() -> None:
    async def answer(request: Request[Any]) -> object:
        raise ConnectionError  # as if the ApplicationMaster's process had ended

    async with served(answer) as port:
        error = await failure(port)
    assert isinstance(error, ConnectionLostError)
    assert error.outcome is CallOutcome.UNKNOWN


async def test_an_answer_of_another_form_is_the_peers_fault() -> None:
    async def answer(request: Request[Any]) -> object:
        return Nothing()

    async with served(answer) as port, client_of(port) as client:
        with pytest.raises(RemoteProtocolError):
            await client.get_specification()


async def test_no_answer_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_TIMEOUT", 0.2)

    async def answer(request: Request[Any]) -> object:
        await asyncio.Event().wait()
        return Nothing()

    async with served(answer) as port:
        error = await failure(port)
    assert isinstance(error, DeadlineExceededError)
    assert "no response from its ApplicationMaster" in str(error)


async def test_an_answer_that_trickles_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "REQUEST_TIMEOUT", 0.3)

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read(100)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)

    async with asyncio.timeout(30):
        listener = await asyncio.start_server(
            serve_one, "127.0.0.1", 0, ssl=own_admission(Answering()).context
        )
        async with listener:
            error = await failure(listener.sockets[0].getsockname()[1])
    assert isinstance(error, DeadlineExceededError)
