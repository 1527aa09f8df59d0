"""The keeper with fake servers, whose contract `test_tokens` plays on real ones, and no time."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from appmaster.clock import instant
from client.tokens.source_contract import FakeSource
from hadoop.tickets import Ticket
from yarnhub.base.errors import AccessDeniedError, AuthenticationError, ConnectError
from yarnhub.client.access.settings import Settings
from yarnhub.client.tokens.keeper import KeptTokens, TokenKeeper
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.ipc.options import RpcOptions
from yarnhub.hadoop.security.users import KerberosUser, SimpleUser
from yarnhub.hadoop.wire.identifiers import read_identifier
from yarnhub.hadoop.wire.tokens import TokenStorage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        configuration=Configuration({}),
        user=KerberosUser(Ticket("jupyterhub@YARNHUB.TEST")),
        user_name="jupyterhub",
        config_folder=tmp_path,
        cache_folder=tmp_path,
        language="C",
        options=RpcOptions(),
    )


@dataclass
class Cluster:
    """The servers, and a keeper of their tokens."""

    settings: Settings
    name_node: FakeSource = field(default_factory=FakeSource)
    manager: FakeSource = field(default_factory=lambda: FakeSource("10.0.0.9:8032"))
    asked: list[tuple[str, ...]] = field(default_factory=list)

    async def sources(self, settings: Settings, file_systems: Iterable[str]) -> list[FakeSource]:
        self.asked.append(tuple(file_systems))
        return [self.name_node, self.manager]

    @contextlib.asynccontextmanager
    async def keeper(self) -> AsyncIterator[TokenKeeper]:
        async with (
            asyncio.timeout(1e6),
            TokenKeeper(self.settings, self.sources) as keeper,
        ):
            yield keeper

    def check(self, kept: KeptTokens) -> None:
        """Use the tokens as a container would."""
        for source in (self.name_node, self.manager):
            source.check(kept.tokens[source.service])


@pytest.fixture
def cluster(settings: Settings) -> Cluster:
    return Cluster(settings)


@instant
async def test_tokens_work_all_the_time(cluster: Cluster) -> None:
    async with cluster.keeper() as keeper, keeper.kept("alice") as kept:
        for _ in range(3000):
            cluster.check(kept)
            await asyncio.sleep(0.1)
        found = read_identifier(kept.tokens["10.0.0.1:8020"])
        assert (found.owner, found.renewer) == ("alice", "jupyterhub")
    # 300 s with lifetimes of 60 s: replaced each 39 to 45 s, renewed once between.
    assert 7 <= cluster.name_node.calls.count("fetch") <= 9
    assert kept.number == 1 + sum(
        each.calls.count("fetch") - 1 for each in (cluster.name_node, cluster.manager)
    )


@instant
async def test_who_waits_is_told_of_each_new_set(cluster: Cluster) -> None:
    async with cluster.keeper() as keeper, keeper.kept("alice") as kept:
        first = kept.tokens
        number = await kept.newer(0)
        assert number == kept.number == 1
        async with asyncio.timeout(50):
            await kept.newer(number)
        assert kept.tokens != first
        assert TokenStorage.read(kept.content).tokens == kept.tokens


@instant
async def test_tokens_are_fetched_once_for_all_who_want_the_same(cluster: Cluster) -> None:
    async with cluster.keeper() as keeper, contextlib.AsyncExitStack() as stack:
        held = [
            await stack.enter_async_context(keeper.kept("alice", file_systems))
            for file_systems in (["hdfs://b", "hdfs://a"], ["hdfs://a", "hdfs://b"])
        ]
        assert held[0].tokens == held[1].tokens
        await stack.enter_async_context(keeper.kept("bob"))
        assert cluster.name_node.calls.count("fetch") == 2
    assert cluster.asked == [("hdfs://a", "hdfs://b"), ()]


@instant
async def test_when_the_last_one_has_ended_all_are_cancelled(cluster: Cluster) -> None:
    async with cluster.keeper() as keeper:
        async with keeper.kept("alice") as one:
            async with keeper.kept("alice") as other:
                await asyncio.sleep(50)
                other.ended = True
            assert len(cluster.name_node.alive) == 2, "the replaced one may be in use"
            one.ended = True
        await asyncio.sleep(0.01)
        assert cluster.name_node.alive == cluster.manager.alive == {}
        async with keeper.kept("alice") as again:
            cluster.check(again)


@pytest.mark.parametrize("seconds", [0.5, 1.5, 2.5, 30.0, 50.0, 100.0])
@instant
async def test_each_token_that_was_fetched_is_cancelled_after_starts_and_stops(
    cluster: Cluster, seconds: float
) -> None:
    """Whether a holder leaves by itself, fails, or is cancelled, and in whatever it waits for."""
    sources = cluster.name_node, cluster.manager
    for source in sources:
        source.lifetime, source.renewal = 1e5, 60.0  # none that has ended by itself is counted
        source.delay = 1.0

    async def hold(keeper: TokenKeeper, *, fail: bool) -> None:
        async with keeper.kept("alice") as kept:
            kept.ended = True
            await asyncio.sleep(seconds)
            if fail:
                raise KeyError("the application")

    async with cluster.keeper() as keeper:
        for _ in range(5):
            await hold(keeper, fail=False)
            with pytest.raises(KeyError):
                await hold(keeper, fail=True)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await hold(keeper, fail=False)
            await asyncio.sleep(2.0)  # the refusal is not that of an end
            cluster.manager.refusals.append(ConnectError("nobody there"))
            with pytest.raises(ConnectError):
                await hold(keeper, fail=False)
    for source in sources:
        assert source.issued >= 10
        assert (source.cancelled, source.alive) == (source.issued, {})


@instant
async def test_what_goes_on_without_the_keeper_has_its_tokens(cluster: Cluster) -> None:
    async with cluster.keeper() as keeper, keeper.kept("bob"):
        async with keeper.kept("alice") as one, keeper.kept("alice") as other:
            other.ended = True
        cluster.check(one)
    cluster.check(one)
    assert "cancel" not in cluster.name_node.calls


@instant
async def test_what_cannot_be_cancelled_does_not_hold_anybody_up(cluster: Cluster) -> None:
    async with cluster.keeper() as keeper, keeper.kept("alice") as kept:
        kept.ended = True
        began = asyncio.get_running_loop().time()
        cluster.name_node.delay = 1000.0
        cluster.manager.refusals.append(ConnectError("nobody there"))
    assert asyncio.get_running_loop().time() - began <= 11


@instant
async def test_a_user_for_whom_the_login_may_not_act(cluster: Cluster) -> None:
    async with cluster.keeper() as keeper:
        refusal = AccessDeniedError("AuthorizationException", "may not impersonate root")
        cluster.name_node.refusals.append(refusal)
        with pytest.raises(AccessDeniedError, match="impersonate root"):
            async with keeper.kept("root"):
                pass
        async with keeper.kept("root") as kept:  # allowed meanwhile
            cluster.check(kept)
            kept.ended = True
    assert cluster.manager.alive == {}, "also the token of the one that did answer"


@instant
async def test_a_server_that_is_away_for_a_while_is_asked_again(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    async with cluster.keeper() as keeper, keeper.kept("alice") as kept:
        cluster.name_node.refusals += [ConnectError("nobody there")] * 5
        for _ in range(1000):
            cluster.check(kept)
            await asyncio.sleep(0.1)
    assert caplog.text.count("nobody there") == 5
    assert "which expires in" in caplog.text


@instant
async def test_after_an_outage_longer_than_a_life_there_are_new_ones(cluster: Cluster) -> None:
    async with cluster.keeper() as keeper, keeper.kept("alice") as kept:
        cluster.name_node.delay = 100.0
        cluster.name_node.refusals += [ConnectError("nobody there")] * 3
        await asyncio.sleep(450)
        cluster.name_node.delay = 0.0
        await asyncio.sleep(400)
        cluster.check(kept)


@instant
async def test_a_token_that_its_server_has_forgotten_is_replaced(cluster: Cluster) -> None:
    async with cluster.keeper() as keeper, keeper.kept("alice") as kept:
        cluster.name_node.alive.clear()
        with pytest.raises(AuthenticationError):
            cluster.check(kept)
        await asyncio.sleep(30)
        cluster.check(kept)


@instant
async def test_cancelling_whoever_waits_for_the_first_tokens(cluster: Cluster) -> None:
    cluster.name_node.delay = 10.0

    async def hold(keeper: TokenKeeper) -> None:
        async with keeper.kept("alice"):
            raise AssertionError("there are none yet")

    async with cluster.keeper() as keeper:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await hold(keeper)
        cluster.name_node.delay = 0.0
        async with keeper.kept("alice") as kept:
            cluster.check(kept)


@instant
async def test_without_security_there_are_none(settings: Settings) -> None:
    simple = replace(settings, user=SimpleUser("jupyterhub"))
    async with TokenKeeper(simple) as keeper, keeper.kept("alice") as kept:
        assert kept.tokens == {}
