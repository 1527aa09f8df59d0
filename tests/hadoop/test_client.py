"""Calls over real sockets to a scripted server."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from hadoop.proxy import cut_behind
from hadoop.server import (
    ACCESS_CONTROL,
    AUTHORIZATION,
    CLOSE,
    KERBEROS_OFFER,
    TOKEN,
    Call,
    FakeContext,
    KerberosPeer,
    Peer,
    Server,
    answer,
    failure,
    fatal,
    serving,
    token_offer,
)
from yarnhub.base.errors import (
    AccessDeniedError,
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    ConnectionLostError,
    DeadlineExceededError,
    LocalProtocolError,
    Outcome,
    RemoteError,
    RemoteProtocolError,
)
from yarnhub.base.retry import RetryPolicy
from yarnhub.hadoop.address import Address
from yarnhub.hadoop.codec import BYTES, INT32, decode, proto
from yarnhub.hadoop.ipc.client import RpcClient, RpcOptions
from yarnhub.hadoop.security.users import KerberosUser, SimpleUser, TokenUser, User
from yarnhub.hadoop.wire.headers import UserInformation
from yarnhub.hadoop.wire.method import Method, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from yarnhub.hadoop.ipc.connection import RpcConnection
    from yarnhub.hadoop.wire.gssapi import GssContext

    Handler = Callable[[Call], bytes | object | None]

PROTOCOL = Protocol("org.example.ServicePB")
ALICE = SimpleUser("alice")
STANDBY = "org.apache.hadoop.ipc.StandbyException"
QUICK = RetryPolicy(first_delay=0.001, max_delay=0.002)


@dataclass(frozen=True, slots=True)
class Number:
    n: int = proto(1, INT32)


@dataclass(frozen=True, slots=True)
class Large:
    content: bytes = proto(1, BYTES)


ECHO = Method("echo", Number, Number, idempotent=True)
ONCE = Method("once", Number, Number)


@asynccontextmanager
async def calling(
    *servers: Server | Address, user: User = ALICE, options: RpcOptions | None = None
) -> AsyncIterator[RpcClient]:
    addresses = [each.address if isinstance(each, Server) else each for each in servers]
    async with RpcClient(
        addresses, PROTOCOL, user, options=options or RpcOptions(retry=QUICK, call_timeout=20)
    ) as client:
        yield client


def closed_port() -> Address:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return Address(*listener.getsockname())


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until a condition holds."""
    async with asyncio.timeout(10):
        while not condition():  # the other side has no event to set
            await asyncio.sleep(0)


# -- one connection


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
            task = group.create_task(_outcome(client, ONCE))
            await until(lambda: server.peers and server.peers[0].calls)
        assert await task is Outcome.UNKNOWN
        await until(lambda: server.gone == 1)
        with pytest.raises(LocalProtocolError, match="closed"):
            await client.call(ECHO, Number(1))


async def _outcome(client: RpcClient, method: Method[Number, Number]) -> Outcome:
    with pytest.raises(ConnectionLostError) as caught:
        await client.call(method, Number(1))
    return caught.value.outcome


# -- deadlines and cancellation


async def test_a_deadline_ends_one_call_only() -> None:
    def reply(call: Call) -> bytes | None:
        return None if decode(Number, call.body).n == 13 else answer(call.call_id, call.body)

    async with serving(reply) as server, calling(server) as client:
        with pytest.raises(DeadlineExceededError, match=r"echo at 127.*within 0.05 s") as caught:
            await client.call(ECHO, Number(13), deadline=0.05)
        assert caught.value.outcome is Outcome.UNKNOWN
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


class Silent(Peer):
    def feed(self, data: bytes) -> bytes:  # it says nothing
        return b""


async def test_a_deadline_before_the_connection_sends_nothing() -> None:
    async with serving(make=Silent) as server, calling(server, user=TokenUser(TOKEN)) as client:
        with pytest.raises(DeadlineExceededError, match="no connection within") as caught:
            await client.call(ONCE, Number(1), deadline=0.05)
        assert caught.value.outcome is Outcome.NOT_SENT
        await until(lambda: server.gone == 1)


