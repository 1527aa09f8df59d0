"""SQLite's settings, for each connection, and its transactions."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

if TYPE_CHECKING:
    import sqlalchemy
    from sqlalchemy import Engine

IMMEDIATE = "yarnhub_immediate"
"""The execution option of a connection that waits for other writers before it reads. One that reads
first and writes then fails if another one has written in between."""
_SETTINGS = (
    "PRAGMA journal_mode = WAL",  # readers do not wait for writers
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)


class Connection(sqlite3.Connection):
    """A connection that ends its transaction when it is closed.

    Otherwise, SQLite keeps it, and its lock, for as long as a cursor exists: one of a task that was
    cancelled exists as long as its error.

    Source: sqlite3_close_v2, which Python calls.
    """

    def close(self) -> None:
        """Close it; what is not committed is undone."""
        with contextlib.suppress(sqlite3.ProgrammingError):  # it is closed already
            if self.in_transaction:
                self.rollback()
        super().close()


def prepare(engine: Engine) -> None:
    """Have an engine set up its connections, and begin transactions at their beginning.

    Python's module begins them only before the first change, and not before others.
    """

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:  # Any: of the driver
        connection.isolation_level = None
        cursor = connection.cursor()
        for each in _SETTINGS:
            cursor.execute(each)
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: sqlalchemy.Connection) -> None:
        immediate = connection.get_execution_options().get(IMMEDIATE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
