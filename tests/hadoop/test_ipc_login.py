"""How a client of the RPC proves who it is, and learns that it may not."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hadoop.calling import (
    ECHO,
    ONCE,
    PROTOCOL,
    QUICK,
    Number,
    Silent,
    calling,
    until,
)
from hadoop.server import (
    ACCESS_CONTROL,
    AUTHORIZATION,
    KERBEROS_OFFER,
    TOKEN,
    FakeContext,
    KerberosPeer,
    Peer,
    fatal,
    serving,
)
from yarnhub.base.errors import (
    AccessDeniedError,
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    ConnectionLostError,
)
from yarnhub.base.retry import RetryPolicy
from yarnhub.hadoop.address import Address
from yarnhub.hadoop.ipc.client import RpcClient, RpcOptions
from yarnhub.hadoop.ipc.connection import RpcConnection
from yarnhub.hadoop.ipc.login import make_login
from yarnhub.hadoop.security.users import KerberosUser, SimpleUser, TokenUser
from yarnhub.hadoop.wire.connection import RpcStateMachine
from yarnhub.hadoop.wire.headers import UserInformation

if TYPE_CHECKING:
    from collections.abc import Callable

    from yarnhub.hadoop.wire.gssapi import GssContext


async def test_authentication_has_a_time_limit_of_its_own() -> None:
    options = RpcOptions(connect_timeout=0.3, retry=RetryPolicy(attempts=1))
    async with (
        serving(make=Silent) as server,
        calling(server, user=TokenUser(TOKEN), options=options) as client,
    ):
        with pytest.raises(ConnectError, match="could not authenticate at"):
            await client.call(ECHO, Number(1))


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
        with pytest.raises(
            AuthenticationError, match="refused the connection: DIGEST-MD5: wrong response"
        ):
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


async def test_cancelled_as_the_handshake_ends_no_connection_is_left() -> None:
    options = RpcOptions()
    async with serving() as server, asyncio.TaskGroup() as group:
        login = await make_login(TokenUser(TOKEN), server.address, options)
        machine = RpcStateMachine(PROTOCOL, login, client_id=bytes(16), max_response=1000)
        task = group.create_task(RpcConnection.open(machine, server.address, options))
        await until(lambda: machine.ready)
        task.cancel()
        await until(lambda: server.gone)
    assert task.cancelled()


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