async def test_authentication_has_a_time_limit_of_its_own() -> None:
    options = RpcOptions(connect_timeout=0.03, retry=RetryPolicy(attempts=1))
    async with (
        serving(make=Silent) as server,
        calling(server, user=TokenUser(TOKEN), options=options) as client,
    ):
        with pytest.raises(ConnectError, match="could not authenticate at"):
            await client.call(ECHO, Number(1))


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


async def test_the_reason_of_a_refusal_reaches_every_caller() -> None:
    text = "User: bob is not allowed to impersonate alice"
    refusal = fatal(-3, AUTHORIZATION, text)
    async with (
        serving(make=lambda: Peer(refusal=refusal)) as server,
        calling(server, user=SimpleUser("alice", real="bob")) as client,
        asyncio.TaskGroup() as group,
    ):
        tasks = [group.create_task(_denied(client)) for _ in range(50)]
    assert all(text in task.result() and "hadoop.proxyuser" in task.result() for task in tasks)


async def _denied(client: RpcClient) -> str:
    with pytest.raises(AccessDeniedError) as caught:
        await client.call(ONCE, Number(1))
    return str(caught.value)


async def test_the_reason_is_read_though_writing_failed() -> None:
    """The server refuses and resets; the client learns of the reset by writing."""
    refusal = fatal(-3, AUTHORIZATION, "User: bob is not allowed to impersonate alice")
    listener = socket.create_server(("127.0.0.1", 0))
    with listener:
        async with calling(Address(*listener.getsockname())) as client:
            first = asyncio.TaskGroup()
            async with first as group:
                task = group.create_task(_denied(client))
                await asyncio.sleep(0)
                peer, _ = await asyncio.to_thread(listener.accept)
                with peer:
                    await until(lambda: client._connection is not None)
                    connection = client._connection
                    assert connection is not None
                    assert connection._transport is not None
                    # The loop must not read before it has written.
                    connection._transport.pause_reading()
                    peer.sendall(refusal)
                # Closed with our bytes unread: a reset.
                with suppress(ConnectionLostError):
                    await until(lambda: _writes_fail(connection))
                assert "not allowed to impersonate" in await task


def _writes_fail(connection: RpcConnection) -> bool:
    if connection.usable:
        connection._machine.ping()
        connection._flush()
    return not connection.usable


async def test_a_refused_token_is_an_authentication_error() -> None:
    other = type(TOKEN)(TOKEN.identifier, b"wrong", TOKEN.kind, "")
    async with serving() as server, calling(server, user=TokenUser(other)) as client:
        with pytest.raises(AuthenticationError, match="refused us: DIGEST-MD5: wrong response"):
            await client.call(ECHO, Number(1))


async def test_a_server_that_wants_kerberos_says_so() -> None:
    text = "SIMPLE authentication is not enabled.  Available:[TOKEN, KERBEROS]"
    refusal = fatal(-1, ACCESS_CONTROL, text)
    async with serving(make=lambda: Peer(refusal=refusal)) as server, calling(server) as client:
        with pytest.raises(AuthenticationError, match="kinit"):
            await client.call(ECHO, Number(1))


async def test_a_kerberos_user_needs_to_know_whom_to_trust() -> None:
    async with serving() as server, calling(server, user=KerberosUser(NoTicket())) as client:
        with pytest.raises(ConfigurationError, match=r"yarn.resourcemanager.principal"):
            await client.call(ECHO, Number(1))


class NoTicket:
    principal = "alice@REALM"

    def open(self, server: str) -> GssContext:  # the port's
        return NoContext()


class NoContext:
    complete = False

    def step(self, token: bytes | None) -> bytes:  # the port's
        raise AuthenticationError("no valid Kerberos ticket: run kinit")

    def wrap(self, data: bytes, *, encrypt: bool) -> bytes:
        raise AssertionError("no layer was agreed on")

    def unwrap(self, data: bytes) -> tuple[bytes, bool]:
        raise AssertionError("no layer was agreed on")


