"""Databases of other versions, and of several processes."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import NullPool, create_engine, text

from yarnhub.database.connections import Database
from yarnhub.database.errors import DatabaseUnavailableError, NewerDatabaseError
from yarnhub.database.limits import LimitStore
from yarnhub.database.migration import MIGRATIONS, VERSION_TABLE, upgrade
from yarnhub.database.schema import METADATA
from yarnhub.database.usage import By, Query, UsageStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from database.locations import Place

FIRST = Path(__file__).parent / "first_version"
"""Databases with the tables of the first version, and usage in them. They never change."""
NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "0002"

def upgrade():
    op.add_column("usage_gaps", sa.Column("reason", sa.Text))
    op.execute("UPDATE usage_gaps SET reason = 'unknown'")
"""
UPGRADE = """
import sys
from yarnhub.database.location import Location
from yarnhub.database.migration import upgrade

print("ready", flush=True)
input()
upgrade(Location.parse(sys.argv[1]))
"""


def asked(place: Place, *statements: str) -> list[Any]:
    """The rows of the last statement."""
    engine = create_engine(place.location.url, poolclass=NullPool)
    with engine.begin() as connection:
        results = [connection.execute(text(each)) for each in statements]
        return [tuple(each) for each in results[-1]] if results[-1].returns_rows else []


def first_version(place: Place) -> None:
    source = FIRST.with_suffix(f".{place.location.url.get_backend_name()}.sql").read_text()
    engine = create_engine(place.location.url, poolclass=NullPool)
    with engine.begin() as connection:
        for each in filter(None, source.split(";\n")):
            connection.exec_driver_sql(each)  # a colon in it begins no parameter


@pytest.fixture
def later(tmp_path: Path) -> Callable[[str], Path]:
    """Migrations of a later version: with one more."""

    def copied(source: str) -> Path:
        folder = tmp_path / "migrations"
        shutil.copytree(MIGRATIONS, folder)
        (folder / "versions" / "next.py").write_text(source)
        return folder

    return copied


async def test_a_new_database_has_the_tables_that_queries_use(place: Place) -> None:
    async with Database(place.location) as database:
        for _ in range(2):
            await database.open()
        async with database.reading() as connection:
            differences = await connection.run_sync(
                lambda each: compare_metadata(
                    MigrationContext.configure(each, opts={"version_table": VERSION_TABLE}),
                    METADATA,
                )
            )
    assert differences == []
    if (path := place.location.path) is not None:
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
        assert set(modes.values()) == {0o600}, modes


async def test_the_first_version_is_upgraded_without_losing_anything(place: Place) -> None:
    first_version(place)
    async with Database(place.location) as database:
        await database.open()
        store = UsageStore(database)
        async with store.reading(10) as reading:
            query = Query(begin=0, end=10**15, by=By.USER)
            sums = {(each.name, each.measure): each.amount async for each in reading.sums(query)}
        stored = await store.load()
        assert await LimitStore(database).entries() == ()
    assert sums == {
        ("alice", "#begun"): 1,
        ("alice", "memory-mb"): 3000,
        ("bob", "yarn.io/gpu"): 7,
    }
    assert (stored.batch, stored.settled, stored.last) == ("b1", 5, 1764499995000)
    (counted,) = stored.counted.values()
    assert counted.observation is not None
    assert counted.observation.counters == {"memory-mb": 3000}


def test_a_later_version_keeps_what_is_stored(place: Place, later: Callable[[str], Path]) -> None:
    first_version(place)
    upgrade(place.location, later(NEXT))
    assert asked(place, "SELECT begins, ends, reason FROM usage_gaps") == [(1, 2, "unknown")]
    assert asked(place, "SELECT sum(amount) FROM usage_hours") == [(3008,)]


def test_an_upgrade_that_fails_changes_nothing(place: Place, later: Callable[[str], Path]) -> None:
    first_version(place)
    with pytest.raises(ZeroDivisionError):
        upgrade(place.location, later(f"{NEXT}    1 / 0\n"))
    assert asked(place, f"SELECT * FROM {VERSION_TABLE}") == [("0001",)]
    assert asked(place, "SELECT * FROM usage_gaps") == [(1, 2)]
    upgrade(place.location)


async def test_a_newer_database_is_refused_in_words(
    place: Place, later: Callable[[str], Path]
) -> None:
    first_version(place)
    upgrade(place.location, later(NEXT))
    async with Database(place.location) as database:
        with pytest.raises(NewerDatabaseError, match=r"upgraded to next by a newer .* 0002"):
            await database.open()
    assert asked(place, "SELECT sum(amount) FROM usage_hours") == [(3008,)]


def test_of_processes_that_start_at_the_same_time_one_creates_the_tables(place: Place) -> None:
    command = [sys.executable, "-c", UPGRADE, place.url]
    processes = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for each in processes:
        assert each.stdout is not None
        assert each.stdout.readline() == b"ready\n"
    for each in processes:
        assert each.stdin is not None
        each.stdin.write(b"\n")
        each.stdin.flush()
    for each in processes:
        _, errors = each.communicate(timeout=60)
        assert (each.returncode, errors) == (0, b"")
    assert asked(place, f"SELECT * FROM {VERSION_TABLE}") == [("0002",)]
    assert asked(place, "SELECT count(*) FROM usage_state") == [(1,)]


async def test_a_database_that_does_not_respond_is_named(place: Place, tmp_path: Path) -> None:
    if place.location.path is not None:
        place.location.path.write_bytes(b"this is not a database" * 100)
        async with Database(place.location) as database:
            with pytest.raises(DatabaseUnavailableError, match="file is not a database"):
                await database.open()
    else:
        with place.away():
            async with Database(place.location) as database:
                with pytest.raises(DatabaseUnavailableError, match="PostgreSQL database 'test_"):
                    await database.open()
