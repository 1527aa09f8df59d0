"""What the watch makes of a worker that could not be started."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from dask_gateway_server.backends.db_base import JobStatus

from yarnhub.base.errors import CallOutcome, ConnectionLostError, ControlError, FailureCode
from yarnhub.integrations.dask_gateway.watch import ClusterWatch

AWAY = ConnectionLostError("it is being taken over again", CallOutcome.NOT_SENT)
REFUSED = ControlError(FailureCode.INVALID, "env: not possible")


class Backend:
    """A server's backend with one worker, which has not started.

    Args:
        answer: The worker's new state, or why it is not started.
    """

    def __init__(self, answer: dict[str, str] | Exception) -> None:
        self.answer = answer
        self.cluster = SimpleNamespace(
            name="c",
            state={"app_id": "application_1_0001"},
            status=JobStatus.RUNNING,
            last_heartbeat=None,
            worker_start_failure_count=0,
            workers={},
        )
        self.worker: Any = SimpleNamespace(
            name="w",
            state={},
            status=JobStatus.SUBMITTED,
            target=JobStatus.RUNNING,
            cluster=self.cluster,
        )
        self.cluster.workers["w"] = self.worker
        self.db = self.queue = self
        self.writes = 0

    async def start_container(self, worker: Any) -> dict[str, str]:
        assert worker is self.worker
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def put(self, worker: Any) -> None:
        assert worker is self.worker

    def update_worker(self, worker: Any, **changes: Any) -> None:
        self.writes += 1
        vars(worker).update(changes)

    async def look(self) -> None:
        """Look at the cluster once."""
        application = SimpleNamespace(
            over=False, container=lambda _: None, variables=lambda _: dict[str, Any]()
        )
        applications: Any = SimpleNamespace(find=lambda _: application)
        await ClusterWatch(self, applications)._look(self.cluster)


async def test_a_worker_starts_when_its_application_is_held_again() -> None:
    backend = Backend(AWAY)
    await backend.look()
    assert (backend.writes, backend.worker.target) == (0, JobStatus.RUNNING)
    backend.answer = {"container_id": "dask.worker_0"}
    await backend.look()
    assert backend.worker.state == backend.answer
    assert backend.cluster.worker_start_failure_count == 0
    assert backend.cluster.last_heartbeat is not None


async def test_a_worker_that_is_refused_has_failed() -> None:
    backend = Backend(REFUSED)
    await backend.look()
    assert backend.worker.target == JobStatus.FAILED
    assert backend.worker.state["reason"] == "env: not possible"
    assert backend.cluster.worker_start_failure_count == 1
