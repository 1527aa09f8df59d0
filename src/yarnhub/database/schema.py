"""The tables, as queries use them; they are created by the migrations.

Times are ms since 1970. For what they mean, see `yarnhub.watch.ledger`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()
_IDENTITY = BigInteger().with_variant(Integer(), "sqlite")

GROUPS = Table(
    "usage_groups",
    METADATA,
    Column("id", _IDENTITY, primary_key=True),
    Column("user_name", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("application_type", Text, nullable=False),
    Column("environment", Text, nullable=False),
    UniqueConstraint("user_name", "queue", "application_type", "environment"),
)
HOURS = Table(
    "usage_hours",
    METADATA,
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("group_id", _IDENTITY, ForeignKey(GROUPS.c.id), primary_key=True),
    Column("measure", Text, primary_key=True),
    Column("amount", BigInteger, nullable=False),
    Index("usage_hours_of_groups", "group_id", "hour"),
)
APPLICATIONS = Table(
    "usage_applications",
    METADATA,
    Column("application_id", Text, primary_key=True),
    Column("seen", BigInteger, nullable=False),
    Column("ended", BigInteger),
    Column("counters_seen", BigInteger),
    Column("counters", Text),
    Column("held", Text),
)
"""`counters` and `held` are JSON."""
GAPS = Table(
    "usage_gaps",
    METADATA,
    Column("begins", BigInteger, primary_key=True, autoincrement=False),
    Column("ends", BigInteger, nullable=False),
)
STATE = Table(
    "usage_state",
    METADATA,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("batch", Text, nullable=False),
    Column("first_observed", BigInteger),
    Column("last_observed", BigInteger),
    Column("settled", BigInteger, nullable=False),
)
"""One row."""
LIMITS = Table(
    "limits",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("count", BigInteger),
    Column("memory_mib", BigInteger),
    Column("vcores", BigInteger),
    Column("changed_by", Text, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("revision", Text, nullable=False),
)
"""The name is empty for each user, and for all; the revision changes with each change."""
