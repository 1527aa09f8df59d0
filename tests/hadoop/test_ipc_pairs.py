"""Which of a pair of servers is called, and what is called again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hadoop.calling import (
    ALICE,
    ECHO,
    ONCE,
    PROTOCOL,
    QUICK,
    STANDBY,
    Number,
    calling,
    closed_port,
    outcome_of,
    until,
)
from hadoop.proxy import cut_behind
from hadoop.server import (
    CLOSE,
    TOKEN,
    Call,
    answer,
    failure,
    serving,
)
from yarnhub.base.errors import (
    CallOutcome,
    DeadlineExceededError,
)
from yarnhub.base.retry import RetryPolicy
from yarnhub.hadoop.codec import decode
from yarnhub.hadoop.ipc.client import RpcClient, RpcOptions
from yarnhub.hadoop.security.users import TokenUser

if TYPE_CHECKING:
    from yarnhub.hadoop.wire.method import Method


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
        assert await outcome_of(client, ONCE) is CallOutcome.UNKNOWN
    assert sum(len(peer.calls) for peer in server.peers) == 1


async def test_repetition_has_an_end() -> None:
    policy = RetryPolicy(attempts=3, first_delay=0.001)
    async with (
        serving(lambda _: CLOSE) as server,
        calling(server, options=RpcOptions(retry=policy)) as client,
    ):
        assert await outcome_of(client, ECHO) is CallOutcome.UNKNOWN
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
                    assert await outcome_of(client, ONCE) is CallOutcome.UNKNOWN
                else:
                    assert (await client.call(method, Number(end))).n == end
            assert len({(call.client_id, call.call_id) for call in seen}) <= 1
            assert method is ECHO or len(seen) <= 1


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


async def test_closing_that_is_cancelled_closes_all_connections() -> None:
    """A connection that was turned from is kept while calls on it wait for their answers."""

    def hold(call: Call) -> bytes | None:
        return None if decode(Number, call.body).n == 1 else _standby(call)

    async with (
        serving(hold) as standby,
        serving() as active,
        asyncio.TaskGroup() as group,
    ):
        client = RpcClient([standby.address, active.address], PROTOCOL, ALICE)
        waiting = group.create_task(outcome_of(client, ONCE))
        await until(lambda: standby.peers and standby.peers[0].calls)
        await client.call(ONCE, Number(2))
        closing = group.create_task(client.aclose())
        await asyncio.sleep(0)
        closing.cancel()
        assert await waiting is CallOutcome.UNKNOWN
        await until(lambda: (standby.gone, active.gone) == (1, 1))
    assert closing.cancelled()
