"""Gathers what `yarnhub.client.explain` needs to know of an application and its cluster."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from yarnhub.base.errors import RemoteError, YarnhubError
from yarnhub.base.tasks import task_group
from yarnhub.client.evidence import Evidence
from yarnhub.client.visibility import check_shown
from yarnhub.spec import ApplicationSpec
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.cluster import NodeState
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from yarnhub.client.client import Client
    from yarnhub.control.messages import Container
    from yarnhub.yarn.records.applications import ApplicationAttemptReport, ApplicationReport
    from yarnhub.yarn.records.cluster import QueueInfo
    from yarnhub.yarn.records.containers import ContainerReport
    from yarnhub.yarn.records.ids import ApplicationId

_HOLDING = (YarnApplicationState.ACCEPTED, YarnApplicationState.RUNNING)


async def gather_evidence(client: Client, application_id: ApplicationId, user: str) -> Evidence:
    """What is known of an application now; of one that has ended, its reports alone.

    Cancelling leaves nothing behind.

    Args:
        client: The cluster.
        application_id: Which.
        user: Who asks.

    Raises:
        ApplicationNotFoundError: YARN knows none of this id.
        AccessDeniedError: It belongs to somebody else who does not show it.
    """
    manager = client.resource_manager
    report = await client.application_report(application_id)
    check_shown(report, user)
    attempts = await manager.get_application_attempts(application_id)
    if report.yarn_application_state.ended:
        return Evidence(report=report, attempts=attempts)
    holding = GetApplicationsRequest(application_states=_HOLDING, queues=(report.queue,))
    async with task_group() as group:
        root = group.create_task(manager.get_queue_info("root", recursive=True))
        neighbours = group.create_task(manager.get_applications(holding))
        nodes = group.create_task(manager.get_cluster_nodes(NodeState))
        labels = group.create_task(manager.get_cluster_node_labels())
        containers = group.create_task(_containers(client, attempts))
        told = group.create_task(_ask_master(client, report))
    instances, spec = told.result()
    return Evidence(
        report=report,
        attempts=attempts,
        containers=containers.result(),
        queues=path_to(root.result(), report.queue),
        neighbours=neighbours.result(),
        nodes=nodes.result(),
        shared_labels=frozenset(each.name for each in labels.result() if not each.is_exclusive),
        instances=instances,
        spec=spec,
    )


def path_to(root: QueueInfo | None, name: str) -> tuple[QueueInfo, ...]:
    """A queue and those above it, from the root down; empty if there is none of this name.

    Args:
        root: The root queue with all below it.
        name: The queue's own, or with all those above it as Hadoop reports it since 3.4.
    """
    if root is None:
        return ()
    if name in (root.queue_path, root.queue_name):
        return (root,)
    below = (path_to(child, name) for child in root.child_queues)
    found: tuple[QueueInfo, ...] = next(filter(None, below), ())
    return (root, *found) if found else ()


async def _containers(
    client: Client, attempts: tuple[ApplicationAttemptReport, ...]
) -> tuple[ContainerReport, ...]:
    if not attempts:
        return ()
    try:
        return await client.resource_manager.get_containers(attempts[-1].application_attempt_id)
    except RemoteError:
        return ()  # the attempt has just ended


async def _ask_master(
    client: Client, report: ApplicationReport
) -> tuple[tuple[Container, ...] | None, ApplicationSpec | None]:
    if report.yarn_application_state is not YarnApplicationState.RUNNING:
        return None, None
    try:
        async with await client.connect(report.application_id, wait=False) as master:
            instances = await master.get_containers(states=None)
            document = json.loads(await master.get_specification())
    except YarnhubError:
        return None, None  # it is somebody else's, or is just ending
    return instances, ApplicationSpec.from_dict(document)
