"""What the watch of 10 000 applications costs: `.venv/bin/python benchmarks/applications.py`.

Without a cluster: the ResourceManager is the tests' fake one, whose responses are encoded, which is
not measured, and decoded, which is. Milliseconds of processor time, as medians with their ranges:
of looks, of the longest response of a look, which blocks the event loop for so long, and of views.
MiB of the table, and of 64 views.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import sys
import time
import tracemalloc
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from watch.fake_resource_manager import FakeResourceManager  # noqa: E402
from yarnhub.hadoop.codec import decode, encode  # noqa: E402
from yarnhub.watch.application_watch import ApplicationWatch, WatchOptions  # noqa: E402
from yarnhub.watch.views import Column, View, Views  # noqa: E402
from yarnhub.watch.visibility import NO_ONE, Viewer, visible  # noqa: E402
from yarnhub.yarn.records.applications import (  # noqa: E402
    ApplicationReport,
    ApplicationResourceUsageReport,
    ApplicationTimeout,
    ApplicationTimeoutType,
    LogAggregationStatus,
    YarnApplicationState,
)
from yarnhub.yarn.records.resource_manager import (  # noqa: E402
    GetApplicationsRequest,
    GetApplicationsResponse,
)
from yarnhub.yarn.records.resources import Priority, Resource, ResourceInformation  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

ALL = GetApplicationsRequest()
OPEN = 300
ENDS_OF_A_LOOK = 35
HELD = Resource(
    memory=4096,
    virtual_cores=2,
    resource_value_map=(
        ResourceInformation(key="memory-mb", value=4096, units="Mi"),
        ResourceInformation(key="vcores", value=2, units=""),
    ),
)

LIMIT = ApplicationTimeout(expire_time="UNLIMITED", remaining_time=-1)


@dataclass
class Encoding(FakeResourceManager):
    """Decodes its own responses, and notes how long that takes."""

    responses: list[float] = field(default_factory=list)
    """Seconds of processor time to decode each."""
    other: float = 0.0
    """Seconds of processor time that are the ResourceManager's."""

    async def get_applications(
        self, request: GetApplicationsRequest
    ) -> tuple[ApplicationReport, ...]:
        began = time.process_time()
        body = encode(GetApplicationsResponse(applications=self.listed(request)))
        decoding = time.process_time()
        found = decode(GetApplicationsResponse, body).applications
        self.responses.append(time.process_time() - decoding)
        self.other += decoding - began
        return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--applications", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=9)
    arguments = parser.parse_args()
    asyncio.run(run(arguments.applications, arguments.runs))


async def run(applications: int, runs: int) -> None:
    """Measure looks, then views."""
    manager = cluster(applications)
    size = len(encode(GetApplicationsResponse(applications=manager.listed(ALL)))) / applications
    print(f"{applications} applications of {size:.0f} bytes, {OPEN} of them not ended\n")
    costs, longest = [], []
    for _ in range(runs):
        watch = ApplicationWatch(manager, time.time)
        costs.append(await look(manager, watch))
        longest.append(max(manager.responses))
    report("the first look", costs)
    report("its longest response", longest)
    watch = ApplicationWatch(manager, time.time)
    await measure_looks(f"a look, in which {ENDS_OF_A_LOOK} have ended", manager, watch, runs)
    listing = ApplicationWatch(manager, time.time, options=WatchOptions(relist_interval=0))
    await measure_looks("a look, with a part of all again", manager, listing, runs)
    measure_views(watch, runs)
    await measure_memory(manager)


async def measure_looks(what: str, manager: Encoding, watch: ApplicationWatch, runs: int) -> None:
    """Looks after the first one."""
    for _ in range(3):
        await look(manager, watch)
    costs, longest = [], []
    for _ in range(5 * runs):
        work(manager)
        costs.append(await look(manager, watch))
        longest.append(max(manager.responses))
    report(what, costs)
    report("its longest response", longest)


