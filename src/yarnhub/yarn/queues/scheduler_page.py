"""The figures of queues from a ResourceManager's REST API: limits that RPC does not report.

    GET /ws/v1/cluster/scheduler

RPC's `getQueueInfo` counts applications without a container as pending, activated or not, and does
not report the resources of ApplicationMasters. This has both, for each leaf queue.

Source: org.apache.hadoop.yarn.server.resourcemanager.webapp.dao.CapacitySchedulerLeafQueueInfo and
FairSchedulerLeafQueueInfo; recorded answers of Hadoop 3.3.6 and 3.4.2 in
tests/yarn/queues/recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.yarn.queues.tree import find_path
from yarnhub.yarn.records.resources import MEMORY, VCORES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PATH = "/ws/v1/cluster/scheduler"

Amounts = dict[str, int]
"""Of memory in MiB and of vcores, by YARN's names."""

_NO_LIMIT = (1 << 31) - 1
"""Java's `Integer.MAX_VALUE`: no limit of parallel applications."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFigures:
    """The figures of one user in a leaf queue."""

    used: Amounts
    limit: Amounts
    """For all applications; empty until the scheduler has computed it."""
    am_used: Amounts


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafFigures:
    """The figures of a leaf queue.

    Attributes:
        path: The queue's path, such as `root.fruit.apples`.
        fair: Whether the scheduler is the FairScheduler; otherwise it is the CapacityScheduler.
        active: The number of activated applications.
        pending: The number that wait to be activated, because of the limit of ApplicationMasters.
        held_back: The number that are not considered, because of a limit of parallel applications.
        parallel: The nearest queue whose limit of parallel applications is reached, and the limit;
            None if none is.
        used: The resources of all its applications.
        limit: The resources that they may use; empty if unknown.
        am_used: The resources of its ApplicationMasters.
        am_limit: The resources that they may use; empty if unknown.
        user_am_limit: The resources that one user's ApplicationMasters may use.
        am_least: The smallest resources that one counts as.
        users: By name, the users with applications in it.
    """

    path: str
    fair: bool = False
    active: int = 0
    pending: int = 0
    held_back: int = 0
    parallel: tuple[str, int] | None = None
    used: Amounts = field(default_factory=dict)
    limit: Amounts = field(default_factory=dict)
    am_used: Amounts = field(default_factory=dict)
    am_limit: Amounts = field(default_factory=dict)
    user_am_limit: Amounts = field(default_factory=dict)
    am_least: Amounts = field(default_factory=dict)
    users: Mapping[str, UserFigures] = field(default_factory=dict)

    @property
    def masters_that_fit(self) -> int | None:
        """How many smallest ApplicationMasters fit at once; None if unknown."""
        if not self.am_least or not self.am_limit:
            return None
        # YARN may be configured to consider memory only.
        return min(self.am_limit[name] // least for name, least in self.am_least.items())


def read_scheduler_page(page: Any) -> dict[str, LeafFigures]:  # Any: JSON
    """The leaf queues by path; empty for an unknown scheduler.

    Raises:
        RemoteProtocolError: It is not this response.
    """
    try:
        scheduler = page["scheduler"]["schedulerInfo"]
        match scheduler.get("type"):
            case "capacityScheduler":
                return {each.path: each for each in _capacity_leaves(scheduler, "", ())}
            case "fairScheduler":
                return {each.path: each for each in _fair_leaves(scheduler["rootQueue"])}
            case _:
                return {}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RemoteProtocolError(f"a ResourceManager's list of queues has no {error}") from error


def find_leaf(leaves: Mapping[str, LeafFigures], name: str) -> LeafFigures | None:
    """A leaf queue by any of its names; None if not found."""
    path = find_path(leaves, name)
    return None if path is None else leaves[path]


# --- CapacityScheduler


def _capacity_leaves(
    queue: Any, parent: str, above: tuple[tuple[str, Any], ...]
) -> Iterator[LeafFigures]:
    path = f"{parent}.{queue['queueName']}" if parent else str(queue["queueName"])
    line = (*above, (path, queue))
    children = _listed((queue.get("queues") or {}).get("queue"))
    if not children and "numActiveApplications" in queue:
        yield _capacity_leaf(path, queue, line)
    for child in children:
        yield from _capacity_leaves(child, path, line)


def _capacity_leaf(path: str, leaf: Any, line: tuple[tuple[str, Any], ...]) -> LeafFigures:
    active, pending = int(leaf["numActiveApplications"]), int(leaf["numPendingApplications"])
    users = _listed((leaf.get("users") or {}).get("user"))
    parallel = next(filter(None, map(_parallel_limit, reversed(line))), None)
    return LeafFigures(
        path=path,
        active=active,
        pending=pending,
        held_back=max(0, int(leaf["numApplications"]) - active - pending),
        parallel=parallel,
        used=_amounts(leaf.get("resourcesUsed")),
        limit=_amounts(leaf.get("maxEffectiveCapacity")),
        am_used=_amounts(leaf.get("usedAMResource")),
        am_limit=_amounts(leaf.get("AMResourceLimit")),
        user_am_limit=_amounts(leaf.get("userAMResourceLimit")),
        am_least=_least(leaf),
        users={
            str(each["username"]): UserFigures(
                used=_amounts(each.get("resourcesUsed")),
                limit=_amounts(each.get("userResourceLimit")),
                am_used=_amounts(each.get("AMResourceUsed")),
            )
            for each in users
        },
    )


def _parallel_limit(place: tuple[str, Any]) -> tuple[str, int] | None:
    """The limit of parallel applications of a queue, if it is reached."""
    path, queue = place
    limit = int(queue.get("maxParallelApps", _NO_LIMIT))  # since Hadoop 3.3
    return (path, limit) if _runnable(queue) >= limit else None


def _runnable(queue: Any) -> int:
    own = int(queue.get("numActiveApplications", 0)) + int(queue.get("numPendingApplications", 0))
    return own + sum(map(_runnable, _listed((queue.get("queues") or {}).get("queue"))))


def _least(leaf: Any) -> Amounts:
    """The smallest container: the scheduler's minimum allocation."""
    for share in _listed((leaf.get("capacities") or {}).get("queueCapacitiesByPartition")):
        if not share.get("partitionName"):
            kinds = (share.get("configuredMinResource") or {}).get("resourceInformations") or {}
            least = {
                str(each["name"]): int(each["minimumAllocation"])
                for each in _listed(kinds.get("resourceInformation"))
            }
            return {name: max(1, least[name]) for name in (MEMORY, VCORES) if name in least}
    return {}


# --- FairScheduler


def _fair_leaves(queue: Any) -> Iterator[LeafFigures]:
    children = _listed((queue.get("childQueues") or {}).get("queue"))
    if not children and "numActiveApps" in queue:
        limit = int(queue.get("maxApps", _NO_LIMIT))
        active, pending = int(queue["numActiveApps"]), int(queue["numPendingApps"])
        yield LeafFigures(
            path=str(queue["queueName"]),
            fair=True,
            active=active,
            used=_amounts(queue.get("usedResources")),
            limit=_amounts(queue.get("maxResources")),
            parallel=(str(queue["queueName"]), limit) if active >= limit else None,
            held_back=pending if active >= limit else 0,
        )
    for child in children:
        yield from _fair_leaves(child)


# --- both


def _amounts(resource: Any) -> Amounts:
    """Amounts of memory and vcores; empty if there is no limit or none is computed."""
    if not resource:
        return {}
    return {MEMORY: int(resource["memory"]), VCORES: int(resource["vCores"])}


def _listed(value: Any) -> list[Any]:  # a list of one is written without brackets by old versions
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
