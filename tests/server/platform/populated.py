"""A platform with everything that its API can show, on a real socket, for requests from threads."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from anyio.from_thread import start_blocking_portal

from environments.published.stores import built, spec
from hadoop.http_server import server
from server.fake_hub import ALL, server_model
from server.platform.answers import until
from server.platform.logged import Application, ended_application
from server.platform.serving import Platform, platform
from watch.books import batch_of
from watch.rows import STARTED, row
from yarn.logs.recorded import CONTENT
from yarnhub.environments.problems import Problem, ProblemKind
from yarnhub.server.listening import bind
from yarnhub.server.platform.app import running, serving
from yarnhub.watch.application_watch import ApplicationWatch
from yarnhub.watch.ledger import Ledger
from yarnhub.watch.usage import HOUR
from yarnhub.watch.visibility import AccessList
from yarnhub.yarn.queues.tree import with_paths
from yarnhub.yarn.records.applications import FinalApplicationStatus, YarnApplicationState
from yarnhub.yarn.records.cluster import NodeReport, QueueInfo, QueueStatistics
from yarnhub.yarn.records.ids import NodeId
from yarnhub.yarn.records.resources import Resource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from yarnhub.yarn.records.ids import ApplicationId

HOSTILE = "<script>alert(1)</script>\"'\x1b[31m\u202e"
ADMINISTRATOR = "carol"
SECRET = "what only alice may see"
_HOUR = STARTED - STARTED % HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Populated:
    """A platform with everything.

    Attributes:
        served: The platform.
        url: Where it listens.
        running: An application that writes a log.
        waiting: One that waits; it has a hostile name.
        ended: One with aggregated logs.
        to_kill: Another one that runs.
        build: A build of alice's that has failed.
        to_cancel: Another one that waits.
        environment: The name of alice's environment, which nobody else can use; it has 2 versions.
        to_delete: Another one.
    """

    served: Platform
    url: str
    running: Application
    waiting: ApplicationId
    ended: ApplicationId
    to_kill: ApplicationId
    build: ApplicationId
    to_cancel: ApplicationId
    environment: str = "x.log"  # as the log: paths of both have a name
    to_delete: str = "to-delete"

    @property
    def logs(self) -> list[tuple[str, str, str]]:
        """The application, container and name of logs."""
        container = f"{self.ended}_02_000001".replace("application", "container")
        ended = [(str(self.ended), container, name) for name in CONTENT]
        return [(str(self.running.number), self.running.container, "x.log"), *ended]


@contextlib.asynccontextmanager
async def populated(folder: Path) -> AsyncIterator[Populated]:
    """A platform with everything, whose watch is stopped: nothing changes, and streams end.

    What others may not see of the applications has the text `SECRET`.
    """
    administrators = AccessList(frozenset({ADMINISTRATOR}))
    async with platform(folder, administrators) as served, server(served.nodes) as node:
        served.hub.users["c"] = ADMINISTRATOR
        served.hub.give("a", *ALL)
        served.hub.servers["alice"] = {
            "": server_model("alice", ready=True),
            HOSTILE: server_model("alice", HOSTILE),
        }
        served.node = node.partition("//")[2]
        served.yarn.now = _HOUR + 2 * HOUR
        runs, waiting = Application(served), served.yarn.submit(name=HOSTILE, tags=(HOSTILE,))
        to_kill, ended = served.yarn.submit(), ended_application(served)
        served.yarn.run(to_kill)
        served.yarn.change(waiting, queue=HOSTILE, diagnostics=HOSTILE)
        for each in (runs.number, to_kill, ended):
            served.yarn.change(each, diagnostics=SECRET, tracking_url=f"http://a/{SECRET}")
        runs.files["x.log"] = SECRET.encode()
        build, to_cancel = (served.environments.build("alice", each) for each in ("x.log", "y"))
        served.yarn.end(build, YarnApplicationState.FAILED)
        served.yarn.change(
            build, diagnostics=SECRET, final_application_status=FinalApplicationStatus.FAILED
        )
        await _add_environments(served, folder)
        _add_cluster(served)
        await _add_usage(served)
        await _stop_watch(served)
        (listener,) = bind("127.0.0.1", 0, is_private=False)
        async with serving(served.app, [listener], None):
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            yield Populated(
                served=served,
                url=url,
                running=runs,
                waiting=waiting,
                ended=ended,
                to_kill=to_kill,
                build=build,
                to_cancel=to_cancel,
            )


@contextlib.contextmanager
def populated_in_thread(folder: Path) -> Iterator[Populated]:
    """The same, in a thread of its own."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(populated(folder)) as found,
    ):
        yield found


async def _add_environments(served: Platform, folder: Path) -> None:
    published = served.environments.published
    await published.publish("bob", "tools", readers=("alice",))
    for name in ("x.log", "to-delete"):
        await published.publish("alice", name)
    found = Problem(f"{SECRET}{HOSTILE}", ProblemKind.BUILD_PATH)
    content = replace(built(folder, version="2"), problems=(found,))
    await published.store("alice").publish(spec("x.log"), content)


def _add_cluster(served: Platform) -> None:
    resource = Resource(memory=4096, virtual_cores=8)
    served.yarn.nodes = [
        NodeReport(
            node_id=NodeId(host=host, port=8041),
            used=resource,
            capability=resource,
            health_report=HOSTILE,
        )
        for host in "ab"
    ]
    leaf = QueueInfo(
        queue_name=HOSTILE, capacity=0.25, queue_statistics=QueueStatistics(num_apps_running=3)
    )
    root = QueueInfo(queue_name="root", capacity=1.0, child_queues=(leaf,))
    served.yarn.root = with_paths(root)


async def _add_usage(served: Platform) -> None:
    await served.service.recorder.open()
    ledger = Ledger(await served.service.usage.load())
    rows = row(1, _HOUR, 10), row(2, _HOUR, 20, user="bob", queue=HOSTILE)
    assert await served.service.usage.store(batch_of(ledger, "first", _HOUR, *rows))


async def _stop_watch(served: Platform) -> None:
    await served.seen()
    stopped = ApplicationWatch(
        served.yarn, lambda: served.yarn.now / 1000, served.service.watch.table
    )
    async with running(stopped.run):
        await until(lambda: stopped.freshness.looked)
    served.service.watch = stopped
