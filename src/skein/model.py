"""What skein's users are told: reports of applications and containers."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

    from yarnhub.control import messages
    from yarnhub.yarn.records import applications, resources


class _Name(enum.Enum):
    """An enum that compares equal to its members' names, in any case."""

    @classmethod
    def values(cls) -> tuple[str, ...]:
        """The names of all members."""
        return tuple(cls.__members__)

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        return cls.__members__.get(value.upper()) if isinstance(value, str) else None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return self.name == other.upper()
        return self is other

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        return self.name


class ApplicationState(_Name):
    """How far an application is."""

    NEW = "NEW"
    NEW_SAVING = "NEW_SAVING"
    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


class FinalStatus(_Name):
    """How an application ended; UNDEFINED until it has."""

    SUCCEEDED = "SUCCEEDED"
    KILLED = "KILLED"
    FAILED = "FAILED"
    UNDEFINED = "UNDEFINED"


class ContainerState(_Name):
    """How far a service's container is."""

    WAITING = "WAITING"
    REQUESTED = "REQUESTED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    KILLED = "KILLED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedResources:
    """Memory in MiB and virtual cores, as YARN counts them."""

    memory: int
    vcores: int

    @classmethod
    def of(cls, record: resources.Resource) -> Self:
        """From YARN's record."""
        return cls(memory=max(0, record.memory or 0), vcores=max(0, record.virtual_cores or 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceUsageReport:
    """What an application holds and has used."""

    memory_seconds: int
    vcore_seconds: int
    num_used_containers: int
    needed_resources: ReportedResources
    reserved_resources: ReportedResources
    used_resources: ReportedResources

    @classmethod
    def of(cls, record: applications.ApplicationResourceUsageReport, *, ended: bool) -> Self:
        """From YARN's record, which counts the last containers for a while after the end."""
        nothing = ReportedResources(memory=0, vcores=0)
        return cls(
            memory_seconds=max(0, record.memory_seconds),
            vcore_seconds=max(0, record.vcore_seconds),
            num_used_containers=0 if ended else max(0, record.num_used_containers),
            needed_resources=nothing if ended else ReportedResources.of(record.needed_resources),
            reserved_resources=nothing
            if ended
            else ReportedResources.of(record.reserved_resources),
            used_resources=nothing if ended else ReportedResources.of(record.used_resources),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationReport:
    """An application as YARN reports it; times are local, without a time zone.

    Attributes:
        host: Where its ApplicationMaster answers; None until it runs.
        port: And at which port.
        progress: 0 to 1.
        finish_time: None until it has ended.
    """

    id: str
    name: str
    user: str
    queue: str
    tags: frozenset[str]
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

    @classmethod
    def of(cls, record: applications.ApplicationReport) -> Self:
        """From YARN's record."""
        known = record.rpc_port > 0
        return cls(
            id=str(record.application_id),
            name=record.name,
            user=record.user,
            queue=record.queue,
            tags=frozenset(record.application_tags),
            host=record.host if known else None,
            port=record.rpc_port if known else None,
            tracking_url=record.tracking_url,
            state=ApplicationState(record.yarn_application_state.name),
            final_status=_final_status(record.final_application_status.name),
            progress=record.progress,
            usage=ResourceUsageReport.of(
                record.app_resource_usage, ended=record.yarn_application_state.ended
            ),
            diagnostics=record.diagnostics,
            start_time=_local_time(record.start_time / 1000),
            finish_time=_local_time(record.finish_time / 1000),
        )

    @property
    def runtime(self) -> dt.timedelta:
        """From the start to the end, or to now."""
        return _runtime(self.start_time, self.finish_time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container of a service; times are local, without a time zone."""

    service_name: str
    instance: int
    state: ContainerState
    yarn_container_id: str
    yarn_node_http_address: str
    start_time: dt.datetime | None
    finish_time: dt.datetime | None
    exit_message: str

    @classmethod
    def of(cls, message: messages.Container) -> Self:
        """From the ApplicationMaster's message."""
        return cls(
            service_name=message.service_name,
            instance=message.instance,
            state=ContainerState(message.state.value),
            yarn_container_id=message.yarn_container_id,
            yarn_node_http_address=message.yarn_node_http_address,
            start_time=_local_time(message.start_time or 0),
            finish_time=_local_time(message.finish_time or 0),
            exit_message=message.exit_message,
        )

    @property
    def id(self) -> str:
        """`<service>_<instance>`."""
        return f"{self.service_name}_{self.instance}"

    @property
    def runtime(self) -> dt.timedelta:
        """From the start to the end, or to now."""
        return _runtime(self.start_time, self.finish_time)


def _final_status(name: str) -> FinalStatus:
    # ENDED is Hadoop's word for an application that is a chain of others.
    return FinalStatus.SUCCEEDED if name == "ENDED" else FinalStatus(name)


def _local_time(seconds: float) -> dt.datetime | None:
    """Seconds since 1970 as skein gives times; None for what has not been."""
    if seconds <= 0:
        return None
    return dt.datetime.fromtimestamp(seconds, dt.UTC).astimezone().replace(tzinfo=None)


def _runtime(start: dt.datetime | None, finish: dt.datetime | None) -> dt.timedelta:
    if start is None:
        return dt.timedelta()
    return (finish or dt.datetime.now().astimezone().replace(tzinfo=None)) - start
