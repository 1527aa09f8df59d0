"""What all queries rely on, of both kinds of databases."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, literal, select

from yarnhub.database.connections import Database
from yarnhub.database.errors import DatabaseUnavailableError
from yarnhub.database.location import Location
from yarnhub.database.schema import GAPS, HOURS

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from database.locations import Place
    from postgresql import PostgreSQL

GAP = {"begins": 1, "ends": 2}


async def gaps(connection: AsyncConnection) -> list[int]:
    return list(await connection.scalars(select(GAPS.c.begins)))


async def test_a_server_that_was_restarted_is_connected_again(
    place: Place, database: Database
) -> None:
    async with database.reading() as connection:
        await gaps(connection)
    with place.away():
        pass
    async with database.reading() as connection:
        assert await gaps(connection) == []


async def test_readers_see_one_state_and_do_not_wait_for_a_writer(database: Database) -> None:
    async with database.reading() as before, database.writing() as writer:
        assert await gaps(before) == []
        await writer.execute(insert(GAPS).values(GAP))
        async with database.reading() as during:
            assert await gaps(during) == []
        await writer.commit()
        assert await gaps(before) == []
        async with database.reading() as after:
            assert await gaps(after) == [1]


async def test_an_error_undoes_all_changes(database: Database) -> None:
    with pytest.raises(KeyError):
        async with database.writing() as connection:
            await connection.execute(insert(GAPS).values(GAP))
            raise KeyError("a fault")
    async with database.reading() as connection:
        assert await gaps(connection) == []


async def test_references_are_checked(database: Database) -> None:
    with pytest.raises(DatabaseUnavailableError, match=r"(?i)foreign key"):
        async with database.writing() as connection:
            await connection.execute(
                insert(HOURS).values(hour=0, group_id=7, measure="vcores", amount=1)
            )


async def test_a_use_of_a_connection_has_a_limit_in_time(database: Database) -> None:
    with pytest.raises(DatabaseUnavailableError, match=r"does not respond within 0\.2 s"):
        async with database.writing(0.2) as connection:
            await connection.execute(insert(GAPS).values(GAP))
            await asyncio.Event().wait()
    async with database.writing() as connection:
        assert await gaps(connection) == []


async def test_what_was_read_is_valid_if_the_server_is_killed_before_the_end(
    postgresql: PostgreSQL,
) -> None:
    async with Database(Location.parse(postgresql.new_database())) as database:
        await database.open()
        async with database.reading() as connection:
            assert await connection.scalar(select(literal(1))) == 1
            postgresql.kill()
            postgresql.start()
        async with database.reading() as connection:
            assert await connection.scalar(select(literal(2))) == 2
