from __future__ import annotations

import pytest

from yarnhub.client.usage import resource_usage
from yarnhub.yarn.records.applications import (
    ApplicationReport,
    ApplicationResourceUsageReport,
    YarnApplicationState,
)
from yarnhub.yarn.records.resources import Resource, ResourceInformation

GPU = "yarn.io/gpu"


def usage_of(
    state: YarnApplicationState, number: int, seconds: int
) -> ApplicationResourceUsageReport:
    resource = Resource(
        memory=number,
        virtual_cores=number,
        resource_value_map=(ResourceInformation(key=GPU, value=number),),
    )
    return resource_usage(
        ApplicationReport(
            yarn_application_state=state,
            app_resource_usage=ApplicationResourceUsageReport(
                num_used_containers=number,
                used_resources=resource,
                reserved_resources=resource,
                needed_resources=resource,
                memory_seconds=seconds,
                vcore_seconds=seconds,
            ),
        )
    )


@pytest.mark.parametrize(
    ("state", "reported", "held"),
    [
        (YarnApplicationState.RUNNING, 2, 2),
        (YarnApplicationState.RUNNING, -1, 0),
        (YarnApplicationState.KILLED, 2, 0),
    ],
    ids=["running", "not shown to the caller", "ended"],
)
def test_what_an_application_holds(state: YarnApplicationState, reported: int, held: int) -> None:
    usage = usage_of(state, reported, 7)
    assert usage.num_used_containers == held
    for resource in usage.used_resources, usage.reserved_resources, usage.needed_resources:
        assert {GPU: 0, **resource.amounts()} == {GPU: held, "memory-mb": held, "vcores": held}
    assert (usage.memory_seconds, usage.vcore_seconds) == (7, 7)


def test_seconds_that_the_caller_may_not_see() -> None:
    usage = usage_of(YarnApplicationState.RUNNING, -1, -1)
    assert (usage.memory_seconds, usage.vcore_seconds) == (0, 0)
