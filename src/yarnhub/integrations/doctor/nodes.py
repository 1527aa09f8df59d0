"""The nodes: the largest container, and Python."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yarnhub.client.logs.aggregated import LogAggregationOffError
from yarnhub.integrations.doctor.finding import error, not_checked, ok, warning
from yarnhub.integrations.doctor.node_run import nothing_ran, run_on_nodes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.integrations.doctor.deployment import Deployment
    from yarnhub.integrations.doctor.finding import Finding
    from yarnhub.yarn.records.resources import Resource

DEFAULT_SERVER_MEMORY = 2048
"""MiB of `c.YarnSpawner.mem_limit` by default."""
_OLDEST_PYTHON = (3, 11)
_OUTPUT = re.compile(r"^yarnhub doctor: (?:Python (\d+)\.(\d+)\S*)?$", re.MULTILINE)
_SCRIPT = "echo \"yarnhub doctor: $(python3 --version 2>&1 | grep '^Python ')\""


async def check_largest(deployment: Deployment) -> Finding:
    """Check that a server of the default size fits."""
    async with deployment.resource_manager() as manager:
        limit = (await manager.get_new_application()).maximum_capability
        nodes = await manager.get_cluster_nodes()
    return judge_largest(limit, [node.capability for node in nodes])


def judge_largest(limit: Resource, nodes: list[Resource]) -> Finding:
    """The finding for the scheduler's limit and the nodes' sizes."""
    if not nodes:
        return error(
            "no node is running", "start the NodeManagers; `yarn node -list -all` shows all nodes"
        )
    allowed, largest = limit.memory or 0, max(node.memory or 0 for node in nodes)
    what = f"{allowed} MiB and {limit.virtual_cores} vcores are allowed, and the largest of "
    what += f"{len(nodes)} nodes has {largest} MiB"
    if min(allowed, largest) < DEFAULT_SERVER_MEMORY:
        return warning(
            f"{what}: less than a server's default of {DEFAULT_SERVER_MEMORY} MiB",
            f'set c.YarnSpawner.mem_limit to "{min(allowed, largest)} M" or less, or raise '
            "yarn.scheduler.maximum-allocation-mb and yarn.nodemanager.resource.memory-mb",
        )
    return ok(f"{what}; a server takes {DEFAULT_SERVER_MEMORY} by default")


async def check_python(deployment: Deployment) -> Finding:
    """Run an application on each node as the user, as the hub would."""
    if not deployment.options.run:
        return not_checked("with --run, a small application of the user checks each node")
    try:
        outputs = await run_on_nodes(deployment, _SCRIPT)
    except LogAggregationOffError as failure:
        return not_checked(f"the logs from the nodes cannot be read: {failure}")
    return judge_python(outputs)


def judge_python(outputs: Mapping[str, str]) -> Finding:
    """The finding for the output of `python3 --version` on each node."""
    found = {node: _OUTPUT.search(text) for node, text in outputs.items()}
    silent = [node for node, match in found.items() if match is None]
    if silent:
        return nothing_ran(silent)
    versions = {
        node: (int(match[1]), int(match[2])) if match[1] else (0, 0)
        for node, match in found.items()
        if match
    }
    what = ", ".join(
        f"{node}: {'.'.join(map(str, version)) if any(version) else 'none'}"
        for node, version in versions.items()
    )
    if min(versions.values()) < _OLDEST_PYTHON:
        return warning(
            f"python3 in PATH is {what}; servers need Python 3.11",
            "ship one: c.YarnSpawner.localize_files with a packed environment, and "
            "c.YarnSpawner.prologue to activate it",
        )
    return ok(f"python3 in PATH is {what}")
