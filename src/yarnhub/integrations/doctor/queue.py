"""The queue in which servers shall run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yarnhub.base.errors import ConnectError, RemoteProtocolError
from yarnhub.client.amounts import in_words
from yarnhub.integrations.doctor.finding import error, not_checked, ok, warning
from yarnhub.yarn.queues import is_named, leaves, line_to, submission_names
from yarnhub.yarn.records.cluster import QueueACL, QueueState
from yarnhub.yarn.records.resources import MEMORY, VCORES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from yarnhub.integrations.doctor.finding import Finding
    from yarnhub.integrations.doctor.site import Site
    from yarnhub.yarn.records.cluster import QueueInfo, QueueUserACLInfo

FEW = 20
"""Servers at once that are fewer than a hub is set up for."""


async def check(site: Site) -> Finding:
    """Whether it is there, runs, and lets the user in."""
    name = site.question.queue
    async with site.resource_manager(site.as_user) as manager:
        root = await manager.get_queues()
        usable = usable_queues(root, await manager.get_queue_user_acls())
    return judge(name, root, usable, site.as_user.user_name)


def usable_queues(root: QueueInfo | None, allowed: Iterable[QueueUserACLInfo]) -> list[str]:
    """The names of the queues to which a user may submit, without those that only hold others.

    Args:
        root: The root queue with all below it, from `get_queues`.
        allowed: What the user may do.
    """
    names = {each.queue_name for each in allowed if QueueACL.SUBMIT_APPLICATIONS in each.user_acls}
    if root is None:
        return []
    by_path = submission_names(root)
    return [by_path[each.queue_path] for each in leaves(root) if is_named(each, names)]


def judge(name: str, root: QueueInfo | None, usable: list[str], user: str) -> Finding:
    """Whether a user can run something in a queue."""
    others = ", ".join(usable) or "none"
    line = line_to(root, name)
    if not line:
        return error(f"there is no queue {name}", f"take one of {others}")
    queue = line[-1]
    path = queue.queue_path
    if queue.child_queues:
        children = ", ".join(each.queue_path for each in queue.child_queues)
        return error(f"{path} only holds other queues", f"take one of {children}")
    if queue.state is QueueState.STOPPED:
        return error(f"{path} is stopped", "start it, or take another one")
    if not is_named(queue, usable):
        return error(
            f"{user} may not submit to {path}",
            f"allow it by yarn.scheduler.capacity.{path}.acl_submit_applications, or take one of "
            f"{others}",
        )
    return ok(f"{path} runs, and {user} may submit to it")


# --- how many


@dataclass(frozen=True, slots=True)
class MasterLimit:
    """What the ApplicationMasters of a queue may have, and what one in a hub counts as."""

    all: Mapping[str, int]
    one: Mapping[str, int]

    @property
    def number(self) -> int:
        """How many fit, for sure: YARN may be set to look at memory only."""
        return min(self.all[name] // self.one[name] for name in self.one)


async def check_masters(site: Site) -> Finding:
    """How many servers whose ApplicationMasters are in the hub fit at once."""
    try:
        told = await site.ask_page("/ws/v1/cluster/scheduler")
        limit = read_limit(told, site.question.queue)
    except (ConnectError, RemoteProtocolError) as failure:
        return not_checked(str(failure))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        limit = None
    if limit is None:
        return not_checked(f"{site.page} does not say how much the queue's masters may have")
    words = (
        f"at least {limit.number} fit into {site.question.queue}: each counts as "
        f"{in_words(limit.one)} of the {in_words(limit.all)} that ApplicationMasters may have there"
    )
    if limit.number < FEW:
        return warning(
            words,
            "raise yarn.scheduler.capacity.maximum-am-resource-percent (or the queue's own), lower "
            "yarn.scheduler.minimum-allocation-mb, or take a larger queue",
        )
    return ok(words)


def read_limit(told: Any, queue: str) -> MasterLimit | None:  # Any: JSON
    """The limit, out of what a ResourceManager tells about its CapacityScheduler; None: not told.

    Raises:
        KeyError, TypeError, ValueError: It tells something else.
    """
    for leaf in _leaves(told["scheduler"]["schedulerInfo"]):
        if queue not in (leaf["queueName"], leaf.get("queuePath")):
            continue
        usages = leaf["resources"]["resourceUsagesByPartition"]
        capacities = leaf["capacities"]["queueCapacitiesByPartition"]
        limit = next(each["amLimit"] for each in usages if not each["partitionName"])
        share = next(each for each in capacities if not each["partitionName"])
        types = share["configuredMinResource"]["resourceInformations"]["resourceInformation"]
        least = {each["name"]: int(each["minimumAllocation"]) for each in types}
        return MasterLimit(
            all={MEMORY: int(limit["memory"]), VCORES: int(limit["vCores"])},
            one={name: max(1, least[name]) for name in (MEMORY, VCORES)},
        )
    return None


def _leaves(queue: Any) -> Iterator[Any]:  # Any: JSON
    children = (queue.get("queues") or {}).get("queue") or []
    if not children:
        yield queue
    for child in children:
        yield from _leaves(child)
