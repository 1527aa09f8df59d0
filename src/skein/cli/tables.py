"""The tables of the commands, in skein's format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skein.utils import format_runtime, format_table
from yarnhub.client.usage import resource_usage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.control.messages import ServiceContainer
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.cluster import NodeReport, QueueInfo


def application_table(reports: Iterable[ApplicationReport], now: float) -> str:
    """The table of `application ls` and `application status`.

    Args:
        reports: YARN's reports of the applications.
        now: Seconds since 1970, for those that have not ended.
    """
    columns = (
        "application_id",
        "name",
        "state",
        "status",
        "containers",
        "vcores",
        "memory",
        "runtime",
    )
    return format_table(columns, (_application_row(report, now) for report in reports))


def _application_row(report: ApplicationReport, now: float) -> tuple[object, ...]:
    usage = resource_usage(report)
    end = report.finish_time / 1000 if report.finish_time else now
    return (
        report.application_id,
        report.name,
        report.yarn_application_state.name,
        report.final_application_status.name,
        usage.num_used_containers,
        usage.used_resources.virtual_cores or 0,
        usage.used_resources.memory or 0,
        format_runtime(end - report.start_time / 1000),
    )


def container_table(containers: Iterable[ServiceContainer], now: float) -> str:
    """The table of `container ls`.

    Args:
        containers: The ApplicationMaster's containers.
        now: Seconds since 1970, for those that are running.
    """
    rows = (
        (each.service_name, each.id, each.state.value, _container_runtime(each, now))
        for each in containers
    )
    return format_table(("service", "id", "state", "runtime"), rows)


def _container_runtime(container: ServiceContainer, now: float) -> str:
    if container.start_time is None:
        return format_runtime(0)
    end = now if container.finish_time is None else container.finish_time
    return format_runtime(end - container.start_time)


def node_table(nodes: Iterable[NodeReport]) -> str:
    """The table of `node ls`; vcores and memory are used/total."""
    columns = ("node_id", "state", "rack", "containers", "vcores", "memory", "labels")
    return format_table(columns, (_node_row(node) for node in nodes))


def _node_row(node: NodeReport) -> tuple[object, ...]:
    used, total = node.used, node.capability
    return (
        f"{node.node_id.host}:{node.node_id.port}",
        node.node_state.name,
        node.rack_name,
        node.num_containers,
        f"{used.virtual_cores or 0}/{total.virtual_cores or 0}",
        f"{used.memory or 0}/{total.memory or 0}",
        ",".join(sorted(label for label in node.node_labels if label)),
    )


def queue_table(queues: Iterable[QueueInfo]) -> str:
    """The table of `queue ls`."""
    rows = (
        (
            queue.queue_path or queue.queue_name,
            "STOPPED" if queue.state is None else queue.state.name,
            f"{queue.capacity * 100:.4g}%",
            f"{queue.maximum_capacity * 100:.4g}%",
            f"{queue.current_capacity * 100:.4g}%",
        )
        for queue in queues
    )
    return format_table(("queue", "state", "capacity", "max_capacity", "used"), rows)
