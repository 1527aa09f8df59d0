"""What is told to who asks for workers that have no room; a full node is in `test_faults`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Self

import pytest
from dask_gateway_server.backends.db_base import JobStatus

from client.explain.reports import node, report
from yarnhub.base.errors import ConfigurationError
from yarnhub.base.single_flight import SingleFlight
from yarnhub.base.units import MiB, VCores
from yarnhub.client.explain.facts import ClusterFacts
from yarnhub.integrations.dask_gateway import worker_room
from yarnhub.integrations.dask_gateway.specification import WORKER
from yarnhub.integrations.dask_gateway.worker_room import WorkerRoom, wanted
from yarnhub.spec import ApplicationSpec, Resources, Service

NEVER = (
    "requests 9000 MiB, and no node has more than 8192 MiB: that can never be "
    "granted. Shut this cluster down, and create one with smaller workers."
)


def cluster(*statuses: JobStatus, count: int = 0) -> Any:
    workers = [SimpleNamespace(status=each) for each in statuses]
    return SimpleNamespace(name="c", count=count, active_workers=lambda: workers)


class Application:
    """An application that is held."""

    over = False
    user = "alice"
    application_id = report().application_id

    def __init__(self, spec: ApplicationSpec) -> None:
        self.spec = spec


def application(memory: int) -> Any:
    resources = Resources(memory=MiB(memory), vcores=VCores(1))
    service = Service(resources=resources, script="true", instances=0)
    return Application(ApplicationSpec(services={WORKER: service}))


class Yarn:
    """A cluster with one node of 8 GiB; counts what it is asked."""

    def __init__(self) -> None:
        self.looks = self.reports = 0
        self.away = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def application_report(self, _: object) -> object:
        self.reports += 1
        if self.away:
            raise ConfigurationError("it is away")
        return report("RUNNING")

    async def look_up(self) -> ClusterFacts:
        self.looks += 1
        return ClusterFacts(root=None, nodes=(node(),), shared_labels=frozenset(), figures={})


@pytest.fixture
def yarn(monkeypatch: pytest.MonkeyPatch) -> Yarn:
    known = Yarn()
    monkeypatch.setattr(worker_room, "Client", lambda _: known)
    return known


def room_in(yarn: Yarn) -> WorkerRoom:
    settings: Any = SimpleNamespace(acting_for=lambda _: None)
    room = WorkerRoom(settings)
    room._cluster = SingleFlight(yarn.look_up, fresh=60)
    return room


async def test_workers_that_are_larger_than_any_node_are_named(yarn: Yarn) -> None:
    room, large = room_in(yarn), application(9000)
    two = await room.why_none(cluster(), large, {"op": "scale", "count": 2})
    assert two == f"Each of 2 containers of dask.worker {NEVER}"
    one = await room.why_none(cluster(), large, {"op": "adapt", "minimum": 0, "maximum": 5})
    assert one == f"A container of dask.worker {NEVER}"
    assert (yarn.looks, yarn.reports) == (1, 1), "for all who ask soon after"


async def test_nothing_is_told_if_there_is_room_or_nothing_is_known(yarn: Yarn) -> None:
    room = room_in(yarn)
    message = {"op": "scale", "count": 2}
    assert await room.why_none(cluster(), application(8000), message) == ""
    assert await room.why_none(cluster(), None, message) == ""
    yarn.away = True
    assert await room.why_none(cluster(), application(9000), message) == ""


async def test_yarn_is_not_asked_if_no_worker_is_missing(yarn: Yarn) -> None:
    room, large = room_in(yarn), application(9000)
    for message in ({"op": "scale", "count": 1}, {"op": "adapt", "active": False}):
        assert await room.why_none(cluster(JobStatus.RUNNING), large, message) == ""
    assert yarn.looks == 0


@pytest.mark.parametrize(
    ("message", "missing"),
    [
        ({"op": "scale", "count": 5}, 4),
        ({"op": "scale", "count": 0}, -1),
        ({"op": "adapt", "minimum": 4}, 3),
        ({"op": "adapt", "minimum": None}, 2),
        ({"op": "adapt", "minimum": "much"}, 2),
        ({"op": "adapt", "minimum": 4, "active": False}, 0),
    ],
    ids=str,
)
def test_workers_that_run_are_not_missing(message: dict[str, object], missing: int) -> None:
    assert wanted(cluster(JobStatus.RUNNING, JobStatus.SUBMITTED, count=3), message) == missing
