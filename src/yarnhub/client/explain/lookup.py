"""Collects the facts about an application and its cluster."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from yarnhub.base.errors import RemoteError, YarnhubError
from yarnhub.base.tasks import task_group
from yarnhub.client.access.visibility import check_shown
from yarnhub.client.explain.facts import ApplicationFacts, ClusterFacts
from yarnhub.client.logs.node import NodeLogs
from yarnhub.client.queues import queue_figures
from yarnhub.control.messages import ContainerState
from yarnhub.spec import ApplicationSpec
from yarnhub.yarn.records.applications import YarnApplicationState
from yarnhub.yarn.records.cluster import NodeState
from yarnhub.yarn.records.ids import ContainerId
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from yarnhub.client.access.settings import Settings
    from yarnhub.client.application.client import ApplicationClient
    from yarnhub.control.messages import ServiceContainer
    from yarnhub.yarn.records.applications import ApplicationAttemptReport, ApplicationReport
    from yarnhub.yarn.records.containers import ContainerReport
    from yarnhub.yarn.resource_manager import ResourceManager

Connect = Callable[[], Awaitable["ApplicationClient"]]

_MAX_NODES_ASKED = 16
"""The number of containers whose nodes are queried."""
_ACTIVE_STATES = (YarnApplicationState.ACCEPTED, YarnApplicationState.RUNNING)


async def look_up(
    report: ApplicationReport,
    manager: ResourceManager,
    settings: Settings,
    connect: Connect | None,
) -> ApplicationFacts:
    """The current facts about an application; about one that has ended, only its reports.

    Cancelling leaves nothing behind.

    Args:
        report: The application's report.
        manager: The ResourceManager.
        settings: The settings of the caller.
        connect: Connects to its ApplicationMaster; None to leave it alone.

    Raises:
        AccessDeniedError: It belongs to another user, who does not share it.
    """
    check_shown(report, settings.user_name)
    attempts = await manager.get_application_attempts(report.application_id)
    if report.yarn_application_state.ended:
        return ApplicationFacts(report=report, attempts=attempts)
    holding = GetApplicationsRequest(application_states=_ACTIVE_STATES, queues=(report.queue,))
    waits = report.app_resource_usage.num_used_containers <= 0
    async with task_group() as group:
        cluster = group.create_task(look_up_cluster(manager, settings, figures=waits))
        neighbours = group.create_task(manager.get_applications(holding))
        containers = group.create_task(_containers(manager, attempts))
        answers = group.create_task(_ask_master(report, connect))
    instances, spec = answers.result()
    starting = await _starting(NodeLogs(settings), instances or ())
    found = ApplicationFacts(
        report=report,
        attempts=attempts,
        containers=containers.result(),
        neighbours=neighbours.result(),
        instances=instances,
        starting=starting,
        spec=spec,
        master_asked=connect is not None,
    )
    return cluster.result().of(found)


async def look_up_cluster(
    manager: ResourceManager, settings: Settings, *, figures: bool
) -> ClusterFacts:
    """The current facts about the cluster. Cancelling leaves nothing behind.

    Args:
        manager: The ResourceManager.
        settings: The settings of the caller.
        figures: Whether the figures of queues are read: they explain why an application has no
            container.
    """
    async with task_group() as group:
        root = group.create_task(manager.get_queues())
        nodes = group.create_task(manager.get_cluster_nodes(NodeState))
        labels = group.create_task(manager.get_cluster_node_labels())
        reading = group.create_task(queue_figures(settings)) if figures else None
    return ClusterFacts(
        root=root.result(),
        nodes=nodes.result(),
        shared_labels=frozenset(each.name for each in labels.result() if not each.is_exclusive),
        figures=reading.result() if reading is not None else {},
    )


async def _containers(
    manager: ResourceManager, attempts: tuple[ApplicationAttemptReport, ...]
) -> tuple[ContainerReport, ...]:
    if not attempts:
        return ()
    try:
        return await manager.get_containers(attempts[-1].application_attempt_id)
    except RemoteError:
        return ()  # the attempt has just ended


async def _ask_master(
    report: ApplicationReport, connect: Connect | None
) -> tuple[tuple[ServiceContainer, ...] | None, ApplicationSpec | None]:
    if connect is None or report.yarn_application_state is not YarnApplicationState.RUNNING:
        return None, None
    try:
        async with await connect() as master:
            instances = await master.get_containers(states=None)
            spec = ApplicationSpec.from_json(await master.get_specification())
    except YarnhubError:
        return None, None  # it belongs to another user, or is just ending
    return instances, spec


async def _starting(nodes: NodeLogs, instances: tuple[ServiceContainer, ...]) -> frozenset[str]:
    """The newest containers without logs: their nodes are fetching files."""
    running = [each for each in instances if each.state is ContainerState.RUNNING]
    running.sort(key=lambda each: each.start_time or 0.0, reverse=True)
    asked = running[:_MAX_NODES_ASKED]
    async with task_group() as group:
        answers = [group.create_task(_has_logs(nodes, each)) for each in asked]
    found = zip(asked, answers, strict=True)
    return frozenset(each.id for each, answer in found if answer.result() is False)


async def _has_logs(nodes: NodeLogs, container: ServiceContainer) -> bool | None:
    """Whether a container has started to write logs; None if its node does not respond."""
    try:
        number = ContainerId.parse(container.yarn_container_id)
        return await nodes.list(container.yarn_node_http_address, number) is not None
    except YarnhubError:
        return None
