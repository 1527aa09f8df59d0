"""One connection that many calls share: its answers, its silence, and its end."""

from __future__ import annotations

import asyncio
import socket

import pytest

from hadoop.calling import (
    ECHO,
    ONCE,
    Large,
    Number,
    calling,
    outcome_of,
    until,
)
from hadoop.server import (
    TOKEN,
    Call,
    Peer,
    answer,
    fatal,
    serving,
    token_offer,
)
from yarnhub.base.errors import (
    CallOutcome,
    ConnectionLostError,
    DeadlineExceededError,
    LocalProtocolError,
    RemoteError,
    RemoteProtocolError,
)
from yarnhub.base.retry import RetryPolicy
from yarnhub.hadoop.address import Address
from yarnhub.hadoop.codec import decode
from yarnhub.hadoop.ipc.client import RpcOptions
from yarnhub.hadoop.security.users import TokenUser
from yarnhub.hadoop.wire.method import Method


async def test_many_calls_share_one_connection_and_answers_come_in_any_order() -> None:
    held: list[Call] = []

    def hold(call: Call) -> bytes | None:
        held.append(call)
        if len(held) < 100:
            return None
        return b"".join(answer(each.call_id, each.body) for each in reversed(held))

    async with serving(hold) as server, calling(server) as client, asyncio.TaskGroup() as group:
        tasks = [group.create_task(client.call(ECHO, Number(n))) for n in range(100)]
    assert [task.result().n for task in tasks] == list(range(100))
    assert len(server.peers) == 1
    assert len({call.call_id for call in held}) == 100
    assert len({call.client_id for call in held}) == 1


async def test_an_idle_connection_is_closed_and_opened_again() -> None:
    async with (
        serving() as server,
        calling(server, options=RpcOptions(idle_timeout=0.02)) as client,
    ):
        await client.call(ECHO, Number(1))
        await until(lambda: server.gone == 1)
        assert (await client.call(ECHO, Number(2))).n == 2
        assert len(server.peers) == 2


async def test_a_server_that_owes_an_answer_is_pinged() -> None:
    async with (
        serving(lambda _: None) as server,
        calling(server, options=RpcOptions(ping_interval=0.02)) as client,
        asyncio.TaskGroup() as group,
    ):
        task = group.create_task(client.call(ECHO, Number(1)))
        await until(lambda: server.peers and server.peers[0].pings >= 2)
        call = server.peers[0].calls[0]
        server.send(answer(call.call_id, call.body))
        assert (await task).n == 1


async def test_a_large_request_meets_a_slow_reader() -> None:
    large = Method("large", Large, Large, idempotent=True)
    content = Large(bytes(3_000_000))
    async with serving() as server, calling(server) as client, asyncio.TaskGroup() as group:
        tasks = [group.create_task(client.call(large, content)) for _ in range(4)]
    assert all(task.result() == content for task in tasks)


async def test_closing_ends_what_waits_and_leaves_no_socket() -> None:
    async with serving(lambda _: None) as server, asyncio.TaskGroup() as group:
        async with calling(server) as client:
            task = group.create_task(outcome_of(client, ONCE))
            await until(lambda: server.peers and server.peers[0].calls)
        assert await task is CallOutcome.UNKNOWN
        await until(lambda: server.gone == 1)
        with pytest.raises(LocalProtocolError, match="closed"):
            await client.call(ECHO, Number(1))


