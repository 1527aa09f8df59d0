"""What the watch makes of a worker that could not be started."""

from __future__ import annotations

import contextlib
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from dask_gateway_server.backends.db_base import JobStatus

from yarnhub.base.errors import CallOutcome, ConnectionLostError, ControlError, FailureCode
from yarnhub.control.messages import ContainerState
from yarnhub.control.outcomes import Outcome
from yarnhub.integrations.dask_gateway.reasons import News
from yarnhub.integrations.dask_gateway.specification import SCHEDULER, WORKER_NAME
from yarnhub.integrations.dask_gateway.watch import ClusterWatch
from yarnhub.integrations.dask_gateway.worker_ends import waits_for_reason

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

AWAY = ConnectionLostError("it is being taken over again", CallOutcome.NOT_SENT)
HELD = "dask.worker_0"
LOST = "Its scheduler has lost it, on node7: it hangs, or its node is lost."
REFUSED = ControlError(FailureCode.INVALID, "env: not possible")


def seconds_ago(seconds: float) -> float:
    return time.time() - seconds  # noqa: TID251  # of containers and workers


def container(*, began: float = 0.0, outcome: Outcome | None = None) -> Any:
    return SimpleNamespace(
        start_time=began,
        state=ContainerState.FAILED if outcome else ContainerState.RUNNING,
        instance=0,
        outcome=outcome,
        yarn_node_http_address="node7:8042",
    )


class Backend:
    """A server's backend with one worker, which has not started.

    Args:
        answer: The worker's new state, or why it is not started.
    """

    def __init__(self, answer: dict[str, str] | Exception) -> None:
        self.answer = answer
        self.cluster: Any = SimpleNamespace(
            name="c",
            username="alice",
            state={"app_id": "application_1_0001"},
            status=JobStatus.RUNNING,
            target=JobStatus.RUNNING,
            last_heartbeat=None,
            worker_start_failure_count=0,
            workers={},
            is_active=lambda: self.cluster.target < JobStatus.STOPPED,
        )
        self.worker: Any = SimpleNamespace(
            id=7,
            name="w",
            state={},
            status=JobStatus.SUBMITTED,
            target=JobStatus.RUNNING,
            cluster=self.cluster,
            stop_time=None,
        )
        self.cluster.workers["w"] = self.worker
        self.db = self.queue = self.task_pool = self
        self.news = News()
        self.worker_start_failure_limit = 3
        self.cluster_start_timeout = self.cluster_heartbeat_timeout = 60
        self.worker_start_timeout = 60
        self.containers: dict[str, Any] = {}
        self.killed: list[str] = []
        self.held = True
        self.failed = 0.0
        self.checks = 0
        self.writes = 0

    async def start_container(self, worker: Any) -> dict[str, str]:
        assert worker is self.worker
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def put(self, found: Any) -> None:
        assert found in (self.worker, self.cluster)

    def update_worker(self, worker: Any, **changes: Any) -> None:
        self.writes += 1
        vars(worker).update(changes)

    update_cluster = update_worker

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        work.close()

    @contextlib.contextmanager
    def begin(self) -> Iterator[Any]:
        yield SimpleNamespace(execute=self.execute)

    def execute(self, _: object, rows: list[dict[str, Any]]) -> None:
        assert rows == [{"_id": self.worker.id}]
        self.writes += 1

    async def is_running(self, application: str, user: str) -> bool:
        return True

    async def kill(self, container: str) -> None:
        self.killed.append(container)

    async def look(self, times: int = 1) -> None:
        """Look at the cluster as often."""
        application = SimpleNamespace(
            over=False,
            container=self.containers.get,
            variables=lambda _: {
                name: {WORKER_NAME: "w"}
                for name, each in self.containers.items()
                if name == HELD and not each.state.ended
            },
            kill_container=self.kill,
        )
        held = application if self.held else None
        applications: Any = SimpleNamespace(find=lambda _: held, is_running=self.is_running)
        reception: Any = SimpleNamespace(failed=self.failed, check=self.check)
        watch = ClusterWatch(self, applications, self.news, reception)
        for _ in range(times):
            await watch._look_in_any_case(self.cluster)

    async def check(self) -> None:
        self.checks += 1


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
    assert backend.cluster.target == JobStatus.RUNNING


async def test_a_cluster_whose_workers_are_refused_again_and_again_fails_for_a_reason() -> None:
    backend = Backend(REFUSED)
    for _ in range(3):
        backend.worker.target = JobStatus.RUNNING
        await backend.look()
    assert backend.cluster.target == JobStatus.FAILED
    assert backend.cluster.state["reason"] == "Its workers do not start. env: not possible"
    assert backend.cluster.state["app_id"]


async def test_a_user_is_told_of_each_end_once() -> None:
    backend = Backend(REFUSED)
    await backend.look()
    assert backend.news.take("c") == "A worker has ended. env: not possible"
    assert backend.news.take("c") == ""
    for _ in range(2):
        backend.worker.target = JobStatus.RUNNING
        await backend.look()
    assert backend.news.take("c").startswith("2 workers have ended, the last one so: env")


