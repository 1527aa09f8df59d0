"""The limits that administrators have set, and who has changed them and when."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, text

from yarnhub.database.errors import (
    DatabaseUnavailableError,
    LimitChangedError,
    NoSuchLimitError,
    TooManyLimitsError,
)
from yarnhub.database.location import check_file
from yarnhub.database.schema import LIMITS
from yarnhub.sessions.limits import Limit, Scope, Whom

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy import ColumnElement, Row
    from sqlalchemy.ext.asyncio import AsyncConnection

    from yarnhub.database.connections import Database
    from yarnhub.sessions.shared_limits import Entries, Read

MOST = 2000
"""Limits that can be set: services read all of them every few seconds."""
_READ = 5.0
"""Seconds for all limits."""
_MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitEntry:
    """A limit that an administrator has set.

    Attributes:
        kind: What is limited: `Kind.many`.
        whom: Whom it is for.
        limit: The limit.
        changed_by: The administrator's name at the hub.
        changed: When, ms since 1970.
        revision: Another text after each change.
    """

    kind: str
    whom: Whom
    limit: Limit
    changed_by: str
    changed: int
    revision: str


class LimitStore:
    """The limits in a database.

    Args:
        database: The database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> Entries:
        """The limits, by what is limited.

        Raises:
            DatabaseUnavailableError: The database does not respond, or does not have the table yet.
        """
        found: dict[str, dict[Whom, Limit]] = {}
        for each in await self.entries():
            found.setdefault(each.kind, {})[each.whom] = each.limit
        return found

    async def entries(self) -> tuple[LimitEntry, ...]:
        """The limits, by what is limited, and then by whom they are for.

        Raises:
            DatabaseUnavailableError: The database does not respond.
        """
        statement = select(LIMITS).order_by(LIMITS.c.kind, LIMITS.c.scope, LIMITS.c.name)
        async with self._database.reading(_READ) as connection:
            rows = (await connection.execute(statement)).all()
        found = []
        for each in rows:
            with contextlib.suppress(ValueError):  # a scope of a newer version
                found.append(_entry(each))
        return tuple(found)

    async def put(self, entry: LimitEntry, expected: str | None) -> LimitEntry:
        """Set a limit; it gets another revision.

        Args:
            entry: The limit.
            expected: The revision that it replaces; empty if there must be none, None for any.

        Raises:
            LimitChangedError: It has another revision.
            TooManyLimitsError: There are too many.
            DatabaseUnavailableError: It is unknown whether it is set.
        """
        limit = entry.limit
        row = {
            "kind": entry.kind,
            "scope": entry.whom.scope.value,
            "name": entry.whom.name,
            "count": limit.count,
            "memory_mib": None if limit.memory is None else limit.memory // _MIB,
            "vcores": limit.vcores,
            "changed_by": entry.changed_by,
            "changed": entry.changed,
            "revision": secrets.token_hex(8),
        }
        async with self._database.writing() as connection:
            await self._replace(connection, entry.kind, entry.whom, expected)
            number = await connection.scalar(select(func.count()).select_from(LIMITS)) or 0
            if number >= MOST:
                raise TooManyLimitsError(
                    f"{number} limits are set: remove some that are not needed"
                )
            done = await connection.execute(insert(LIMITS).values(**row).returning(LIMITS))
            return _entry(done.one())

    async def remove(self, kind: str, whom: Whom, expected: str | None) -> None:
        """Remove a limit, so that the configuration of its service applies again.

        Args:
            kind: What is limited.
            whom: Whom it is for.
            expected: Its revision; None for any.

        Raises:
            LimitChangedError: It has another revision.
            NoSuchLimitError: It is not set.
            DatabaseUnavailableError: It is unknown whether it is removed.
        """
        async with self._database.writing() as connection:
            if not await self._replace(connection, kind, whom, expected):
                raise NoSuchLimitError("This limit is not set")

    async def _replace(
        self, connection: AsyncConnection, kind: str, whom: Whom, expected: str | None
    ) -> bool:
        """Delete what is to be replaced; returns whether there was something."""
        if self._database.location.path is None:  # SQLite has one writer anyway
            await connection.execute(text("LOCK TABLE limits IN SHARE ROW EXCLUSIVE MODE"))
        which: tuple[ColumnElement[bool], ...] = (
            LIMITS.c.kind == kind,
            LIMITS.c.scope == whom.scope.value,
            LIMITS.c.name == whom.name,
        )
        found = (await connection.execute(select(LIMITS).where(*which))).one_or_none()
        if expected is not None and expected != ("" if found is None else found.revision):
            who = "Somebody else" if found is None else found.changed_by
            done = "removed" if found is None else "changed" if expected else "already set"
            raise LimitChangedError(f"This limit is not as you have seen it: {who} has {done} it.")
        await connection.execute(delete(LIMITS).where(*which))
        return found is not None


@contextlib.asynccontextmanager
async def opened(database: Database) -> AsyncIterator[Read]:
    """Opens a database to read its limits, and closes it; creates and upgrades nothing."""
    store = LimitStore(database)

    async def read() -> Entries:
        if database.location.path is not None:
            await asyncio.to_thread(_check_file, database.location.path)
        return await store.read()

    async with database:
        yield read


def _check_file(path: Path) -> None:
    if not path.exists():
        raise DatabaseUnavailableError(
            f"the database {path} does not exist: the platform creates it when it starts"
        )
    check_file(path)


def _entry(row: Row[Any]) -> LimitEntry:
    memory = row.memory_mib
    return LimitEntry(
        kind=row.kind,
        whom=Whom(Scope(row.scope), row.name),
        limit=Limit(
            count=row._mapping["count"],  # noqa: SLF001  # SQLAlchemy's: `count` is of tuples
            memory=None if memory is None else memory * _MIB,
            vcores=row.vcores,
        ),
        changed_by=row.changed_by,
        changed=row.changed,
        revision=row.revision,
    )
