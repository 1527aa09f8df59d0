"""The limits that administrators have set, in each kind of database."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sys
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.background import BackgroundTasks
from yarnhub.base.errors import ConfigurationError
from yarnhub.database import limits as limits_module
from yarnhub.database.connections import Database
from yarnhub.database.errors import LimitChangedError, NoSuchLimitError, TooManyLimitsError
from yarnhub.database.limits import LimitEntry, LimitStore
from yarnhub.database.limits_setting import shared_limits
from yarnhub.database.location import Location
from yarnhub.sessions.limited_kinds import KERNELS
from yarnhub.sessions.limits import Limit, Limits, Scope, Whom

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from database.locations import Place
    from postgresql import PostgreSQL

HOSTILE = "<script>\u202e'; DROP TABLE limits; --"
CONFIGURED = Limits(kind=KERNELS, user=Limit(count=9))


def entry(count: int | None = 2, *, name: str = "alice", scope: Scope = Scope.USER) -> LimitEntry:
    return LimitEntry(
        kind="kernels",
        whom=Whom(scope, name),
        limit=Limit(count=count, memory=3 << 30),
        changed_by="carol",
        changed=1764499995000,
        revision="",
    )


async def test_limits_are_kept_as_they_were_set(database: Database) -> None:
    store = LimitStore(database)
    for each in (
        entry(0),
        entry(1, scope=Scope.GROUP),  # of the same name
        entry(None, name=HOSTILE),
        entry(10**6, name="", scope=Scope.ALL),
    ):
        await store.put(each, "")
    assert await store.read() == {
        "kernels": {
            Whom(Scope.USER, "alice"): Limit(count=0, memory=3 << 30),
            Whom(Scope.GROUP, "alice"): Limit(count=1, memory=3 << 30),
            Whom(Scope.USER, HOSTILE): Limit(memory=3 << 30),
            Whom(Scope.ALL): Limit(count=10**6, memory=3 << 30),
        }
    }
    first, *_ = await store.entries()
    assert (first.changed_by, first.changed) == ("carol", 1764499995000)

    await store.remove("kernels", Whom(Scope.USER, "alice"), None)
    with pytest.raises(NoSuchLimitError):
        await store.remove("kernels", Whom(Scope.USER, "alice"), None)
    assert Whom(Scope.GROUP, "alice") in (await store.read())["kernels"]


async def test_of_two_administrators_at_once_one_is_told(database: Database) -> None:
    store = LimitStore(database)
    new = await asyncio.gather(  # noqa: TID251  # they end
        *(store.put(entry(each), "") for each in range(4)), return_exceptions=True
    )
    (first,) = [each for each in new if isinstance(each, LimitEntry)]
    assert [str(each) for each in new if isinstance(each, LimitChangedError)] == [
        "This limit is not as you have seen it: carol has already set it."
    ] * 3

    second = await store.put(entry(7), first.revision)
    assert second.revision != first.revision
    with pytest.raises(LimitChangedError, match="carol has changed it"):
        await store.remove("kernels", second.whom, first.revision)
    await store.put(entry(8), None)
    await store.remove("kernels", second.whom, None)
    with pytest.raises(LimitChangedError, match="Somebody else has removed it"):
        await store.put(entry(7), second.revision)
    assert await store.entries() == ()


async def test_the_number_of_limits_is_limited(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits_module, "MOST", 2)
    store = LimitStore(database)
    for name in ("a", "b"):
        await store.put(entry(name=name), None)
    with pytest.raises(TooManyLimitsError):
        await store.put(entry(name="c"), None)
    await store.put(entry(5, name="b"), None)
    assert [each.whom.name for each in await store.entries()] == ["a", "b"]


async def test_a_service_reads_what_the_platform_stores(database: Database, place: Place) -> None:
    await LimitStore(database).put(entry(1, name="", scope=Scope.EACH_USER), None)
    async with BackgroundTasks() as tasks:
        shared = shared_limits("X.limits_database", place.url)
        await shared.start(tasks)
        assert shared.over(CONFIGURED).user == Limit(count=1, memory=3 << 30)


async def test_a_service_needs_no_other_rights_than_to_read(
    postgresql: PostgreSQL,
) -> None:
    url = postgresql.new_database()
    async with Database(Location.parse(url)) as database:
        await database.open()
        store = LimitStore(database)
        await store.put(entry(1, name="", scope=Scope.EACH_USER), None)
        role = f"reader_{secrets.token_hex(4)}"
        async with database.writing() as connection:
            for statement in (f"CREATE ROLE {role}", f"GRANT SELECT ON limits TO {role}"):
                await connection.exec_driver_sql(statement)
        async with BackgroundTasks() as tasks:
            shared = shared_limits("X.limits_database", f"{url}&options=-crole%3D{role}")
            await shared.start(tasks)
            assert shared.over(CONFIGURED).user == Limit(count=1, memory=3 << 30)


async def test_a_service_creates_and_upgrades_nothing(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    async with BackgroundTasks() as tasks:
        shared = shared_limits("X.limits_database", place.url)
        await shared.start(tasks)
        assert shared.over(CONFIGURED) == CONFIGURED
    assert "the limits cannot be read, only those of the configuration apply" in caplog.text
    if place.location.path is not None:
        assert not place.location.path.exists()


@contextlib.asynccontextmanager
async def with_limit(path: Path, count: int) -> AsyncIterator[str]:
    """A database in a file, with a limit for each user."""
    location = Location.parse(f"sqlite:///{path}")
    async with Database(location) as database:
        await database.open()
        await LimitStore(database).put(entry(count, name="", scope=Scope.EACH_USER), None)
    yield str(location.url)


async def test_a_service_reads_the_file_that_replaces_another_one(tmp_path: Path) -> None:
    path, backup = tmp_path / "platform.sqlite", tmp_path / "backup.sqlite"
    async with with_limit(backup, 1), with_limit(path, 2) as url:
        shared = shared_limits("X.limits_database", url)
        async with BackgroundTasks() as tasks:
            await shared.start(tasks)
            assert shared.over(CONFIGURED).user.count == 2
            backup.rename(path)
            async with asyncio.timeout(30):
                while shared.over(CONFIGURED).user.count != 1:
                    await asyncio.sleep(0.01)


async def test_a_service_reads_no_file_that_others_can_write(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "platform.sqlite"
    async with with_limit(path, 1) as url:
        for name, mode in ((path, 0o620), (tmp_path, 0o777)):
            before = name.stat().st_mode
            name.chmod(mode)
            async with BackgroundTasks() as tasks:
                shared = shared_limits("X.limits_database", url)
                await shared.start(tasks)
                assert shared.over(CONFIGURED) == CONFIGURED
            name.chmod(before)
    assert "other users can write" in caplog.text


def test_a_setting_that_cannot_be_used_is_named_without_its_secrets() -> None:
    for url in ("mysql://carol:secret@host/x", "sqlite://", "nonsense"):
        with pytest.raises(ConfigurationError, match=r"^X\.limits_database: ") as caught:
            shared_limits("X.limits_database", url)
        assert "secret" not in str(caught.value)
    assert shared_limits("X.limits_database", "").entries == {}


def test_packages_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiosqlite", None)
    with pytest.raises(ConfigurationError, match=r"X\.limits_database: install `yarnhub\[platform"):
        shared_limits("X.limits_database", "sqlite:////x/platform.sqlite")
