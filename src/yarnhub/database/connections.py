"""Connections to a service's database, for reading and writing, each within a time."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import NullPool
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import create_async_engine

from yarnhub.base.closing import Closing
from yarnhub.base.deadline import Deadline
from yarnhub.database.errors import DatabaseUnavailableError
from yarnhub.database.location import prepare_file
from yarnhub.database.migration import upgrade
from yarnhub.database.sqlite import IMMEDIATE, Connection, prepare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from sqlalchemy.ext.asyncio import AsyncConnection

    from yarnhub.database.location import Location

SECONDS = 20.0
"""For one use of a connection, by default."""
UPGRADE = 90.0
"""For an upgrade, which may wait for another process."""
_CONNECTIONS = 8
_CONNECT = 10
"""Seconds for PostgreSQL to accept a connection."""
_BUSY = 10.0
"""Seconds that SQLite waits for another writer."""


class Database(Closing):
    """A database with the tables of `yarnhub.database.schema`.

    Args:
        location: Where it is.
        busy: Seconds that SQLite waits for another writer.
        keep: Whether connections are kept for later. If not, each use of SQLite opens the file that
            has the name at that time, also if another one has replaced it.

    Attributes:
        failures: How often it was not available.
    """

    def __init__(self, location: Location, *, busy: float = _BUSY, keep: bool = True) -> None:
        self.location = location
        self.failures = 0
        url = location.url
        if location.path is None:
            self.engine = create_async_engine(
                url,
                connect_args={"connect_timeout": _CONNECT},
                hide_parameters=True,
                max_overflow=0,
                pool_pre_ping=True,  # a server that restarts ends all connections
                pool_size=_CONNECTIONS,
                pool_timeout=_CONNECT,
            )
        else:
            self.engine = create_async_engine(
                url.set(drivername="sqlite+aiosqlite"),
                connect_args={"timeout": busy, "factory": Connection},
                hide_parameters=True,
                **(
                    {"max_overflow": 0, "pool_size": _CONNECTIONS, "pool_timeout": _CONNECT}
                    if keep
                    else {"poolclass": NullPool}
                ),
            )
            prepare(self.engine.sync_engine)

    async def open(self, seconds: float = UPGRADE) -> None:
        """Create the file and the tables, or upgrade those of an older version.

        If it is cancelled, or takes longer, the upgrade continues in a thread to its end or its
        failure; another call waits for it.

        Raises:
            ConfigurationError: The file cannot be used, or the database is of a newer version.
            DatabaseUnavailableError: The database does not respond.
        """
        if self.location.path is not None:
            await asyncio.to_thread(prepare_file, self.location.path)
        with self._translated():
            async with Deadline(seconds, self._late(seconds)):
                await asyncio.to_thread(upgrade, self.location)

    async def aclose(self) -> None:
        """Close all connections."""
        await self.engine.dispose()

    @contextlib.asynccontextmanager
    async def reading(self, seconds: float = SECONDS) -> AsyncIterator[AsyncConnection]:
        """A connection whose queries see the database as it was at the first one.

        What was read is valid, even if the database does not respond at the end of the block.

        Raises:
            DatabaseUnavailableError: The database does not respond, or not in time.
        """
        has_read = False
        try:
            async with self._connected(seconds, writes=False) as connection, connection.begin():
                yield connection
                has_read = True
        except DatabaseUnavailableError:
            if not has_read:
                raise

    @contextlib.asynccontextmanager
    async def writing(self, seconds: float = SECONDS) -> AsyncIterator[AsyncConnection]:
        """A connection whose changes are committed at the end of the block, or not at all.

        If it is cancelled, or an error says that the database is not available, at the end of the
        block, it is unknown which.

        Raises:
            DatabaseUnavailableError: The database does not respond, or not in time.
        """
        async with self._connected(seconds, writes=True) as connection, connection.begin():
            yield connection

    @contextlib.asynccontextmanager
    async def _connected(self, seconds: float, *, writes: bool) -> AsyncIterator[AsyncConnection]:
        with self._translated():
            async with Deadline(seconds, self._late(seconds)), self.engine.connect() as connection:
                options: dict[str, Any] = {IMMEDIATE: writes}  # Any: of SQLAlchemy
                if self.location.path is None and not writes:
                    options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
                yield await connection.execution_options(**options)

    def _late(self, seconds: float) -> DatabaseUnavailableError:
        return DatabaseUnavailableError(f"{self.location} does not respond within {seconds:g} s")

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DatabaseUnavailableError:  # late
            self.failures += 1
            raise
        except (DBAPIError, PoolTimeoutError, OSError) as error:
            self.failures += 1
            cause = error.orig if isinstance(error, DBAPIError) else error
            words = self.location.without_secrets(" ".join(str(cause).split()))
            raise DatabaseUnavailableError(f"{self.location} is not available: {words}") from error
