"""Brings a database to the tables of this version, one process after the other."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import NullPool, create_engine, text

from yarnhub.database.errors import NewerDatabaseError
from yarnhub.database.sqlite import IMMEDIATE, prepare

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from yarnhub.database.location import Location

_log = logging.getLogger(__name__)

VERSION_TABLE = "yarnhub_version"
"""Not Alembic's default, which JupyterHub uses: both could be in one database."""
MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x7961726E687562
"""The key of an advisory lock in PostgreSQL: "yarnhub"."""
_WAIT = 60
"""Seconds to wait for another process that upgrades the database."""


def upgrade(location: Location, migrations: Path = MIGRATIONS) -> None:
    """Create the tables, or upgrade them from an older version, in one transaction.

    If two processes do it at the same time, one waits for the other. If one is killed, the database
    remains as it was.

    Args:
        location: The database.
        migrations: Alembic's folder of the migrations.

    Raises:
        NewerDatabaseError: It has been upgraded by a newer version.
        sqlalchemy.exc.DBAPIError: The database does not respond.
    """
    arguments = {"connect_timeout": 10} if location.path is None else {"timeout": _WAIT}
    engine = create_engine(
        location.url, connect_args=arguments, hide_parameters=True, poolclass=NullPool
    )
    if location.path is not None:
        prepare(engine)
    with engine.connect().execution_options(**{IMMEDIATE: True}) as connection, connection.begin():
        if location.path is None:
            connection.execute(text(f"SET LOCAL lock_timeout = '{_WAIT}s'"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        _upgrade(connection, location, migrations)


def _upgrade(connection: Connection, location: Location, migrations: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    options = {"version_table": VERSION_TABLE}
    latest = scripts.get_current_head()
    for revision in MigrationContext.configure(connection, opts=options).get_current_heads():
        try:
            scripts.get_revision(revision)
        except CommandError as error:
            raise NewerDatabaseError(
                f"{location} was upgraded to {revision} by a newer yarnhub version; this version "
                f"supports {latest}. Install the newer version, or restore a backup."
            ) from error
        if revision == latest:
            return
        _log.info("upgrading %s from %s to %s", location, revision, latest)
    command.upgrade(config, "head")
