"""dask-gateway's database: what a server stores, the next one has."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import sqlalchemy
from dask_gateway_server.backends.db_base import DataManager, JobStatus

from yarnhub.integrations.dask_gateway.database import fit_tables, prepare

KEYS = [base64.urlsafe_b64encode(bytes(32))]
LATER = 1_900_000_000_000
"""Milliseconds since 1970, as dask-gateway counts."""


def opened(url: str) -> Any:
    fit_tables()
    return DataManager(url=url, encrypt_keys=KEYS)


async def test_the_next_server_has_what_was_stored(database: str) -> None:
    first = opened(database)
    cluster = first.create_cluster("alice", {"queue": "é"}, {"scheduler_memory": 1 << 40})
    workers = [first.create_worker(cluster) for _ in range(2)]
    first.update_cluster(cluster, state={"app_id": "x"}, status=JobStatus.RUNNING, count=2)
    first.update_workers([(each, {"close_expected": True}) for each in workers])
    first.update_worker(workers[0], status=JobStatus.STOPPED, stop_time=LATER)
    first.db.dispose()

    second = opened(database)
    found = second.get_cluster(cluster.name)
    known = ("username", "token", "options", "state", "status", "count", "tls_cert", "tls_key")
    for name in (*known, "start_time", "stop_time"):
        assert getattr(found, name) == getattr(cluster, name), name
    stored = [found.workers[each.name] for each in workers]
    assert [each.close_expected for each in stored] == [1, 1]
    assert [each.stop_time for each in stored] == [LATER, None]
    assert [each.start_time for each in stored] == [each.start_time for each in workers]
    second.db.dispose()


async def test_what_is_secret_is_encrypted(database: str) -> None:
    manager = opened(database)
    cluster = manager.create_cluster("alice", {}, {})
    with manager.db.begin() as connection:
        (row,) = connection.exec_driver_sql("select * from clusters").fetchall()
    stored = b"".join(bytes(each) for each in row if isinstance(each, bytes | memoryview))
    assert b"PRIVATE KEY" in cluster.tls_key
    assert b"PRIVATE KEY" not in stored
    assert cluster.token.encode() not in stored
    manager.db.dispose()


async def test_a_database_that_cannot_be_written_gives_nothing_away() -> None:
    fit_tables()
    manager = DataManager("sqlite://")  # in memory, nothing is encrypted
    prepare(manager.db)
    with manager.db.begin() as connection:
        connection.exec_driver_sql("pragma query_only = 1")
    with pytest.raises(sqlalchemy.exc.OperationalError, match="readonly") as failed:
        manager.create_cluster("alice", {}, {})
    assert "PRIVATE KEY" not in str(failed.value)
    assert manager.name_to_cluster == {}
    manager.db.dispose()


async def test_records_of_clusters_that_ended_long_ago_are_removed(database: str) -> None:
    manager = opened(database)
    old, kept = (manager.create_cluster("alice", {}, {}) for _ in range(2))
    manager.create_worker(old)
    manager.update_cluster(old, status=JobStatus.STOPPED, stop_time=1)
    assert manager.cleanup_expired(60) == 1
    assert list(manager.name_to_cluster) == [kept.name]
    manager.db.dispose()