async def test_a_missing_ticket_is_reported_and_the_connection_closed() -> None:
    options = RpcOptions(server_principal="rm/_HOST@REALM")
    # Reached by its address, it is known by the name that belongs to it.
    offer = replace(KERBEROS_OFFER, server_id="localhost")
    async with (
        serving(make=lambda: Peer(offers=(offer,))) as server,
        calling(server, user=KerberosUser(NoTicket()), options=options) as client,
    ):
        with pytest.raises(AuthenticationError, match=r"127.0.0.1:\d+: no valid .*run kinit"):
            await client.call(ECHO, Number(1))
        await until(lambda: server.gone == 1)


async def test_kerberos_falls_back_only_where_it_may() -> None:
    for allowed in (False, True):
        options = RpcOptions(server_principal="rm/_HOST", fallback_to_simple=allowed)
        user = KerberosUser(NoTicket(), "bob")
        async with serving() as server, calling(server, user=user, options=options) as client:
            if allowed:
                assert (await client.call(ECHO, Number(1))).n == 1
                context = server.peers[0].context
                assert context is not None
                assert context.user_info == UserInformation(
                    effective_user="bob", real_user="alice@REALM"
                )
            else:
                with pytest.raises(AuthenticationError, match="does not require Kerberos"):
                    await client.call(ECHO, Number(1))


class Ticket:
    principal = "alice@REALM"

    def __init__(self, make: Callable[[str], FakeContext] = FakeContext) -> None:
        self.open = make


KERBEROS = RpcOptions(server_principal="rm/localhost@REALM", retry=QUICK)


async def test_kerberos_from_the_first_token_to_the_last_answer() -> None:
    user = KerberosUser(Ticket(), "bob")
    async with (
        serving(make=KerberosPeer) as server,
        calling(server, user=user, options=KERBEROS) as client,
        asyncio.TaskGroup() as group,
    ):
        tasks = [group.create_task(client.call(ONCE, Number(n))) for n in range(20)]
    assert [task.result().n for task in tasks] == list(range(20))
    (peer,) = server.peers
    assert peer.context is not None
    assert peer.context.user_info == UserInformation(effective_user="bob")


@pytest.mark.parametrize("steps", range(0, 60, 3))
async def test_cancelled_at_any_await_of_the_handshake_the_client_goes_on(steps: int) -> None:
    async with (
        serving(make=KerberosPeer) as server,
        calling(server, user=KerberosUser(Ticket()), options=KERBEROS) as client,
    ):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(client.call(ONCE, Number(1)))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        assert (await client.call(ONCE, Number(3))).n == 3
    await until(lambda: server.gone == len(server.peers))


async def test_a_context_that_came_to_its_end_is_replaced() -> None:
    class Ending(FakeContext):
        made = 0

        def __init__(self, server: str) -> None:
            super().__init__(server)
            Ending.made += 1
            self.left = 3 if Ending.made == 1 else 100  # answer, connection context, one call

        def wrap(self, data: bytes, *, encrypt: bool) -> bytes:
            self.left -= 1
            if self.left < 0:
                raise AuthenticationError("the context has expired")
            return super().wrap(data, encrypt=encrypt)

    async with (
        serving(make=KerberosPeer) as server,
        calling(server, user=KerberosUser(Ticket(Ending)), options=KERBEROS) as client,
    ):
        for n in range(3):
            assert (await client.call(ONCE, Number(n))).n == n
    assert len(server.peers) == 2


