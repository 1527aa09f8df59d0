"""What applications have used, as the ResourceManager tells it."""

from __future__ import annotations

from skein.cli.json_output import to_json
from skein.model import ResourceUsageReport
from yarnhub.hadoop.codec import decode
from yarnhub.yarn.records.applications import ApplicationResourceUsageReport

# memory_seconds, vcore_seconds, and fields 12 and 13 as Hadoop 3.4 writes them.
TOLD = (
    b"\x30\x80\x08\x38\x02"
    b"\x62\x0e\x0a\x09memory-mb\x10\x80\x08"
    b"\x62\x0f\x0a\x0byarn.io/gpu\x10\x2a"
    b"\x6a\x0f\x0a\x0byarn.io/gpu\x10\x07"
)


def test_gpu_seconds_are_told() -> None:
    record = decode(ApplicationResourceUsageReport, TOLD)
    assert record.application_preempted_resource_usage_map == {"yarn.io/gpu": 7}
    usage = ResourceUsageReport.of(record)
    assert usage.resource_seconds == {"memory-mb": 1024, "yarn.io/gpu": 42}
    assert (usage.memory_seconds, usage.vcore_seconds) == (1024, 2)
    assert '"yarn.io/gpu": 42' in to_json(usage)
