"""The tables of usage.

Later versions never change this module: databases exist that it has created.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "usage_groups",
        sa.Column("id", _IDENTITY, primary_key=True),
        sa.Column("user_name", sa.Text, nullable=False),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("application_type", sa.Text, nullable=False),
        sa.Column("environment", sa.Text, nullable=False),
        sa.UniqueConstraint("user_name", "queue", "application_type", "environment"),
    )
    op.create_table(
        "usage_hours",
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("group_id", _IDENTITY, sa.ForeignKey("usage_groups.id"), primary_key=True),
        sa.Column("measure", sa.Text, primary_key=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Index("usage_hours_of_groups", "group_id", "hour"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "usage_applications",
        sa.Column("application_id", sa.Text, primary_key=True),
        sa.Column("seen", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.Column("counters_seen", sa.BigInteger),
        sa.Column("counters", sa.Text),
        sa.Column("held", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "usage_gaps",
        sa.Column("begins", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("ends", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "usage_state",
        sa.Column(
            "id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True, autoincrement=False
        ),
        sa.Column("batch", sa.Text, nullable=False),
        sa.Column("first_observed", sa.BigInteger),
        sa.Column("last_observed", sa.BigInteger),
        sa.Column("settled", sa.BigInteger, nullable=False),
    )
    op.execute("INSERT INTO usage_state (id, batch, settled) VALUES (1, '', 0)")
