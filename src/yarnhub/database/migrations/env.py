"""Run by Alembic, with the connection and the transaction of `yarnhub.database.migration`.

Source: Alembic's cookbook, "Sharing a Connection across one or more programmatic migration
commands".
"""

from __future__ import annotations

from alembic import context

from yarnhub.database.migration import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
)
context.run_migrations()
