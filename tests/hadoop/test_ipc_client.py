"""Calls over real sockets to a scripted server."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from hadoop.calling import (
    ALICE,
    ECHO,
    ONCE,
    PROTOCOL,
    Number,
    Silent,
    calling,
    closed_port,
    until,
)
from hadoop.server import (
    TOKEN,
    Call,
    Peer,
    answer,
    failure,
    serving,
)
from yarnhub.base.errors import (
    CallOutcome,
    ConnectError,
    ConnectionLostError,
    DeadlineExceededError,
    LocalProtocolError,
    RemoteError,
)
from yarnhub.base.retry import RetryPolicy
from yarnhub.hadoop.address import Address
from yarnhub.hadoop.codec import decode
from yarnhub.hadoop.ipc.client import RpcClient, RpcOptions
from yarnhub.hadoop.security.users import TokenUser, User

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[[Call], bytes | object | None]


# -- deadlines and cancellation


async def test_a_deadline_ends_one_call_only() -> None:
    def reply(call: Call) -> bytes | None:
        return None if decode(Number, call.body).n == 13 else answer(call.call_id, call.body)

    async with serving(reply) as server, calling(server) as client:
        await client.call(ECHO, Number(1))  # it is connected, which takes its time, too
        with pytest.raises(DeadlineExceededError, match=r"echo at 127.*within 0.05 s") as caught:
            await client.call(ECHO, Number(13), deadline=0.05)
        assert caught.value.outcome is CallOutcome.UNKNOWN
        assert isinstance(caught.value, TimeoutError)
        assert (await client.call(ECHO, Number(2))).n == 2


async def test_a_late_answer_is_dropped() -> None:
    async with serving(_unless(13)) as server, calling(server) as client:
        await client.call(ECHO, Number(1))
        async with asyncio.TaskGroup() as group:
            other = group.create_task(client.call(ECHO, Number(13)))
            await until(lambda: len(server.peers[0].calls) == 2)
            with pytest.raises(DeadlineExceededError):
                await client.call(ECHO, Number(13), deadline=0.02)
            for call in server.peers[0].calls[1:]:
                server.send(answer(call.call_id, call.body))
            assert (await other).n == 13
        assert (await client.call(ECHO, Number(2))).n == 2
    assert len(server.peers) == 1


def _unless(silent: int) -> Handler:
    def reply(call: Call) -> bytes | None:
        return None if decode(Number, call.body).n == silent else answer(call.call_id, call.body)

    return reply


async def test_a_server_that_fell_silent_is_left_at_the_deadline() -> None:
    async with serving(_unless(13)) as server, calling(server) as client:
        await client.call(ECHO, Number(1))
        with pytest.raises(DeadlineExceededError):
            await client.call(ECHO, Number(13), deadline=0.02)
        await client.call(ECHO, Number(2))
    assert len(server.peers) == 2, "the next call does not hang on the connection that hung"


async def test_a_deadline_before_the_connection_sends_nothing() -> None:
    async with serving(make=Silent) as server, calling(server, user=TokenUser(TOKEN)) as client:
        with pytest.raises(DeadlineExceededError, match="no connection within") as caught:
            await client.call(ONCE, Number(1), deadline=0.05)
        assert caught.value.outcome is CallOutcome.NOT_SENT
        await until(lambda: server.gone == 1)


@pytest.mark.parametrize("steps", range(12))
@pytest.mark.parametrize("user", [ALICE, TokenUser(TOKEN)], ids=["simple", "token"])
async def test_cancelled_at_any_await_the_client_goes_on(user: User, steps: int) -> None:
    async with serving() as server, calling(server, user=user) as client:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(client.call(ECHO, Number(1)))
            other = group.create_task(client.call(ECHO, Number(2)))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            assert (await other).n == 2
        assert (await client.call(ECHO, Number(3))).n == 3
    await until(lambda: server.gone == len(server.peers))


# -- what goes wrong


async def test_nobody_listens() -> None:
    address = closed_port()
    async with calling(address) as client:
        with pytest.raises(ConnectError, match=f"cannot connect to {address}: .*refused"):
            await client.call(ONCE, Number(1))


async def test_a_port_without_a_server_does_not_answer_itself(own_port: int) -> None:
    address = Address("127.0.0.1", own_port)
    async with calling(address) as client:
        with pytest.raises(ConnectError, match=f"cannot connect to {address}: .*refused"):
            await client.call(ONCE, Number(1))


async def test_nobody_listens_where_no_file_names_the_host() -> None:
    address = Address("0.0.0.0", closed_port().port)
    async with calling(address) as client:
        with pytest.raises(ConnectError, match=r"refused.* no file names the host.*yarn-site.xml"):
            await client.call(ONCE, Number(1))


async def test_a_server_with_too_many_connections_is_asked_again() -> None:
    # As org.apache.hadoop.ipc.Server does above ipc.server.max.connections: it takes the
    # connection and closes it unread.
    async with serving() as server:
        full = [True, True]

        class Full(Peer):
            def feed(self, data: bytes) -> bytes:
                if full:
                    full.pop()
                    server.writers[-1].transport.abort()
                    return b""
                return super().feed(data)

        server.make = Full
        async with calling(server) as client:
            assert (await client.call(ECHO, Number(1))).n == 1
            assert not full
        full += [True] * 6
        async with calling(server) as client:
            with pytest.raises(ConnectionLostError, match=r"ipc\.server.max.connections"):
                await client.call(ONCE, Number(1))


async def test_a_host_that_does_not_exist() -> None:
    options = RpcOptions(retry=RetryPolicy(attempts=1))
    async with calling(Address("no-such-host.invalid", 1), options=options) as client:
        with pytest.raises(ConnectError, match=r"cannot connect to no-such-host.invalid:1: \w"):
            await client.call(ONCE, Number(1))


async def test_a_java_exception_reaches_its_caller() -> None:
    async with (
        serving(
            lambda call: failure(call.call_id, "java.io.IOException", "disk is full")
        ) as server,
        calling(server) as client,
    ):
        with pytest.raises(RemoteError) as caught:
            await client.call(ONCE, Number(1))
    error = caught.value
    assert str(error) == f"disk is full (once at {server.address})"
    assert (error.java_class, error.message) == ("java.io.IOException", "disk is full")
    assert "Some.java" in error.details


async def test_a_client_needs_an_address() -> None:
    with pytest.raises(LocalProtocolError, match="no address"):
        RpcClient([], PROTOCOL, ALICE)


async def test_a_deadline_says_what_went_wrong_before_it() -> None:
    policy = RetryPolicy(attempts=1000, first_delay=0.001, max_delay=0.002)
    async with calling(closed_port(), options=RpcOptions(retry=policy)) as client:
        with pytest.raises(DeadlineExceededError, match=r"last: cannot connect to .*refused"):
            await client.call(ONCE, Number(1), deadline=0.5)
