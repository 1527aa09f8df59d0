"""The resources that an application holds and has used."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from yarnhub.yarn.records.resources import Resource

if TYPE_CHECKING:
    from yarnhub.yarn.records.applications import ApplicationReport, ApplicationResourceUsageReport


def resource_usage(report: ApplicationReport) -> ApplicationResourceUsageReport:
    """The usage in an application's report, without negative amounts.

    YARN reports -1 for all that the caller is not allowed to view, and counts the last containers
    for a while after the application has ended, when it holds nothing.
    """
    usage = report.app_resource_usage
    ended = report.yarn_application_state.ended
    return replace(
        usage,
        num_used_containers=0 if ended else max(0, usage.num_used_containers),
        used_resources=Resource() if ended else _positive(usage.used_resources),
        reserved_resources=Resource() if ended else _positive(usage.reserved_resources),
        needed_resources=Resource() if ended else _positive(usage.needed_resources),
        memory_seconds=max(0, usage.memory_seconds),
        vcore_seconds=max(0, usage.vcore_seconds),
    )


def _positive(resource: Resource) -> Resource:
    return replace(
        resource,
        memory=max(0, resource.memory or 0),
        virtual_cores=max(0, resource.virtual_cores or 0),
        resource_value_map=tuple(
            replace(each, value=max(0, each.value or 0)) for each in resource.resource_value_map
        ),
    )
