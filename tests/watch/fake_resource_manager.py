"""The calls of a watch; `contract.py` is played on this ResourceManager and on a real one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from yarnhub.base.errors import ApplicationNotFoundError
from yarnhub.yarn.records.applications import (
    ApplicationReport,
    ApplicationResourceUsageReport,
    FinalApplicationStatus,
    YarnApplicationState,
)
from yarnhub.yarn.records.ids import ApplicationId
from yarnhub.yarn.records.resources import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from yarnhub.base.errors import YarnhubError
    from yarnhub.yarn.records.cluster import NodeReport, NodeState, QueueInfo
    from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

NOT_FOUND = "org.apache.hadoop.yarn.exceptions.ApplicationNotFoundException"
_LONG_MAX = (1 << 63) - 1


@dataclass
class FakeResourceManager:
    """Applications in memory; its clock stands still unless a test moves it."""

    now: int = 1_000_000
    """ms since 1970."""
    cluster_timestamp: int = 1_000_000
    applications: dict[ApplicationId, ApplicationReport] = field(default_factory=dict)
    stamped: dict[ApplicationId, int] = field(default_factory=dict)
    """The ends that are being stored: their applications are still reported as they were."""
    errors: list[YarnhubError | None] = field(default_factory=list)
    """Raised one by one by the next calls; None for a call that succeeds."""
    calls: list[object] = field(default_factory=list)
    number: int = 0
    nodes: list[NodeReport] = field(default_factory=list)
    root: QueueInfo | None = None

    async def get_cluster_nodes(self, states: Iterable[NodeState] = ()) -> tuple[NodeReport, ...]:
        self.calls.append("nodes")
        if self.errors and (error := self.errors[0]) is not None:
            raise error
        return tuple(each for each in self.nodes if each.node_state in tuple(states))

    async def get_queues(self) -> QueueInfo | None:
        return self.root

    def submit(
        self, user: str = "alice", tags: tuple[str, ...] = (), **changes: object
    ) -> ApplicationId:
        self.number += 1
        number = ApplicationId(id=self.number, cluster_timestamp=self.cluster_timestamp)
        report = ApplicationReport(
            application_id=number,
            user=user,
            queue="root.default",
            name=f"application {self.number}",
            yarn_application_state=YarnApplicationState.ACCEPTED,
            start_time=self.now,
            application_type="YARN",
            application_tags=tags,
        )
        self.applications[number] = replace(report, **changes)  # type: ignore[arg-type]  # fields
        return number

    def change(self, number: ApplicationId, **changes: object) -> None:
        report = self.applications[number]
        self.applications[number] = replace(report, **changes)  # type: ignore[arg-type]  # fields

    def run(self, number: ApplicationId) -> None:
        usage = ApplicationResourceUsageReport(
            num_used_containers=1, used_resources=Resource(memory=1024, virtual_cores=1)
        )
        running = YarnApplicationState.RUNNING
        self.change(number, yarn_application_state=running, app_resource_usage=usage)

    def use(self, number: ApplicationId, memory_seconds: int) -> None:
        usage = self.applications[number].app_resource_usage
        added = usage.memory_seconds + memory_seconds
        self.change(number, app_resource_usage=replace(usage, memory_seconds=added))

    def stamp(self, number: ApplicationId) -> None:
        """Set its end, before it is reported: RMAppImpl.rememberTargetTransitionsAndStoreState."""
        self.stamped.setdefault(number, self.now)

    def end(
        self, number: ApplicationId, state: YarnApplicationState = YarnApplicationState.KILLED
    ) -> None:
        self.stamp(number)
        self.change(
            number,
            yarn_application_state=state,
            final_application_status=FinalApplicationStatus.KILLED,
            finish_time=self.stamped.pop(number),
        )

    def restart(self, *, recovery: bool = True) -> None:
        """Start again, by default with the applications that were not lost."""
        self.cluster_timestamp = self.now = self.now + 1
        self.number = 0
        for number in self.stamped:
            self.stamped[number] = self.now
        if not recovery:
            self.applications.clear()
            self.stamped.clear()

    def forget(self, number: ApplicationId) -> None:
        del self.applications[number]

    async def get_applications(
        self, request: GetApplicationsRequest
    ) -> tuple[ApplicationReport, ...]:
        return self.listed(request)

    def listed(self, request: GetApplicationsRequest) -> tuple[ApplicationReport, ...]:
        self._call(request)
        found = tuple(each for each in self._in_arbitrary_order() if _matches(each, request))
        return found if request.limit is None else found[: request.limit]

    async def get_application_report(self, application_id: ApplicationId) -> ApplicationReport:
        self._call(application_id)
        if application_id not in self.applications:
            raise ApplicationNotFoundError(
                NOT_FOUND, f"Application with id '{application_id}' doesn't exist in RM."
            )
        return self.applications[application_id]

    def _call(self, request: object) -> None:
        self.calls.append(request)
        if self.errors and (error := self.errors.pop(0)) is not None:
            raise error

    def _in_arbitrary_order(self) -> Iterator[ApplicationReport]:
        return iter(sorted(self.applications.values(), key=lambda each: each.application_id.id % 7))


def _matches(report: ApplicationReport, request: GetApplicationsRequest) -> bool:
    states, tags = request.application_states, request.application_tags
    return (
        (not states or report.yarn_application_state in states)
        and (not tags or not set(tags).isdisjoint(report.application_tags))
        and _contains(request.start_begin, request.start_end, report.start_time)
        and _contains(request.finish_begin, request.finish_end, report.finish_time)
    )


def _contains(begin: int | None, end: int | None, value: int) -> bool:
    return (begin or 0) <= value <= (_LONG_MAX if end is None else end)