async def test_a_machine_that_takes_nothing_any_more_is_given_up() -> None:
    large = Method("large", Large, Large)
    options = RpcOptions(acknowledge_timeout=0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:  # nobody reads from it
        async with calling(Address(*listener.getsockname()), options=options) as client:
            with pytest.raises(ConnectionLostError, match="timed out") as caught:
                await client.call(large, Large(bytes(30_000_000)), deadline=20)
            assert caught.value.outcome is CallOutcome.UNKNOWN


async def test_nothing_is_sent_while_the_server_does_not_read() -> None:
    async with serving() as server, calling(server) as client, asyncio.TaskGroup() as group:
        await client.call(ECHO, Number(0))
        connection = client._connection
        assert connection is not None
        connection.pause_writing()
        with pytest.raises(DeadlineExceededError):
            await client.call(ECHO, Number(1), deadline=0.02)
        connection.pause_writing()
        waiting = group.create_task(client.call(ECHO, Number(2)))
        await asyncio.sleep(0)
        assert [decode(Number, call.body).n for call in server.peers[0].calls] == [0]
        connection.resume_writing()
        assert (await waiting).n == 2


async def test_an_answer_that_is_no_message() -> None:
    async with (
        serving(lambda call: answer(call.call_id, b"\xff\xff")) as server,
        calling(server) as client,
    ):
        with pytest.raises(RemoteProtocolError, match=r"once at .*: the response cannot be read"):
            await client.call(ONCE, Number(1))


async def test_an_answer_above_the_limit() -> None:
    options = RpcOptions(max_response=100)
    async with (
        serving(lambda call: answer(call.call_id, bytes(200))) as server,
        calling(server, options=options) as client,
    ):
        with pytest.raises(RemoteProtocolError, match="the limit is 100"):
            await client.call(ONCE, Number(1))
        await until(lambda: server.gone == 1)


@pytest.mark.parametrize("layer", ["auth", "auth-int", "auth-conf"])
async def test_cut_at_every_byte_each_call_ends_with_its_error(layer: str) -> None:
    """The server's side of a session, cut off behind each byte."""
    lengths: list[int] = []

    class Cut(Peer):
        end = 1 << 30

        def feed(self, data: bytes) -> bytes:
            out = super().feed(data)
            lengths.append(len(out))
            kept, self.end = out[: self.end], self.end - len(out)
            self.closed = self.closed or self.end <= 0
            return kept

    def make(end: int) -> Peer:
        peer = Cut(offers=(token_offer(layer),))
        peer.end = end
        return peer

    options = RpcOptions(retry=RetryPolicy(attempts=1))
    async with (
        serving(make=lambda: make(1 << 30)) as server,
        calling(server, user=TokenUser(TOKEN)) as client,
    ):
        await client.call(ONCE, Number(1))
    total, handshake = sum(lengths), sum(lengths[:-1])
    for end in range(1, total):
        async with (
            serving(make=lambda end=end: make(end)) as server,  # type: ignore[misc]  # bound now
            calling(server, user=TokenUser(TOKEN), options=options) as client,
        ):
            with pytest.raises(ConnectionLostError) as caught:
                await client.call(ONCE, Number(1), deadline=20)
            # Behind the handshake a call may have been on its way: then nothing is known.
            unknown = end >= handshake
            assert caught.value.outcome is (
                CallOutcome.UNKNOWN if unknown else CallOutcome.NOT_SENT
            )


async def test_a_fatal_answer_to_one_call_leaves_the_others_unknown() -> None:
    def reply(call: Call) -> bytes | None:
        if decode(Number, call.body).n == 13:
            return fatal(call.call_id, "java.lang.Error", "no such protocol")
        return None

    async with serving(reply) as server, calling(server) as client, asyncio.TaskGroup() as group:
        other = group.create_task(outcome_of(client, ONCE))
        await until(lambda: server.peers and server.peers[0].calls)
        with pytest.raises(RemoteError, match="no such protocol"):
            await client.call(ONCE, Number(13))
        assert await other is CallOutcome.UNKNOWN


async def test_a_fatal_answer_to_none_leaves_all_unknown_and_says_why() -> None:
    async with (
        serving(lambda _: fatal(-2, "a.B", "cannot read the header")) as server,
        calling(server) as client,
    ):
        with pytest.raises(ConnectionLostError, match="closed it: cannot read") as caught:
            await client.call(ONCE, Number(1))
        assert caught.value.outcome is CallOutcome.UNKNOWN
