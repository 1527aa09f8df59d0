"""Usage in the database: stores the batches of `yarnhub.watch.ledger`, and adds up buckets."""

from __future__ import annotations

import contextlib
import enum
import json
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import (
    BigInteger,
    case,
    delete,
    exists,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from yarnhub.database.schema import APPLICATIONS, GAPS, GROUPS, HOURS, STATE
from yarnhub.watch.ledger import LONGEST, Counted, Group, Stored
from yarnhub.watch.usage import Gap, Observation
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
    from typing import Any, TypeVar

    from sqlalchemy import ColumnElement, Row, Table
    from sqlalchemy.ext.asyncio import AsyncConnection

    from yarnhub.database.connections import Database
    from yarnhub.watch.ledger import Batch

    T = TypeVar("T")

_STORE = 40.0
"""Seconds for a batch. With the interval, it must be less than `ledger.LONGEST`."""
_AT_ONCE = 500
"""Rows of one statement, or of one response."""
_HOURS_OF_A_STEP = 24
"""Hours that are deleted in one transaction."""


class By(enum.Enum):
    """What usage is summed by."""

    USER = "user"
    QUEUE = "queue"
    TYPE = "type"
    ENVIRONMENT = "environment"


_COLUMNS = {
    By.USER: GROUPS.c.user_name,
    By.QUEUE: GROUPS.c.queue,
    By.TYPE: GROUPS.c.application_type,
    By.ENVIRONMENT: GROUPS.c.environment,
}
"""As in `Group`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which buckets to add up. Times are ms since 1970.

    Attributes:
        begin: The first hour.
        end: The hour after the last one.
        by: What has a sum of its own; None for one sum of all.
        step: How much time has a sum of its own; None for one sum of all hours.
        user: The only user; None for all.
        queue: The only queue, by its name or path; None for all.
    """

    begin: int
    end: int
    by: By | None = None
    step: int | None = None
    user: str | None = None
    queue: str | None = None


class Sum(NamedTuple):
    """A sum of buckets.

    Attributes:
        name: The user, queue, type or environment; empty if all are in one sum.
        time: When its time begins, ms since 1970; None if all hours are in one sum.
        measure: What it is a sum of: see `yarnhub.watch.ledger.Amount`.
        amount: The sum.
    """

    name: str
    time: int | None
    measure: str
    amount: int


class Gaps(NamedTuple):
    """Times in which the cluster was not observed.

    Attributes:
        longest: The longest ones, in the order of time.
        total: The length of all, in ms.
    """

    longest: tuple[Gap, ...]
    total: int


class UsageReading:
    """Queries that all see the same buckets.

    Args:
        connection: A connection of `Database.reading`.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def sums(self, query: Query) -> AsyncGenerator[Sum, None]:
        """The sums, by name, then by time. Close the generator if you leave it early."""
        time = _time(query)
        keys = (*_keys(query), HOURS.c.measure)
        statement = (
            select(
                literal("") if query.by is None else _COLUMNS[query.by],
                null() if time is None else time,
                HOURS.c.measure,
                func.sum(HOURS.c.amount),
            )
            .join_from(HOURS, GROUPS)
            .where(*_conditions(query))
            .group_by(*keys)
            .order_by(*keys)
        )
        async with self._connection.stream(statement) as result:
            async for found in result.partitions(_AT_ONCE):
                for each in found:
                    yield Sum(each[0], each[1], each[2], int(each[3]))

    async def count(self, query: Query, most: int) -> int:
        """The number of names and times with sums, or `most` if it is larger."""
        keys = _keys(query)
        rows = (
            select(literal(1).label("one"))
            .join_from(HOURS, GROUPS)
            .where(*_conditions(query))
            .group_by(*keys)
            .limit(most if keys else 1)
        )
        return await self._connection.scalar(select(func.count()).select_from(rows.subquery())) or 0

    async def measures(self, query: Query) -> tuple[str, ...]:
        """The measures of all sums, sorted."""
        found = await self._connection.scalars(
            select(HOURS.c.measure).distinct().join_from(HOURS, GROUPS).where(*_conditions(query))
        )
        return tuple(sorted(found))

    async def gaps(self, begin: int, end: int, most: int) -> Gaps:
        """The times in a range in which the cluster was not observed.

        These are gaps between observations, the time before the first one and after the last one.

        Args:
            begin: The begin of the range, ms since 1970.
            end: Its end, not in the future.
            most: The number of gaps; the longest are returned.
        """
        state = (await self._connection.execute(select(STATE))).one()
        first, last = state.first_observed, state.last_observed
        if first is None:
            first = last = end
        outer = [Gap(begin, min(end, first))]
        if end - last > LONGEST:
            outer.append(Gap(max(begin, last), end))
        is_inside = GAPS.c.begins < end, GAPS.c.ends > begin
        begins = case((GAPS.c.begins < begin, begin), else_=GAPS.c.begins)
        ends = case((GAPS.c.ends > end, end), else_=GAPS.c.ends)
        total = await self._connection.scalar(select(func.sum(ends - begins)).where(*is_inside))
        longest = await self._connection.execute(
            select(begins, ends).where(*is_inside).order_by((ends - begins).desc()).limit(most)
        )
        found = [each for each in outer if each.begin < each.end]
        total = int(total or 0) + sum(each.end - each.begin for each in found)
        found += (Gap(*each) for each in longest)
        return Gaps(tuple(sorted(found, key=attrgetter("begin"))), total)


class UsageStore:
    """Usage in a database.

    Args:
        database: The database. It must be open before anything is stored or read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        postgres = database.location.path is None
        self._insert: Any = postgresql.insert if postgres else sqlite.insert  # Any: one of both

    @contextlib.asynccontextmanager
    async def reading(self, seconds: float) -> AsyncIterator[UsageReading]:
        """Queries that see the same buckets, within a time.

        Raises:
            DatabaseUnavailableError: The database does not respond, or not in time.
        """
        async with self._database.reading(seconds) as connection:
            yield UsageReading(connection)

    async def load(self) -> Stored:
        """What was stored by all batches.

        Raises:
            DatabaseUnavailableError: The database does not respond.
        """
        async with self._database.reading(_STORE) as connection:
            state = (await connection.execute(select(STATE))).one()
            counted: dict[ApplicationId, Counted] = {}
            async with connection.stream(select(APPLICATIONS)) as result:
                async for rows in result.partitions(_AT_ONCE):
                    counted.update(map(_read_counted, rows))
            groups = await connection.execute(select(*_COLUMNS.values()))
            return Stored(
                batch=state.batch,
                first=state.first_observed,
                last=state.last_observed,
                settled=state.settled,
                counted=counted,
                groups=frozenset(Group(*each) for each in groups),
            )

    async def store(self, batch: Batch) -> bool:
        """Store a batch, unless it was stored before.

        Returns:
            Whether it is stored. If not, another process has stored one, and usage has to be
            counted again from what is stored now.

        Raises:
            DatabaseUnavailableError: It is unknown whether the batch is stored: try it again.
        """
        async with self._database.writing(_STORE) as connection:
            last = await connection.scalar(select(STATE.c.batch).with_for_update())
            if last == batch.name:
                return True
            if last != batch.previous:
                return False
            await connection.execute(
                update(STATE).values(
                    batch=batch.name,
                    first_observed=batch.first,
                    last_observed=batch.last,
                    settled=batch.settled,
                )
            )
            await self._add(connection, batch)
            await self._replace(connection, APPLICATIONS, map(_counted_row, batch.counted.items()))
            gaps = ({"begins": each.begin, "ends": each.end} for each in batch.gaps)
            await self._replace(connection, GAPS, gaps)
            for part in _parts_of(map(str, batch.forgotten)):
                await connection.execute(
                    delete(APPLICATIONS).where(APPLICATIONS.c.application_id.in_(part))
                )
        return True

    async def delete_before(self, time: int) -> bool:
        """Delete some of the oldest buckets, and gaps and groups without buckets.

        Args:
            time: Buckets and gaps from then on are kept, ms since 1970.

        Returns:
            Whether there may be more to delete.
        """
        old = select(HOURS.c.hour).distinct().where(HOURS.c.hour < time).order_by(HOURS.c.hour)
        async with self._database.writing() as connection:
            await connection.execute(delete(GAPS).where(GAPS.c.ends <= time))
            hours = list(await connection.scalars(old.limit(_HOURS_OF_A_STEP)))
            if hours:
                await connection.execute(delete(HOURS).where(HOURS.c.hour.in_(hours)))
                unused = ~exists().where(HOURS.c.group_id == GROUPS.c.id)
                await connection.execute(delete(GROUPS).where(unused))
        return len(hours) == _HOURS_OF_A_STEP

    async def _add(self, connection: AsyncConnection, batch: Batch) -> None:
        numbers = await self._numbers(connection, sorted({each.group for each in batch.increases}))
        statement = self._insert(HOURS)
        statement = statement.on_conflict_do_update(
            index_elements=HOURS.primary_key,
            set_={"amount": HOURS.c.amount + statement.excluded.amount},
        )
        rows = (
            {"hour": key.hour, "group_id": numbers[key.group], "measure": key.measure, "amount": n}
            for key, n in batch.increases.items()
        )
        for part in _parts_of(rows):
            await connection.execute(statement, part)

    async def _numbers(
        self, connection: AsyncConnection, groups: Sequence[Group]
    ) -> dict[Group, int]:
        found = {}
        columns = list(_COLUMNS.values())
        names = [each.name for each in columns]
        for part in _parts_of(groups):
            new = [dict(zip(names, each, strict=True)) for each in part]
            await connection.execute(self._insert(GROUPS).on_conflict_do_nothing(), new)
            rows = await connection.execute(
                select(GROUPS.c.id, *columns).where(tuple_(*columns).in_(part))
            )
            found.update({Group(*each[1:]): each[0] for each in rows})
        return found

    async def _replace(
        self, connection: AsyncConnection, table: Table, rows: Iterator[dict[str, Any]]
    ) -> None:
        statement = self._insert(table)
        others = [each.name for each in table.columns if not each.primary_key]
        statement = statement.on_conflict_do_update(
            index_elements=table.primary_key,
            set_={each: statement.excluded[each] for each in others},
        )
        for part in _parts_of(rows):
            await connection.execute(statement, part)


def _time(query: Query) -> ColumnElement[int] | None:
    if query.step is None:
        return None
    # Not a parameter: PostgreSQL would not recognize the same expression in GROUP BY.
    return HOURS.c.hour - HOURS.c.hour % literal_column(str(query.step), BigInteger)


def _keys(query: Query) -> list[ColumnElement[Any]]:  # Any: texts and numbers
    """What distinguishes sums."""
    name, time = None if query.by is None else _COLUMNS[query.by], _time(query)
    return [each for each in (name, time) if each is not None]


def _conditions(query: Query) -> list[ColumnElement[bool]]:
    found = [HOURS.c.hour >= query.begin, HOURS.c.hour < query.end]
    if query.user is not None:
        found.append(GROUPS.c.user_name == query.user)
    if query.queue is not None:
        found.append(_is_queue(query.queue))
    return found


def _is_queue(queue: str) -> ColumnElement[bool]:
    """As `yarnhub.yarn.queues.tree.is_same_queue`. LIKE would ignore case in SQLite."""
    column = GROUPS.c.queue
    names = queue.split(".")
    ends = [".".join(names[first:]) for first in range(len(names))]
    below = func.substr(column, func.length(column) - len(queue)) == f".{queue}"
    return or_(column.in_(ends), below)


def _counted_row(item: tuple[ApplicationId, Counted]) -> dict[str, Any]:
    number, counted = item
    found = counted.observation
    return {
        "application_id": str(number),
        "seen": counted.seen,
        "ended": counted.ended,
        "counters_seen": None if found is None else found.seen,
        "counters": None if found is None else json.dumps(dict(found.counters)),
        "held": None if found is None else json.dumps(dict(found.held)),
    }


def _read_counted(row: Row[Any]) -> tuple[ApplicationId, Counted]:
    observation = None
    if row.counters_seen is not None:
        observation = Observation(
            row.counters_seen,
            MappingProxyType(json.loads(row.counters)),
            MappingProxyType(json.loads(row.held)),
        )
    return ApplicationId.parse(row.application_id), Counted(row.seen, row.ended, observation)


def _parts_of(rows: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(rows)
    while part := list(islice(rest, _AT_ONCE)):
        yield part
