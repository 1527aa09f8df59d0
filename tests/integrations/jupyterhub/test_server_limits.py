"""How much users can hold in servers of the hub."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from integrations.jupyterhub.spawning import make_spawner
from sessions.in_memory import InMemorySession, OneSession
from yarnhub.base.errors import ConnectError
from yarnhub.control.outcomes import Outcome
from yarnhub.database.connections import Database
from yarnhub.database.limits import LimitEntry, LimitStore
from yarnhub.database.location import Location
from yarnhub.integrations.jupyterhub.hub_sessions import HubSessions
from yarnhub.integrations.jupyterhub.refusals import Refusal
from yarnhub.sessions.counted_sessions import CountedSessions
from yarnhub.sessions.limits import Limit, Scope, Whom
from yarnhub.sessions.session import SessionEnd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from integrations.jupyterhub.spawning import Spawner

GIB = 2**30


class Hub:
    """A hub whose spawners have the same settings."""

    def __init__(self, **settings: Any) -> None:
        self.shared: dict[str, object] = {}
        self.settings = settings

    def spawner(self, user: str = "alice", *groups: str, **settings: Any) -> Spawner:
        where = settings.pop("where", None) or OneSession()
        spawner = make_spawner(where, self.shared, **(self.settings | settings))
        spawner.user.name = user
        spawner.user.groups = [SimpleNamespace(name=each) for each in groups]
        return spawner


@contextlib.asynccontextmanager
async def starting(*spawners: Spawner) -> AsyncIterator[list[str]]:
    """Servers that are started at the same time: the refusals, once all else is submitted."""
    refused: list[str] = []

    async def start(spawner: Spawner) -> None:
        try:
            await spawner.start()
        except Refusal as refusal:
            refused.append(refusal.jupyterhub_message)

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(start(each)) for each in spawners]
        while len(refused) + sum(bool(each.where.asked) for each in spawners) < len(spawners):
            await asyncio.sleep(0.001)
        yield refused
        for each in running:
            each.cancel()
    for spawner in spawners:
        with contextlib.suppress(ConnectError):
            await stopped(spawner)


async def stopped(spawner: Spawner) -> None:
    """Stop a server as JupyterHub does, also after a failed start."""
    try:
        if await spawner.poll() is None:
            await spawner.stop()
    finally:
        spawner.clear_state()


class Unstoppable(InMemorySession):
    """A session of a cluster that does not respond when it is to be stopped."""

    away = True
    faults = 0
    """Checks that fail by a fault of ours."""

    async def poll(self) -> SessionEnd | None:
        if self.faults:
            self.faults -= 1
            raise RuntimeError("a fault")
        return await super().poll()

    async def stop(self, *, now: bool) -> None:
        await super().stop(now=now)
        self.faults = 1
        if self.away:
            raise ConnectError("YARN is away")
        self.how = SessionEnd(0, Outcome.of_message("it was killed"))


def holding(session: Unstoppable) -> OneSession:
    where = OneSession()
    where.session = where.found = session
    return where


async def test_of_two_starts_at_once_a_limit_of_one_lets_one_through() -> None:
    hub = Hub(user_limit={"servers": 1})
    both = [hub.spawner() for _ in range(2)]
    async with starting(*both) as refused:
        (words,) = refused
        assert words == (
            "Your server cannot be started: This server would exceed the limit of the user alice: "
            "1 server of 1 server in use, and it needs 1 server. Stop a server that is no longer "
            "needed, or ask an administrator for a higher limit."
        )
        async with starting(hub.spawner("bob")) as others:
            assert others == []
    assert sum(len(each.where.asked) for each in both) == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"user_limits": {"alice": {"memory": "3 GiB"}}}, "limit of the user alice: 2 GiB of 3"),
        ({"group_limits": {"ml": {"vcores": 1}}}, "limit of the group ml: 1 vcore of 1"),
        ({"total_limit": {"servers": 1}}, "limit of the service: 1 server of 1"),
        ({"user_limit": {"servers": 0}, "user_limits": {"alice": {}}}, ""),
        ({"group_limits": {"alice": {"servers": 0}}}, ""),  # no user is a group
    ],
)
async def test_what_others_of_the_same_limit_hold_counts(
    settings: dict[str, Any], words: str
) -> None:
    hub = Hub(mem_limit="2G", **settings)
    async with starting(hub.spawner("alice", "ml")), starting(hub.spawner("alice", "ml")) as found:
        assert len(found) == bool(words)
        assert words in "".join(found)


async def test_a_start_that_fails_is_canceled_or_stops_counts_no_longer() -> None:
    hub = Hub(user_limit={"servers": 1})
    async with starting(hub.spawner(where=OneSession(ConnectError("YARN is away")))) as refused:
        pass
    assert "YARN is away" in refused[0]
    async with starting(first := hub.spawner()) as refused:
        pass  # it is canceled
    assert refused == []
    assert first.where.session.stops == [False]
    async with starting(hub.spawner()) as refused:
        assert refused == []


async def test_a_start_that_has_timed_out_counts_until_its_server_is_stopped() -> None:
    hub = Hub(user_limit={"servers": 1})
    first = hub.spawner(start_timeout=1)
    with pytest.raises(Refusal):
        await first.start()
    async with starting(hub.spawner()) as refused:
        assert "1 server of 1 server in use" in refused[0]
    await stopped(first)
    async with starting(hub.spawner()) as refused:
        assert refused == []


async def test_a_server_that_could_not_be_stopped_is_stopped_later_and_counts_until_then() -> None:
    hub = Hub(user_limit={"servers": 1})
    shared = HubSessions.of(hub.shared)
    shared.servers = CountedSessions(shared.tasks, interval=0.01)
    session = Unstoppable()
    async with starting(first := hub.spawner(where=holding(session))) as refused:
        assert refused == []
    del first  # JupyterHub forgets it
    gc.collect()
    async with starting(again := hub.spawner()) as refused:
        assert refused == []  # a start of the same server ends the former one
    await stopped(again)
    other = hub.spawner()
    other.orm_spawner = SimpleNamespace(name="second", server=None)
    async with starting(other) as refused:
        assert "1 server of 1 server in use" in refused[0]
    session.away = False
    async with asyncio.timeout(30):
        while shared.servers.held(other.server_size):
            await asyncio.sleep(0.01)
    assert len(session.stops) > 1
    await shared.tasks.aclose()


async def test_a_server_that_only_a_stale_state_has_does_not_count() -> None:
    hub = Hub(user_limit={"servers": 1})
    stale = hub.spawner()
    stale._server = None
    stale.load_state({"application_id": "application_1_0001", "version": 1})
    async with starting(hub.spawner()) as refused:
        assert refused == []


async def test_a_server_of_the_hub_before_counts_until_it_is_stopped() -> None:
    hub = Hub(user_limit={"memory": "4 GiB"}, mem_limit="3G")
    async with starting(spawner := hub.spawner()):
        state = spawner.get_state()
    hub = Hub(user_limit={"memory": "4 GiB"}, mem_limit="2G")
    later = hub.spawner()
    later.load_state(state)
    async with starting(hub.spawner()) as refused:
        assert "3 GiB of 4 GiB in use" in refused[0]
    await stopped(later)
    async with starting(hub.spawner()) as refused:
        assert refused == []


async def test_a_size_that_an_older_hub_did_not_keep_is_the_configured_one() -> None:
    hub = Hub(user_limit={"memory": "4 GiB"}, mem_limit="3G")
    later = hub.spawner()
    later.load_state({"application_id": "application_1_0001", "version": 1})
    async with starting(hub.spawner()) as refused:
        assert "3 GiB of 4 GiB in use" in refused[0]


async def test_what_an_administrator_sets_applies_and_ends_nothing(tmp_path: Path) -> None:
    location = Location.parse(f"sqlite:///{tmp_path / 'platform.sqlite'}")
    hub = Hub(user_limit={"servers": 1}, limits_database=str(location.url))
    async with Database(location) as database, starting(hub.spawner()) as first:
        assert first == []  # there is no database yet: the configuration applies
        await database.open()
        entry = LimitEntry(
            kind="servers", whom=Whom(Scope.USER, "alice"), limit=Limit(count=2),
            changed_by="carol", changed=0, revision="",
        )  # fmt: skip
        await LimitStore(database).put(entry, "")
        shared = HubSessions.of(hub.shared)
        async with asyncio.timeout(30):
            while (await shared.limits(hub.spawner())).users != {"alice": Limit(count=2)}:
                await asyncio.sleep(0.05)
        async with starting(running := hub.spawner()) as second:
            assert second == []
            async with starting(hub.spawner()) as third:
                assert "2 servers of 2 servers in use" in third[0]
            await LimitStore(database).remove("servers", entry.whom, None)
            async with asyncio.timeout(30):
                while (await shared.limits(hub.spawner())).users:
                    await asyncio.sleep(0.05)
            async with starting(hub.spawner()) as third:
                assert "2 servers of 1 server in use" in third[0]
            assert running.where.session.stops == []
        await shared.tasks.aclose()


async def test_a_limit_that_is_invalid_is_named() -> None:
    async with starting(Hub(user_limit={"server": 1}).spawner()) as refused:
        assert "c.YarnSpawner.user_limit must have the keys 'servers', 'memory'" in refused[0]