@pytest.mark.parametrize("held", [True, False])
async def test_a_cluster_whose_scheduler_sends_no_heartbeats_fails_for_a_reason(
    *, held: bool
) -> None:
    backend = Backend({"container_id": "dask.worker_0"})
    backend.held = held
    await backend.look()
    assert backend.cluster.target == JobStatus.RUNNING
    backend.cluster.last_heartbeat -= 61_000
    await backend.look()
    assert backend.cluster.target == JobStatus.FAILED
    assert "has sent no heartbeat for 60 s" in backend.cluster.state["reason"]


async def test_a_cluster_whose_scheduler_could_not_report_does_not_fail() -> None:
    backend = Backend({"container_id": "dask.worker_0"})
    await backend.look()
    assert backend.checks == 0
    backend.cluster.last_heartbeat -= 61_000
    backend.failed = seconds_ago(55) * 1000
    await backend.look()
    assert (backend.checks, backend.cluster.target) == (1, JobStatus.RUNNING)
    backend.failed = seconds_ago(61) * 1000
    await backend.look()
    assert backend.cluster.target == JobStatus.FAILED


async def test_a_cluster_whose_scheduler_has_not_reported_fails_for_a_reason() -> None:
    backend = Backend({"container_id": "dask.worker_0"})
    backend.cluster.status = JobStatus.SUBMITTED
    await backend.look()
    assert backend.cluster.target == JobStatus.RUNNING, "it waits for YARN"
    backend.containers[f"{SCHEDULER}_0"] = container(began=seconds_ago(61))
    await backend.look()
    assert backend.cluster.target == JobStatus.FAILED
    assert "has not reported within 60 s" in backend.cluster.state["reason"]


def gone(container: Any, status: JobStatus = JobStatus.FAILED) -> Backend:
    """A scheduler has lost the connection to a worker, or has retired it."""
    backend = Backend({})
    backend.worker.state = {"container_id": HELD}
    backend.worker.status = backend.worker.target = status
    backend.worker.stop_time = seconds_ago(0) * 1000
    backend.containers[HELD] = container
    return backend


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.STOPPED])
async def test_yarn_has_some_seconds_to_tell_why_a_worker_is_gone(status: JobStatus) -> None:
    backend = gone(container(), status)
    await backend.look()
    assert (backend.news.take("c"), backend.killed) == ("", [])
    assert backend.cluster.workers
    backend.containers[HELD] = container(outcome=Outcome.of_code(-104))
    for _ in range(2):
        await backend.look()
    assert "used more memory" in backend.news.take("c")
    assert backend.news.take("c") == ""
    assert (backend.writes, backend.cluster.workers, backend.killed) == (1, {}, [])


@pytest.mark.parametrize("outcome", [Outcome.of_code(0), Outcome.of_code(143)], ids=str)
async def test_nothing_is_told_of_a_worker_that_was_retired(outcome: Outcome) -> None:
    backend = gone(container(outcome=outcome), JobStatus.STOPPED)
    await backend.look()
    assert backend.news.take("c") == ""
    assert backend.cluster.workers == {}


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (JobStatus.FAILED, f"A worker has ended. {LOST}"),
        (JobStatus.STOPPED, ""),
    ],
)
async def test_a_worker_that_hangs_is_ended(status: JobStatus, told: str) -> None:
    backend = gone(container(), status)
    backend.worker.stop_time = seconds_ago(11) * 1000
    await backend.look()
    assert backend.killed == [HELD]
    assert backend.news.take("c") == told
    assert backend.cluster.workers == {}


async def test_a_worker_is_remembered_until_it_is_not_stored_any_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    backend = gone(container(outcome=Outcome.of_code(-104)))
    backend.execute = full_disk  # type: ignore[method-assign, assignment]
    await backend.look(times=3)
    assert backend.cluster.workers
    assert backend.news.take("c") == "", "it is told once"
    assert len(caplog.records) == 1


def full_disk(*_: object) -> None:
    raise OSError("no space on the disk")


async def test_workers_of_a_cluster_that_has_ended_are_forgotten() -> None:
    backend = gone(container())
    backend.cluster.status = backend.cluster.target = JobStatus.STOPPED
    await backend.look()
    assert backend.cluster.workers == {}


@pytest.mark.parametrize(
    ("status", "target", "state", "waits"),
    [
        (JobStatus.RUNNING, JobStatus.FAILED, {}, True),
        (JobStatus.SUBMITTED, JobStatus.FAILED, {}, True),  # gone before it was seen to run
        (JobStatus.RUNNING, JobStatus.STOPPED, {}, True),  # retired
        (JobStatus.RUNNING, JobStatus.FAILED, {"reason": "it hangs"}, False),
        (JobStatus.SUBMITTED, JobStatus.STOPPED, {}, False),  # not needed any more
    ],
)
async def test_what_a_scheduler_reports_as_gone_is_not_ended_at_once(
    status: JobStatus, target: JobStatus, state: dict[str, str], *, waits: bool
) -> None:
    worker = SimpleNamespace(status=status, target=target, state=state)
    assert waits_for_reason(worker) is waits


async def test_a_worker_that_does_not_report_is_replaced_for_a_reason() -> None:
    backend = Backend({})
    backend.worker.state = {"container_id": HELD}
    backend.containers[HELD] = container(began=seconds_ago(61))
    await backend.look()
    assert backend.worker.target == JobStatus.FAILED
    assert "has not reported to its scheduler within 60 s" in backend.news.take("c")
    assert backend.cluster.worker_start_failure_count == 0, "as in dask-gateway"
