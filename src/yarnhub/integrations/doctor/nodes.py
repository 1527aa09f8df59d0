"""What the nodes can give, and what they have."""

from __future__ import annotations

import contextlib
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.units import MiB, VCores
from yarnhub.client.client import Client
from yarnhub.client.logs.aggregated import LogAggregationOffError
from yarnhub.integrations.doctor.finding import error, not_checked, ok, warning
from yarnhub.spec import ApplicationSpec, Resources, Service
from yarnhub.unmanaged import UnmanagedApplications

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.integrations.doctor.deployment import Site
    from yarnhub.integrations.doctor.finding import Finding
    from yarnhub.yarn.records.resources import Resource

SERVER = 2048
"""MiB of `c.YarnSpawner.mem_limit` by default."""
DEADLINE = 180.0
"""Seconds for something to run on the nodes, and for its logs to come."""
_OLDEST = (3, 11)
_MOST = 20
"""Nodes on which something is run."""
_SAYS = re.compile(r"^yarnhub doctor: (?:Python (\d+)\.(\d+)\S*)?$", re.MULTILINE)
_SCRIPT = "echo \"yarnhub doctor: $(python3 --version 2>&1 | grep '^Python ')\""


async def check_largest(site: Site) -> Finding:
    """Whether a server of the default size can be had."""
    async with site.resource_manager() as manager:
        limit = (await manager.get_new_application()).maximum_capability
        nodes = await manager.get_cluster_nodes()
    return judge_largest(limit, [node.capability for node in nodes])


def judge_largest(limit: Resource, nodes: list[Resource]) -> Finding:
    """Whether a server of the default size fits into the limit and onto a node."""
    if not nodes:
        return error("no node runs", "start the NodeManagers; `yarn node -list -all` says more")
    allowed, largest = limit.memory or 0, max(node.memory or 0 for node in nodes)
    words = f"{allowed} MiB and {limit.virtual_cores} vcores are allowed, and the largest of "
    words += f"{len(nodes)} nodes has {largest} MiB"
    if min(allowed, largest) < SERVER:
        return warning(
            f"{words}: less than a server's default of {SERVER} MiB",
            f'set c.YarnSpawner.mem_limit to "{min(allowed, largest)} M" or less, or raise '
            "yarn.scheduler.maximum-allocation-mb and yarn.nodemanager.resource.memory-mb",
        )
    return ok(f"{words}; a server takes {SERVER} by default")


async def check_python(site: Site) -> Finding:
    """Run something on each node, as the user, as the hub would."""
    if not site.question.run:
        return not_checked("with --run, a small application of the user checks each node")
    async with site.resource_manager() as manager:
        nodes = sorted({node.node_id.host for node in await manager.get_cluster_nodes()})[:_MOST]
    try:
        said = await _ask_nodes(site, nodes)
    except LogAggregationOffError as failure:
        return not_checked(f"the logs from the nodes cannot be read: {failure}")
    return judge_python(said)


async def _ask_nodes(site: Site, nodes: list[str]) -> dict[str, str]:
    """What was said on each node; empty where nothing was."""
    service = Service(resources=Resources(memory=MiB(64), vcores=VCores(1)), script=_SCRIPT)
    spec = ApplicationSpec(
        name="yarnhub-doctor",
        queue=site.question.queue,
        user=site.question.user,
        services={f"node_{i}": replace(service, nodes=[node]) for i, node in enumerate(nodes)},
    )
    with tempfile.TemporaryDirectory() as folder:
        async with UnmanagedApplications(site.settings, folder=Path(folder) / "held") as held:
            application = await held.submit(spec)
            try:
                await application.ended()
            finally:
                await application.kill()
    said = dict.fromkeys(nodes, b"")
    async with Client(site.as_user) as client:
        # YARN shows the end a moment after it was told of it; until then the logs are live ones.
        await client.wait(application.application_id, deadline=DEADLINE)
        async with contextlib.aclosing(client.logs(application.application_id)) as chunks:
            async for chunk in chunks:
                node = chunk.file.node.rpartition("_")[0]
                said[node] = said.get(node, b"") + chunk.data
    return {node: text.decode(errors="replace") for node, text in said.items()}


def judge_python(said: Mapping[str, str]) -> Finding:
    """Whether the nodes have a Python that will do, by what was said on each."""
    found = {node: _SAYS.search(text) for node, text in said.items()}
    silent = [node for node, match in found.items() if match is None]
    if silent:
        return error(
            f"nothing ran on {', '.join(silent)}",
            "check that the user exists on the nodes, and that the queue is not full",
        )
    versions = {
        node: (int(match[1]), int(match[2])) if match[1] else (0, 0)
        for node, match in found.items()
        if match
    }
    words = ", ".join(
        f"{node}: {'.'.join(map(str, version)) if any(version) else 'none'}"
        for node, version in versions.items()
    )
    if min(versions.values()) < _OLDEST:
        return warning(
            f"python3 in PATH is {words}; servers need Python 3.11",
            "ship one: c.YarnSpawner.localize_files with a packed environment, and "
            "c.YarnSpawner.prologue to activate it",
        )
    return ok(f"python3 in PATH is {words}")
