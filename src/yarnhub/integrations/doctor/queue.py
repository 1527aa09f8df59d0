"""The queue for servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.base.errors import ConnectError, RemoteProtocolError
from yarnhub.client.explain.words import in_words
from yarnhub.integrations.doctor.finding import error, not_checked, ok, warning
from yarnhub.yarn.queues.scheduler_page import PATH, find_leaf, read_scheduler_page
from yarnhub.yarn.queues.tree import is_named, line_to
from yarnhub.yarn.queues.usable import submission_acls, takes_applications, usable_queues

if TYPE_CHECKING:
    from collections.abc import Collection

    from yarnhub.integrations.doctor.deployment import Deployment
    from yarnhub.integrations.doctor.finding import Finding
    from yarnhub.yarn.queues.scheduler_page import LeafFigures
    from yarnhub.yarn.records.cluster import QueueInfo

FEW_SERVERS = 20
"""A hub usually needs more servers at once than this."""


async def check(deployment: Deployment) -> Finding:
    """Check that the queue exists and is running, and that the user may submit to it."""
    name = deployment.options.queue
    async with deployment.resource_manager(deployment.as_user) as manager:
        root = await manager.get_queues()
        allowed = submission_acls(await manager.get_queue_user_acls())
    return judge(name, root, allowed, deployment.as_user.user_name)


def judge(name: str, root: QueueInfo | None, allowed: Collection[str], user: str) -> Finding:
    """The finding for a queue and a user."""
    others = ", ".join(usable_queues(root, allowed)) or "none"
    line = line_to(root, name)
    if not line:
        return error(f"queue {name} does not exist", f"use one of {others}")
    queue = line[-1]
    path = queue.queue_path
    if queue.child_queues:
        children = ", ".join(each.queue_path for each in queue.child_queues)
        return error(f"{path} is a parent queue", f"use one of {children}")
    if queue.state is not None and not takes_applications(queue):
        return error(f"{path} is {queue.state.name.lower()}", "start it, or use another one")
    if not is_named(queue, allowed):
        return error(
            f"{user} may not submit to {path}",
            f"allow it with yarn.scheduler.capacity.{path}.acl_submit_applications, or use one of "
            f"{others}",
        )
    return ok(f"{path} is running, and {user} may submit to it")


# --- servers at once


async def check_masters(deployment: Deployment) -> Finding:
    """Check how many servers fit at once, with their ApplicationMasters in the hub."""
    try:
        figures = read_scheduler_page(await deployment.get_json(PATH))
    except (ConnectError, RemoteProtocolError) as failure:
        return not_checked(str(failure))
    leaf = find_leaf(figures, deployment.options.queue)
    if leaf is None or (number := leaf.masters_that_fit) is None:
        return not_checked(
            f"{deployment.rm_url} does not show the queue's limit for ApplicationMasters"
        )
    return judge_masters(leaf, number)


def judge_masters(leaf: LeafFigures, number: int) -> Finding:
    """The finding for the number of servers that fit."""
    what = (
        f"at least {number} fit into {leaf.path}: each counts as {in_words(leaf.am_least)} of "
        f"the queue's limit for ApplicationMasters, {in_words(leaf.am_limit)}"
    )
    if number < FEW_SERVERS:
        return warning(
            what,
            "raise yarn.scheduler.capacity.maximum-am-resource-percent (or the queue's own), lower "
            "yarn.scheduler.minimum-allocation-mb, or take a larger queue",
        )
    return ok(what)
