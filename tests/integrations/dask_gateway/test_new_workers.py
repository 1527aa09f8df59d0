"""Many new workers of a Dask cluster: how many there can be, and how they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from dask_gateway_server.backends.db_base import DataManager, JobStatus
from dask_gateway_server.workqueue import WorkQueue
from sqlalchemy import event, exc

from yarnhub.integrations.dask_gateway import YarnBackend
from yarnhub.integrations.dask_gateway.user_limits import UserLimits
from yarnhub.integrations.dask_gateway.worker_ends import forget
from yarnhub.sessions.limited_kinds import CLUSTERS
from yarnhub.sessions.limits import Limit, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

COUNT = 250


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[], Any]]:
    """What opens the same database on disk."""
    keys, databases = [Fernet.generate_key()], []

    def opens() -> Any:  # dask-gateway has no types
        databases.append(DataManager(f"sqlite:///{tmp_path / 'gateway.sqlite'}", keys))
        return databases[-1]

    yield opens
    for each in databases:
        each.db.dispose()


CONFIG = {
    "scheduler_memory": 1,
    "scheduler_cores": 1,
    "worker_memory": 1,
    "worker_cores": 1,
    "cluster_max_workers": None,
}


def backend_with(database: Any, limit: Limit | None = None) -> Any:
    """A server's backend, perhaps with a limit for each user."""
    backend: Any = YarnBackend()
    backend.db, backend.queue = database, WorkQueue()
    limits = Limits(kind=CLUSTERS) if limit is None else Limits(kind=CLUSTERS, user=limit)
    backend._limits = UserLimits(lambda: limits, backend.db.active_clusters)
    return backend


def running(database: Any, **changes: int) -> Any:
    """A cluster that has been asked for workers."""
    cluster = database.create_cluster("alice", {}, CONFIG | changes)
    database.update_cluster(cluster, status=JobStatus.RUNNING, count=COUNT)
    cluster.added_to_proxies = True
    return cluster


async def reconciled(backend: Any, cluster: Any) -> list[Any]:
    """Do the queue's work on a cluster; the workers that are to be started, in order."""
    started = []
    backend.queue.put(cluster)
    while not backend.queue.is_empty():
        item = await backend.queue.get()
        if item is cluster:
            await backend.reconcile_cluster(cluster)
        else:
            started.append(item)
        backend.queue.task_done(item)
    return started


async def test_many_workers_are_few_transactions(opened: Callable[[], Any]) -> None:
    # Each one takes milliseconds on a disk, during which the server does not respond.
    backend = backend_with(opened())
    cluster = running(backend.db)
    commits: list[object] = []
    event.listen(backend.db.db, "commit", commits.append)
    started = await reconciled(backend, cluster)
    assert len(commits) == 3
    assert started == list(cluster.workers.values())
    stored = opened().get_cluster(cluster.name).workers
    assert {name: each.id for name, each in stored.items()} == {
        each.name: each.id for each in started
    }
    assert len(stored) == COUNT
    assert {(each.status, each.target) for each in stored.values()} == {
        (JobStatus.CREATED, JobStatus.RUNNING)
    }


async def test_no_worker_is_started_that_was_not_stored(opened: Callable[[], Any]) -> None:
    backend = backend_with(opened())
    cluster = running(backend.db)

    def fails(_: object) -> None:
        raise exc.OperationalError("COMMIT", {}, OSError("disk is full"))

    event.listen(backend.db.db, "commit", fails)
    with pytest.raises(exc.OperationalError):
        await backend.reconcile_cluster(cluster)
    assert cluster.workers == {}
    assert backend.queue.is_empty()
    event.remove(backend.db.db, "commit", fails)
    assert len(await reconciled(backend, cluster)) == COUNT


async def test_a_cluster_that_is_stopped_gets_no_more_workers(opened: Callable[[], Any]) -> None:
    backend = backend_with(opened())
    cluster = running(backend.db)
    await backend.reconcile_cluster(cluster)
    await backend.stop_cluster(cluster.name)
    await backend.reconcile_cluster(cluster)
    assert 0 < len(cluster.workers) < COUNT


async def test_a_cluster_whose_workers_fail_fails(opened: Callable[[], Any]) -> None:
    backend = backend_with(opened())
    cluster = running(backend.db)
    cluster.worker_start_failure_count = backend.worker_start_failure_limit
    await backend.reconcile_cluster(cluster)
    assert cluster.target == JobStatus.FAILED
    assert cluster.workers == {}


@pytest.mark.parametrize(("limit", "most"), [(None, 4), (Limit(vcores=1 + 3), 3)])
async def test_a_scheduler_that_lies_about_ends_gets_no_more_workers(
    opened: Callable[[], Any], limit: Limit | None, most: int
) -> None:
    backend = backend_with(opened(), limit)
    cluster = running(backend.db, cluster_max_workers=2)
    backend.db.update_cluster(cluster, count=2)
    for _ in range(3):
        await reconciled(backend, cluster)
        # It reports that all are gone, and YARN has not.
        gone = {"status": JobStatus.FAILED, "target": JobStatus.FAILED}
        backend.db.update_workers([(each, gone) for each in cluster.workers.values()])
    assert len(cluster.workers) == most
    forget(backend.db, cluster, list(cluster.workers.values()))
    assert cluster.workers == {}
    assert len(await reconciled(backend, cluster)) == 2
    assert len(opened().get_cluster(cluster.name).workers) == 2
