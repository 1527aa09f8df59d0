"""A small application that runs on each node as the user, as the hub would run it."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from yarnhub.base.units import MiB, VCores
from yarnhub.client.client import Client
from yarnhub.integrations.doctor.finding import error
from yarnhub.spec import ApplicationSpec, Resources, Service
from yarnhub.unmanaged import UnmanagedApplications

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarnhub.integrations.doctor.deployment import Deployment
    from yarnhub.integrations.doctor.finding import Finding
    from yarnhub.spec import File

RUN_TIMEOUT = 180.0
"""Seconds to run an application on the nodes and to read its logs."""
_MAX_NODES = 20
"""The application runs on at most this number of nodes."""


async def run_on_nodes(
    deployment: Deployment, script: str, files: Mapping[str, File] | None = None
) -> dict[str, str]:
    """Run a script on the nodes; returns its output on each node, empty if there was none.

    Cancelling kills the application.

    Args:
        deployment: The cluster and the user.
        script: What to run.
        files: Files for each container.

    Raises:
        LogAggregationOffError: YARN does not aggregate the logs with the output.
    """
    async with deployment.resource_manager() as manager:
        found = {node.node_id.host for node in await manager.get_cluster_nodes()}
    nodes = sorted(found)[:_MAX_NODES]
    resources = Resources(memory=MiB(64), vcores=VCores(1))
    spec = ApplicationSpec(
        name="yarnhub-doctor",
        queue=deployment.options.queue,
        user=deployment.options.user,
        services={
            f"node_{number}": Service(
                resources=resources, script=script, files=files or {}, nodes=[node]
            )
            for number, node in enumerate(nodes)
        },
    )
    with tempfile.TemporaryDirectory() as folder:
        async with UnmanagedApplications(deployment.settings, folder=Path(folder) / "held") as held:
            application = await held.submit(spec)
            try:
                await application.ended()
            finally:
                await application.kill()
    output = dict.fromkeys(nodes, b"")
    async with Client(deployment.as_user) as client:
        # YARN reports the end with a delay; until then, the logs are not aggregated.
        await client.wait(application.application_id, deadline=RUN_TIMEOUT)
        async with contextlib.aclosing(client.logs(application.application_id)) as chunks:
            async for chunk in chunks:
                node = chunk.file.node.rpartition("_")[0]
                output[node] = output.get(node, b"") + chunk.data
    return {node: text.decode(errors="replace") for node, text in output.items()}


def nothing_ran(nodes: Sequence[str]) -> Finding:
    """The finding for nodes without any output."""
    return error(
        f"nothing ran on {', '.join(nodes)}",
        "check that the user exists on the nodes, and that the queue is not full",
    )
