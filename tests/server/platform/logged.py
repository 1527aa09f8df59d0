"""A platform with nodes, and applications of alice's with logs, for the tests of logs."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx

from client.logs.aggregated_logs import application as recorded
from client.logs.aggregated_logs import place
from yarnhub.server.listening import bind
from yarnhub.server.platform.app import serving
from yarnhub.yarn.records.applications import LogAggregationStatus as Aggregation
from yarnhub.yarn.records.ids import ApplicationAttemptId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from server.platform.serving import Platform
    from yarnhub.yarn.records.ids import ApplicationId

TEXT = "an ä and a €\n".encode()
AGGREGATED = "tfile-none"


class Application:
    """An application of alice's that runs, with a container that writes `x.log`."""

    def __init__(self, served: Platform) -> None:
        self.served = served
        self.number = served.yarn.submit()
        attempt = ApplicationAttemptId(application_id=self.number, attempt_id=1)
        served.yarn.run(self.number)
        usage = replace(
            served.yarn.applications[self.number].app_resource_usage, num_used_containers=2
        )
        served.yarn.change(
            self.number,
            current_application_attempt_id=attempt,
            launch_time=1,
            app_resource_usage=usage,
        )
        self.container = self.start(2)

    @property
    def files(self) -> dict[str, bytes]:
        """The files of its container."""
        return self.served.nodes.files[self.container]

    @property
    def log(self) -> str:
        """The path of its log."""
        return f"{self.logs}/{self.container}/x.log"

    @property
    def logs(self) -> str:
        return f"/applications/{self.number}/logs"

    def start(self, number: int) -> str:
        """Start a container."""
        timestamp, id_ = self.number.cluster_timestamp, self.number.id
        name = f"container_{timestamp}_{id_:04d}_01_{number:06d}"
        nodes = self.served.nodes
        nodes.files[name] = {"x.log": TEXT, f"worker_{number}.container": b""}
        nodes.addresses[name] = self.served.node
        nodes.running.append(name)
        return name

    def end(self, status: Aggregation = Aggregation.NOT_START) -> None:
        """End it; its node has deleted its logs."""
        self.served.yarn.end(self.number)
        self.served.yarn.change(self.number, log_aggregation_status=status)
        self.served.nodes.running.remove(self.container)
        del self.served.nodes.files[self.container]


def ended_application(served: Platform) -> ApplicationId:
    """An ended application of alice's with logs in files; its attempt 2 has their content."""
    number = recorded(AGGREGATED)
    place(served.logs, AGGREGATED)
    served.yarn.applications[number] = served.yarn.applications[served.yarn.submit()]
    served.yarn.change(
        number, application_id=number, log_aggregation_status=Aggregation.SUCCEEDED, launch_time=1
    )
    served.yarn.end(number)
    return number


@contextlib.asynccontextmanager
async def listening(served: Platform) -> AsyncIterator[httpx.AsyncClient]:
    """The service on a real socket: connections that end are seen there only."""
    (listener,) = bind("127.0.0.1", 0, is_private=False)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/hub/api/v1"
    headers = {"Authorization": "token a"}
    async with (
        serving(served.app, [listener], None),
        httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as http,
    ):
        yield http