def cluster(applications: int) -> Encoding:
    """A ResourceManager with applications of three days."""
    manager = Encoding()
    for number in range(applications):
        manager.now += 3 * 86_400_000 // applications
        submitted = manager.submit(
            user=f"user{number % 40}",
            tags=("yarnhub", f"yarnhub-env:{number % 9:064x}", f"hub-{number % 40}"),
            queue=f"root.department{number % 7}",
            name=f"jupyter server of user{number % 40} ({number})",
            application_type="yarnhub",
            tracking_url=f"http://resourcemanager.example.com:8088/proxy/application_1_{number}/",
            original_tracking_url=f"http://worker{number % 90}.example.com:41234/",
            host=f"worker{number % 90}.example.com",
            rpc_port=41234,
            diagnostics="Attempt recovered after RM restart" * 3,
            priority=Priority(priority=0),
            app_timeouts={ApplicationTimeoutType.LIFETIME: LIMIT},
            am_node_label_expression="<DEFAULT_PARTITION>",
            app_node_label_expression="<Not set>",
            log_aggregation_status=LogAggregationStatus.NOT_START,
            submit_time=manager.now,
            launch_time=manager.now,
            app_resource_usage=ApplicationResourceUsageReport(
                num_used_containers=2,
                used_resources=HELD,
                needed_resources=HELD,
                reserved_resources=HELD,
                memory_seconds=123_456_789,
                vcore_seconds=123_456,
                application_resource_usage_map={"memory-mb": 123_456_789, "vcores": 123_456},
            ),
            yarn_application_state=YarnApplicationState.RUNNING,
        )
        if number < applications - OPEN:
            manager.end(submitted, YarnApplicationState.FINISHED)
    return manager


def work(manager: Encoding) -> None:
    """Every open application uses something; some end, and as many are submitted."""
    open_ones = [
        each
        for each, report in manager.applications.items()
        if not report.yarn_application_state.ended
    ]
    for each in open_ones:
        manager.use(each, 4096)
    manager.now += 1500
    for each in open_ones[:ENDS_OF_A_LOOK]:
        manager.end(each)
        manager.run(manager.submit())


async def look(manager: Encoding, watch: ApplicationWatch) -> float:
    """Seconds of processor time of one look, without the ResourceManager's."""
    manager.responses.clear()
    manager.other = 0.0
    began = time.process_time()
    await watch._look()  # noqa: SLF001  # `run` pauses between looks
    assert watch.freshness.failure is None
    return time.process_time() - began - manager.other


def measure_views(watch: ApplicationWatch, runs: int) -> None:
    """Views of all applications, of a search, and of a version that is known."""
    table, bob = watch.table, Viewer("bob")
    views = Views(table)
    report("a view of all, waiting ones first", timed(lambda: Views(table).page(View()), runs))
    by_name = View(column=Column.NAME, descending=True)
    report("a view of all, by name", timed(lambda: Views(table).page(by_name), runs))
    text = View(text="user7 department3")
    report("a search for two words", timed(lambda: Views(table).page(text), runs))
    views.page(View())
    report("another page of a known view", timed(lambda: views.page(View(), 4000), runs))
    rows = views.page(View()).rows
    hide = timed(lambda: [visible(row.report, bob, NO_ONE) for row in rows], runs)
    report("hiding a page of 50 from a user", hide)
    report("the changes of a look", timed(lambda: table.changes(table.version - 1), runs))


async def measure_memory(manager: Encoding) -> None:
    """What the allocator counts, since a process does not return memory."""
    tracemalloc.start()
    watch = ApplicationWatch(manager, time.time)
    await look(manager, watch)
    gc.collect()
    table, _ = tracemalloc.get_traced_memory()
    views = Views(watch.table)
    for number in range(64):
        views.page(View(text=" " * number))
    gc.collect()
    both, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"{'the table':<44} {table / 2**20:10.2f} MiB")
    print(f"{'64 views of all':<44} {(both - table) / 2**20:10.2f} MiB")


def timed(work: Callable[[], object], runs: int) -> list[float]:
    """Seconds of processor time of each run."""
    found = []
    for _ in range(runs):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return found


def report(what: str, seconds: list[float]) -> None:
    """Print a line."""
    figures = [1000 * each for each in seconds]
    middle = statistics.median(figures)
    print(f"{what:<44} {middle:10.2f} ms ({min(figures):.2f}-{max(figures):.2f})")


if __name__ == "__main__":
    main()
