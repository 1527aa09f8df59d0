"""dask-gateway's database in a server of its own, PostgreSQL.

dask-gateway has been written for SQLite, which takes any value in any column. PostgreSQL has no
type BINARY, its INTEGER is too small for milliseconds since 1970, and it stores no boolean as a
number.
Source: dask_gateway_server.backends.db_base (2026.3.0), the tables `clusters` and `workers`.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import sqlalchemy
from dask_gateway_server.backends.db_base import clusters, workers

if TYPE_CHECKING:
    from sqlalchemy import Dialect, Engine

_DIALECT = "postgresql"


class _Number(sqlalchemy.TypeDecorator[int]):
    """An integer of 64 bits, also for a boolean."""

    impl = sqlalchemy.BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:
        return None if value is None else int(value)


@functools.cache
def fit_tables() -> None:
    """Have the tables use PostgreSQL's types in PostgreSQL; elsewhere they are as before.

    Call it before dask-gateway opens its database. A second call changes nothing.
    """
    numbers = (
        clusters.c.start_time,
        clusters.c.stop_time,
        workers.c.start_time,
        workers.c.stop_time,
        workers.c.close_expected,
    )
    for column in numbers:
        column.type = column.type.with_variant(_Number(), _DIALECT)
    clusters.c.token.type = clusters.c.token.type.with_variant(sqlalchemy.LargeBinary(), _DIALECT)


def prepare(engine: Engine) -> None:
    """Have errors, which are logged, name no values: some are secret.

    Each connection is tested before it is used: a database server that restarts ends all.
    """
    engine.hide_parameters = True

    @sqlalchemy.event.listens_for(engine, "checkout")
    def test(connection: Any, *_: object) -> None:
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise sqlalchemy.exc.DisconnectionError from error  # the pool opens another one
