"""The records that skein's methods return: reports of applications, containers, nodes and queues.

Reports are compared by their fields, and can be made by hand: programs test with them.
"""

from __future__ import annotations

import datetime as dt
import getpass
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from skein.files import File
from skein.security import Security
from skein.specification import ACLs, ApplicationSpec, Master, Resources, Service, parse_memory
from skein.states import ApplicationState, ContainerState, FinalStatus, NodeState, QueueState
from skein.utils import datetime_from_millis
from yarnhub.client.logs.texts import LogTexts
from yarnhub.client.usage import resource_usage
from yarnhub.control.diagnostics import without_record
from yarnhub.spec import FileType, FileVisibility, LogLevel
from yarnhub.yarn.queues.tree import own_name

if TYPE_CHECKING:
    from typing import Self

    from yarnhub.control import messages
    from yarnhub.yarn.records import applications, cluster, resources

__all__ = [
    "ACLs",
    "ApplicationLogs",
    "ApplicationReport",
    "ApplicationSpec",
    "ApplicationState",
    "Container",
    "ContainerState",
    "File",
    "FileType",
    "FileVisibility",
    "FinalStatus",
    "LogLevel",
    "Master",
    "NodeReport",
    "NodeState",
    "Queue",
    "QueueState",
    "ResourceUsageReport",
    "Resources",
    "Security",
    "Service",
    "parse_memory",
]


class ApplicationLogs(LogTexts):
    """Logs by YARN's container id; collapsible in notebooks.

    Args:
        app_id: The application's id.
        logs: The text of each container.
    """


