"""New workers of a Dask cluster: how many, and stored together.

dask-gateway stores each worker in a transaction of its own, one after the other: with a database on
disk, a thousand workers take seconds, during which its server does not respond and reads no
scheduler's heartbeats.
"""

from __future__ import annotations

import uuid
from typing import Any

from dask_gateway_server.backends.db_base import JobStatus, Worker, workers
from dask_gateway_server.utils import timestamp

from yarnhub.integrations.dask_gateway.cluster_config import MAX_WORKERS

# Any, in this module: dask-gateway's clusters and workers have no types

_KEPT = 2
"""Workers that the server remembers, for each that a cluster may have: lost ones are replaced at
once, and YARN reports their ends some seconds later."""


def missing_workers(cluster: Any, allowed: int | None) -> int:
    """How many workers a cluster is to get now.

    The cluster's user can have its scheduler report workers as gone that are not. So those that
    `ClusterWatch` has not forgotten yet count: it looks at the cluster again when it has.

    Args:
        cluster: The cluster.
        allowed: The most that its user's limits allow; None if no limit applies.
    """
    missing: int = cluster.count - len(cluster.active_workers())
    most = _KEPT * (cluster.config.get("cluster_max_workers") or MAX_WORKERS)
    room = (most if allowed is None else min(most, allowed)) - len(cluster.workers)
    return max(0, min(missing, room))


def create_workers(database: Any, cluster: Any, count: int) -> list[Any]:
    """Create workers as dask-gateway's `DataManager.create_worker`, in one transaction.

    Args:
        database: The `DataManager`.
        cluster: Their cluster, which has them afterwards.
        count: How many.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: They cannot be stored; the cluster has none of them.
    """
    created: list[Any] = []
    if not count:
        return created
    with database.db.begin() as connection:
        for _ in range(count):
            row = {
                "name": uuid.uuid4().hex,
                "status": JobStatus.CREATED,
                "target": JobStatus.RUNNING,
                "state": {},
                "start_time": timestamp(),
                "close_expected": False,
            }
            # One by one: not every database returns the ids of many.
            done = connection.execute(workers.insert().values(cluster_id=cluster.id, **row))
            created.append(Worker(id=done.inserted_primary_key[0], cluster=cluster, **row))
    cluster.workers.update({each.name: each for each in created})
    return created
