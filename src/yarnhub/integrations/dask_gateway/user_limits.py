"""What users hold in all their Dask clusters, and how much more they can have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dask_gateway_server.backends.db_base import JobStatus

from yarnhub.sessions.limits import NOTHING, Held, Size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from yarnhub.sessions.limits import Limits

# Any, in this module: dask-gateway's clusters, workers and configurations have no types

GROUPS = "groups"
"""The key, in a cluster's state, of the groups that its user had when it was created."""


class UserLimits:
    """The limits of dask-gateway's users.

    A cluster counts with its scheduler, and with the workers that it has or may have: also those
    that wait for YARN.

    Args:
        limits: Returns the limits of each user, group, and all at the moment.
        clusters: Finds the clusters that have not ended.
    """

    def __init__(self, limits: Callable[[], Limits], clusters: Callable[[], Iterable[Any]]) -> None:
        self._limits = limits
        self._clusters = clusters
        self._groups: dict[str, frozenset[str]] = {}
        """As of the last cluster that a user created with this server."""

    def check_start(self, user: str, groups: Iterable[str], config: Any) -> None:
        """Accept another cluster; nothing may be awaited until it is among the clusters.

        Args:
            user: The user's name.
            groups: The user's groups.
            config: The cluster's configuration.

        Raises:
            LimitReachedError: A limit would be exceeded.
        """
        own = self._groups[user] = frozenset(groups)
        self._limits().check(self._held(), user, own, _scheduler(config))

    def check_workers(self, cluster: Any, count: int) -> None:
        """Accept that a cluster has more workers.

        Args:
            cluster: The cluster.
            count: The number of workers that it is to have.

        Raises:
            LimitReachedError: A limit would be exceeded.
        """
        more = count - _workers(cluster)
        if more > 0:
            user = cluster.username
            size = _worker(cluster.config)
            wanted = Size(memory=more * size.memory, vcores=more * size.vcores, count=0)
            self._limits().check(self._held(), user, self.groups(cluster), wanted)

    def most_workers(self, cluster: Any) -> int | None:
        """The most workers that a cluster can have now; those that it has stay.

        None if no limit applies.
        """
        size = _worker(cluster.config)
        room = self._limits().room(self._held(), cluster.username, self.groups(cluster), size)
        return None if room is None else _workers(cluster) + room

    def groups(self, cluster: Any) -> frozenset[str]:
        """The groups of a cluster's user."""
        known = self._groups.get(cluster.username)
        return frozenset(cluster.state.get(GROUPS, ())) if known is None else known

    def _held(self) -> list[Held]:
        sizes: dict[str, Size] = {}
        groups: dict[str, frozenset[str]] = {}
        for cluster in self._clusters():
            if cluster.status >= JobStatus.STOPPED:
                continue
            user, workers = cluster.username, _workers(cluster)
            scheduler, worker = _scheduler(cluster.config), _worker(cluster.config)
            groups[user] = groups.get(user, frozenset()) | self.groups(cluster)
            sizes[user] = sizes.get(user, NOTHING) + Size(
                memory=scheduler.memory + workers * worker.memory,
                vcores=scheduler.vcores + workers * worker.vcores,
            )
        return [Held(owner=user, groups=groups[user], size=size) for user, size in sizes.items()]


def _scheduler(config: Any) -> Size:
    return Size(memory=config.scheduler_memory, vcores=config.scheduler_cores)


def _worker(config: Any) -> Size:
    return Size(memory=config.worker_memory, vcores=config.worker_cores, count=0)


def _workers(cluster: Any) -> int:
    """The workers that a cluster has or is to have, with those that YARN may not have ended yet."""
    wanted: int = cluster.count if cluster.target <= JobStatus.RUNNING else 0
    return max(len(cluster.workers), wanted)