@dataclass(slots=True)
class ResourceUsageReport:
    """The resources that an application holds and has used.

    Attributes:
        resource_seconds: Amount times seconds of each resource type, by YARN's names, such as
            `yarn.io/gpu`; memory in MiB.
    """

    memory_seconds: int
    vcore_seconds: int
    num_used_containers: int
    needed_resources: Resources
    reserved_resources: Resources
    used_resources: Resources
    resource_seconds: dict[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        return "ResourceUsageReport<...>"

    @classmethod
    def of(cls, record: applications.ApplicationResourceUsageReport) -> Self:
        """From YARN's record, without negative amounts: see `resource_usage`."""
        return cls(
            memory_seconds=record.memory_seconds,
            vcore_seconds=record.vcore_seconds,
            num_used_containers=record.num_used_containers,
            needed_resources=_resources(record.needed_resources),
            reserved_resources=_resources(record.reserved_resources),
            used_resources=_resources(record.used_resources),
            resource_seconds=dict(record.application_resource_usage_map),
        )


@dataclass(slots=True)
class ApplicationReport:
    """An application as YARN reports it; times are local, without a time zone.

    Attributes:
        queue: Its queue's own name, without the queues above it.
        host: The host of its ApplicationMaster; None until it runs.
        port: The port of its ApplicationMaster.
        progress: 0 to 1.
        finish_time: None until it has ended.
    """

    id: str
    name: str
    user: str
    queue: str
    tags: set[str]
    host: str | None
    port: int | None
    tracking_url: str
    state: ApplicationState
    final_status: FinalStatus
    progress: float
    usage: ResourceUsageReport
    diagnostics: str
    start_time: dt.datetime | None
    finish_time: dt.datetime | None

    def __post_init__(self) -> None:
        self.state = ApplicationState(self.state)
        self.final_status = FinalStatus(self.final_status)
        self.tags = set(self.tags)

    def __repr__(self) -> str:
        return f"ApplicationReport<id={self.id!r}, name={self.name!r}>"

    @classmethod
    def of(cls, record: applications.ApplicationReport) -> Self:
        """From YARN's record."""
        known = record.rpc_port > 0
        return cls(
            id=str(record.application_id),
            name=record.name,
            user=record.user,
            queue=own_name(record.queue),
            tags=set(record.application_tags),
            host=record.host if known else None,
            port=record.rpc_port if known else None,
            tracking_url=record.tracking_url,
            state=ApplicationState(record.yarn_application_state.name),
            final_status=_final_status(record.final_application_status.name),
            progress=record.progress,
            usage=ResourceUsageReport.of(resource_usage(record)),
            diagnostics=without_record(record.diagnostics),
            start_time=datetime_from_millis(record.start_time),
            finish_time=datetime_from_millis(record.finish_time),
        )

    @property
    def runtime(self) -> dt.timedelta:
        """From the start to the end, or to now."""
        return _runtime(self.start_time, self.finish_time)


@dataclass(slots=True)
class Container:
    """One container of a service; times are local, without a time zone.

    Attributes:
        ready: Whether it runs and meets its service's `ready` condition.
    """

    service_name: str
    instance: int
    state: ContainerState
    yarn_container_id: str
    yarn_node_http_address: str
    start_time: dt.datetime | None
    finish_time: dt.datetime | None
    exit_message: str
    ready: bool = False

    def __post_init__(self) -> None:
        self.state = ContainerState(self.state)

    def __repr__(self) -> str:
        return (
            f"Container<service_name={self.service_name!r}, instance={self.instance}, "
            f"state={self.state}>"
        )

    @classmethod
    def of(cls, message: messages.ServiceContainer) -> Self:
        """From the ApplicationMaster's message."""
        return cls(
            service_name=message.service_name,
            instance=message.instance,
            state=ContainerState(message.state.value),
            yarn_container_id=message.yarn_container_id,
            yarn_node_http_address=message.yarn_node_http_address,
            start_time=datetime_from_millis((message.start_time or 0) * 1000),
            finish_time=datetime_from_millis((message.finish_time or 0) * 1000),
            exit_message=message.exit_message,
            ready=message.ready,
        )

    @property
    def id(self) -> str:
        """`<service>_<instance>`."""
        return f"{self.service_name}_{self.instance}"

    @property
    def runtime(self) -> dt.timedelta:
        """From the start to the end, or to now."""
        return _runtime(self.start_time, self.finish_time)

    @property
    def yarn_container_logs(self) -> str:
        """The page of its logs on its NodeManager, without `http://`; empty if it has none."""
        if not (self.yarn_node_http_address and self.yarn_container_id):
            return ""
        node, container = self.yarn_node_http_address, self.yarn_container_id
        return f"{node}/node/containerlogs/{container}/{getpass.getuser()}"


@dataclass(slots=True)
class NodeReport:
    """A node of the cluster.

    Attributes:
        id: `host:port` of its NodeManager.
        http_address: Where the NodeManager's web pages are.
        health_report: Why it is unhealthy; empty if it is not.
    """

    id: str
    http_address: str
    rack_name: str
    labels: set[str]
    state: NodeState
    health_report: str
    total_resources: Resources
    used_resources: Resources

    def __post_init__(self) -> None:
        self.state = NodeState(self.state)

    def __repr__(self) -> str:
        return f"NodeReport<id={self.id!r}>"

    @classmethod
    def of(cls, record: cluster.NodeReport) -> Self:
        """From YARN's record."""
        return cls(
            id=f"{record.node_id.host}:{record.node_id.port}",
            http_address=record.http_address,
            rack_name=record.rack_name,
            labels={label for label in record.node_labels if label},
            state=NodeState(record.node_state.name),
            health_report=record.health_report,
            total_resources=_resources(record.capability),
            used_resources=_resources(record.used),
        )

    @property
    def host(self) -> str:
        """The NodeManager's host."""
        return self.id.rpartition(":")[0]

    @property
    def port(self) -> int:
        """The NodeManager's port."""
        return int(self.id.rpartition(":")[2])


@dataclass(slots=True)
class Queue:
    """A queue.

    Attributes:
        name: Its own, without the queues above it.
        capacity: Guaranteed percentage of the parent queue.
        max_capacity: Maximum percentage of the parent queue.
        percent_used: Percentage of its capacity in use; above 100 if it has borrowed.
        node_labels: The node labels that it may use; `*` for all.
        default_node_label: The label for applications that set none.
    """

    name: str
    state: QueueState
    capacity: float
    max_capacity: float
    percent_used: float
    node_labels: set[str]
    default_node_label: str

    def __post_init__(self) -> None:
        self.state = QueueState(self.state)

    def __repr__(self) -> str:
        return f"Queue<name={self.name!r}, percent_used={self.percent_used:.2f}>"

    @classmethod
    def of(cls, record: cluster.QueueInfo) -> Self:
        """From YARN's record."""
        running = record.state is not None and record.state.name == "RUNNING"
        return cls(
            name=own_name(record.queue_name),
            state=QueueState.RUNNING if running else QueueState.STOPPED,
            capacity=_per_cent(record.capacity),
            max_capacity=_per_cent(record.maximum_capacity),
            percent_used=_per_cent(record.current_capacity),
            node_labels=set(record.accessible_node_labels),
            default_node_label=record.default_node_label_expression,
        )


def _resources(record: resources.Resource) -> Resources:
    amounts = record.amounts()
    names = ("memory-mb", "vcores", "yarn.io/gpu", "yarn.io/fpga")
    memory, vcores, gpus, fpgas = (max(0, amounts.get(name, 0)) for name in names)
    return Resources(memory, vcores, gpus, fpgas)


def _per_cent(fraction: float) -> float:
    # YARN sends 32 bits: without rounding 0.4 would be 40.00000059604645.
    return round(fraction * 100, 4)


def _final_status(name: str) -> FinalStatus:
    # ENDED is Hadoop's word for an application that is a chain of others.
    return FinalStatus.SUCCEEDED if name == "ENDED" else FinalStatus(name)


def _runtime(start: dt.datetime | None, finish: dt.datetime | None) -> dt.timedelta:
    if start is None:
        return dt.timedelta()
    return (finish or dt.datetime.now()) - start  # noqa: DTZ005  # as skein gives times
