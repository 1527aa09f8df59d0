"""The ends of a Dask cluster's workers: why, and for how long the server remembers them.

A scheduler reports that a worker is gone seconds before YARN reports why. YARN has no other reason
for the end of a container than the server's own request, if there is one. So nothing is done about
what is left of the worker before YARN has had the time to tell.

dask-gateway would keep each worker until a day after its cluster's end, in memory and in its
database. A cluster's user determines how many there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy
from dask_gateway_server.backends.db_base import JobStatus, workers

from yarnhub.control.outcomes import Cause
from yarnhub.integrations.dask_gateway.reasons import why

if TYPE_CHECKING:
    from collections.abc import Collection

    from yarnhub.control.messages import ServiceContainer

# Any, in this module: dask-gateway's clusters and workers have no types

REASON = 10.0
"""Seconds for YARN to report the end of a container whose worker a scheduler has reported as gone:
the idle heartbeat of an application, twice."""
_OF_YARN = frozenset({Cause.MEMORY, Cause.VIRTUAL_MEMORY, Cause.EXCESS_LOGS})


def waits_for_reason(worker: Any) -> bool:
    """Whether a worker that is to be stopped is gone, according to its scheduler, for no reason."""
    if "reason" in worker.state:
        return False
    # Of workers that have not reported yet, only the server's own ends are not failures.
    return bool(worker.target == JobStatus.FAILED or worker.status == JobStatus.RUNNING)


def is_over(worker: Any, container: ServiceContainer | None, seconds: float) -> bool:
    """Whether a worker that has ended can be forgotten, with what may be left of its container.

    Args:
        worker: The worker.
        container: Its container; None if it has none, or it ended long ago.
        seconds: Since the worker's end.
    """
    ended = container is None or container.state.ended
    return ended or "reason" in worker.state or seconds >= REASON


def unexpected_end(worker: Any, container: ServiceContainer | None) -> str:
    """Why a worker that is over has ended, for its user; empty if that is known or expected."""
    if "reason" in worker.state:
        return ""
    outcome = container.outcome if container is not None else None
    if worker.status != JobStatus.FAILED:  # its scheduler has retired it, or it has not begun
        taken = outcome is not None and (outcome.cause in _OF_YARN or outcome.cause.blameless)
        return why(outcome) if outcome is not None and taken else ""
    if container is not None and not container.state.ended:
        return f"Its scheduler has lost it, on {node_of(container)}: it hangs, or its node is lost."
    return why(outcome) if outcome is not None else "Its container is gone."


def node_of(container: ServiceContainer | None) -> str:
    """The name of a container's node."""
    address = container.yarn_node_http_address if container is not None else ""
    return address.rpartition(":")[0] or "an unknown node"


def forget(database: Any, cluster: Any, ended: Collection[Any]) -> None:
    """Remove workers that have ended from a cluster, and from the database.

    Args:
        database: The `DataManager`.
        cluster: Their cluster.
        ended: The workers.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: They cannot be removed; the cluster still has all of them.
    """
    chosen = workers.delete().where(workers.c.id == sqlalchemy.bindparam("_id"))
    with database.db.begin() as connection:
        connection.execute(chosen, [{"_id": each.id} for each in ended])
    for each in ended:
        cluster.workers.pop(each.name, None)
