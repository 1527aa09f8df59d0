"""The table of limits.

Later versions never change this module: databases exist that it has upgraded.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create it."""
    op.create_table(
        "limits",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("count", sa.BigInteger),
        sa.Column("memory_mib", sa.BigInteger),
        sa.Column("vcores", sa.BigInteger),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