async def test_a_machine_that_takes_nothing_any_more_is_given_up() -> None:
    large = Method("large", Large, Large)
    options = RpcOptions(acknowledge_timeout=0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:  # nobody reads from it
        async with calling(Address(*listener.getsockname()), options=options) as client:
            with pytest.raises(ConnectionLostError, match="timed out") as caught:
                await client.call(large, Large(bytes(30_000_000)), deadline=20)
            assert caught.value.outcome is Outcome.UNKNOWN


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
        with pytest.raises(RemoteProtocolError, match=r"once at .*: the answer cannot be read"):
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
                await client.call(ONCE, Number(1), deadline=5)
            # Behind the handshake a call may have been on its way: then nothing is known.
            unknown = end >= handshake
            assert caught.value.outcome is (Outcome.UNKNOWN if unknown else Outcome.NOT_SENT)


# -- repetition and failover


async def test_an_idempotent_call_is_repeated_under_its_id() -> None:
    seen: list[Call] = []

    def drop_twice(call: Call) -> bytes | object:
        seen.append(call)
        return CLOSE if len(seen) < 3 else answer(call.call_id, call.body)

    async with serving(drop_twice) as server, calling(server) as client:
        assert (await client.call(ECHO, Number(7))).n == 7
    assert len({(call.client_id, call.call_id) for call in seen}) == 1
    assert [call.retry_count for call in seen] == [0, 1, 2]


async def test_another_call_is_never_repeated_once_it_was_sent() -> None:
    async with serving(lambda _: CLOSE) as server, calling(server) as client:
        assert await _outcome(client, ONCE) is Outcome.UNKNOWN
    assert sum(len(peer.calls) for peer in server.peers) == 1


async def test_repetition_has_an_end() -> None:
    policy = RetryPolicy(attempts=3, first_delay=0.001)
    async with (
        serving(lambda _: CLOSE) as server,
        calling(server, options=RpcOptions(retry=policy)) as client,
    ):
        assert await _outcome(client, ECHO) is Outcome.UNKNOWN
    assert sum(len(peer.calls) for peer in server.peers) == 3


async def test_a_busy_server_is_asked_again() -> None:
    answers = iter(["org.apache.hadoop.ipc.RetriableException", None])

    def busy(call: Call) -> bytes:
        java_class = next(answers)
        return (
            failure(call.call_id, java_class, "later")
            if java_class
            else answer(call.call_id, call.body)
        )

    async with serving(busy) as server, calling(server) as client:
        assert (await client.call(ONCE, Number(7))).n == 7
    assert len(server.peers) == 1


def _standby(call: Call) -> bytes:
    return failure(call.call_id, STANDBY, "Operation not supported in state standby")


async def test_the_active_one_is_found_and_remembered() -> None:
    async with (
        serving(_standby) as standby,
        serving() as active,
        calling(closed_port(), standby, active) as client,
    ):
        for n in range(3):
            assert (await client.call(ONCE, Number(n))).n == n
        assert client.address == active.address
    assert sum(len(peer.calls) for peer in standby.peers) == 1
    assert len(active.peers) == 1


async def test_many_calls_turn_once() -> None:
    async with (
        serving(_standby) as standby,
        serving() as active,
        calling(standby, active) as client,
        asyncio.TaskGroup() as group,
    ):
        tasks = [group.create_task(client.call(ECHO, Number(n))) for n in range(50)]
    assert [task.result().n for task in tasks] == list(range(50))
    assert len(standby.peers) == len(active.peers) == 1


async def test_one_that_hangs_up_on_every_call_is_turned_from() -> None:
    async with (
        serving(lambda _: CLOSE) as dead,
        serving() as active,
        calling(dead, active) as client,
    ):
        for n in range(3):
            assert (await client.call(ECHO, Number(n))).n == n
        assert client.address == active.address
    assert len(dead.peers) == len(active.peers) == 1


async def test_a_pair_is_asked_until_one_of_it_takes_over() -> None:
    asked = 0

    def takes_over_late(call: Call) -> bytes:
        nonlocal asked
        asked += 1
        return answer(call.call_id, call.body) if asked > QUICK.attempts else _standby(call)

    async with serving(takes_over_late) as server, calling(closed_port(), server) as client:
        assert (await client.call(ONCE, Number(7))).n == 7


async def test_a_pair_of_which_none_takes_over_is_asked_until_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop, asked = asyncio.get_running_loop(), 0
    now = loop.time

    def standby(call: Call) -> bytes:
        nonlocal asked
        asked += 1
        if asked == QUICK.attempts + 1:  # the deadline passes now, however slow the machine is
            monkeypatch.setattr(loop, "time", lambda: now() + 10)
        return _standby(call)

    async with serving(standby) as one, serving(standby) as two, calling(one, two) as client:
        with pytest.raises(DeadlineExceededError, match=r"last: .*in state standby"):
            await client.call(ONCE, Number(1), deadline=10)
    assert len(one.peers) + len(two.peers) > QUICK.attempts


@pytest.mark.parametrize("method", [ECHO, ONCE], ids=["idempotent", "once"])
async def test_cut_off_at_any_byte_the_other_of_a_pair_goes_on(
    method: Method[Number, Number],
) -> None:
    seen: list[Call] = []

    def reply(call: Call) -> bytes:
        seen.append(call)
        return answer(call.call_id, call.body)

    user = TokenUser(TOKEN)
    async with serving(reply) as one, serving(reply) as two:
        async with cut_behind(one.address) as proxy, calling(proxy.address, user=user) as client:
            await client.call(method, Number(0))
        total, handshake = proxy.passed, proxy.passed - len(reply(seen[0]))
        for end in range(1, total):
            seen.clear()
            async with (
                cut_behind(one.address, end) as proxy,
                calling(proxy.address, two, user=user) as client,
            ):
                if method is ONCE and end >= handshake:
                    assert await _outcome(client, ONCE) is Outcome.UNKNOWN
                else:
                    assert (await client.call(method, Number(end))).n == end
            assert len({(call.client_id, call.call_id) for call in seen}) <= 1
            assert method is ECHO or len(seen) <= 1


async def test_callers_share_one_attempt_to_connect() -> None:
    refusal = fatal(-33, ACCESS_CONTROL, "SIMPLE authentication is not enabled.")

    class Refusing(Peer):
        def feed(self, data: bytes) -> bytes:  # whatever was said
            self.closed = True
            return refusal

    async with (
        serving(make=Refusing) as server,
        calling(server, user=TokenUser(TOKEN)) as client,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(20):
            group.create_task(_unauthenticated(client))
    assert len(server.peers) == 1


async def _unauthenticated(client: RpcClient) -> None:
    with pytest.raises(AuthenticationError):
        await client.call(ONCE, Number(1))


async def test_a_client_needs_an_address() -> None:
    with pytest.raises(LocalProtocolError, match="no address"):
        RpcClient([], PROTOCOL, ALICE)


async def test_calls_on_their_way_to_a_standby_all_find_the_active_one() -> None:
    """Turning does not cut off the answers that tell the others to turn too."""
    held: list[Call] = []

    def hold(call: Call) -> bytes | None:
        held.append(call)
        return None if len(held) < 10 else _standby(held[0])

    async with (
        serving(hold) as standby,
        serving() as active,
        calling(standby, active) as client,
        asyncio.TaskGroup() as group,
    ):
        tasks = [group.create_task(client.call(ONCE, Number(n))) for n in range(10)]
        await until(lambda: active.peers and active.peers[0].calls)
        for call in held[1:]:
            standby.send(_standby(call))
    assert [task.result().n for task in tasks] == list(range(10))
    await until(lambda: standby.gone == 1)


async def test_a_fatal_answer_to_one_call_leaves_the_others_unknown() -> None:
    def reply(call: Call) -> bytes | None:
        if decode(Number, call.body).n == 13:
            return fatal(call.call_id, "java.lang.Error", "no such protocol")
        return None

    async with serving(reply) as server, calling(server) as client, asyncio.TaskGroup() as group:
        other = group.create_task(_outcome(client, ONCE))
        await until(lambda: server.peers and server.peers[0].calls)
        with pytest.raises(RemoteError, match="no such protocol"):
            await client.call(ONCE, Number(13))
        assert await other is Outcome.UNKNOWN


async def test_a_fatal_answer_to_none_leaves_all_unknown_and_says_why() -> None:
    async with (
        serving(lambda _: fatal(-2, "a.B", "cannot read the header")) as server,
        calling(server) as client,
    ):
        with pytest.raises(ConnectionLostError, match="ended it: cannot read") as caught:
            await client.call(ONCE, Number(1))
        assert caught.value.outcome is Outcome.UNKNOWN


async def test_a_deadline_says_what_went_wrong_before_it() -> None:
    policy = RetryPolicy(attempts=1000, first_delay=0.001, max_delay=0.002)
    async with calling(closed_port(), options=RpcOptions(retry=policy)) as client:
        with pytest.raises(DeadlineExceededError, match=r"last: cannot connect to .*refused"):
            await client.call(ONCE, Number(1), deadline=0.1)
