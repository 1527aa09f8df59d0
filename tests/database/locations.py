"""New databases of each kind, and what happens to their servers."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import pytest

from yarnhub.database.connections import Database
from yarnhub.database.location import Location

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from postgresql import PostgreSQL

BUSY = 0.05
"""Seconds that SQLite waits in tests, where nobody else writes for long."""


class Place:
    """A database, and a switch for it.

    Args:
        url: Its URL.
        server: Its server; None for SQLite.
    """

    def __init__(self, url: str, server: PostgreSQL | None = None) -> None:
        self.url = url
        self.location = Location.parse(url)
        self._server = server

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Have it not respond: a server that is stopped, or a file that another process has."""
        if self._server is not None:
            self._server.stop()
            try:
                yield
            finally:
                self._server.start()
        else:
            assert self.location.path is not None
            with contextlib.closing(sqlite3.connect(self.location.path)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                yield


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A new database of each kind, without tables."""
    if request.param == "sqlite":
        return Place(f"sqlite:///{tmp_path / 'platform.sqlite'}")
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return Place(server.new_database(), server)


@pytest.fixture
async def database(place: Place) -> AsyncIterator[Database]:
    """A database that is open."""
    async with Database(place.location, busy=BUSY) as database:
        await database.open()
        yield database
