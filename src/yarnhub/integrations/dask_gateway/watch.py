"""What happens to Dask clusters on YARN, passed to dask-gateway as soon as it is known.

dask-gateway itself would learn it from a scheduler's heartbeats, or not at all.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from dask_gateway_server.backends.db_base import JobStatus

from yarnhub.base.errors import ConnectionLostError, YarnhubError
from yarnhub.control.messages import ContainerState, FinalStatus
from yarnhub.control.words import describe
from yarnhub.integrations.dask_gateway.specification import (
    SCHEDULER,
    WORKER,
    WORKER_NAME,
    tag_of,
)
from yarnhub.sessions.session import loss

if TYPE_CHECKING:
    from yarnhub.control.messages import ServiceContainer
    from yarnhub.integrations.dask_gateway.held_applications import HeldApplications
    from yarnhub.unmanaged import UnmanagedApplication

# Any, in this module: dask-gateway's clusters and workers have no types

_LOOK = 1.0
"""Seconds between two looks at the applications, which are in memory."""
_ASK = 10.0
"""Seconds between two questions to YARN for an application that is not held."""
_log = logging.getLogger(__name__)


class ClusterWatch:
    """Looks at the applications of all clusters every second.

    Args:
        backend: The `DBBackendBase` whose clusters these are.
        applications: Their applications.
    """

    def __init__(self, backend: Any, applications: HeldApplications) -> None:
        self._backend = backend
        self._applications = applications
        self._asked: dict[str, float] = {}

    async def run(self) -> None:
        """Look again and again, until it is cancelled."""
        while True:
            self._applications.refresh()
            for cluster in list(self._backend.db.active_clusters()):
                try:
                    await self._look(cluster)
                except Exception:  # noqa: BLE001  # the others need it
                    _log.exception("The state of cluster %s is not known", cluster.name)
                await asyncio.sleep(0)
            self._end_others()
            await asyncio.sleep(_LOOK)

    async def _look(self, cluster: Any) -> None:
        """Tell what has happened to a cluster."""
        if "app_id" not in cluster.state:
            return
        if cluster.status == JobStatus.RUNNING and cluster.last_heartbeat is None:
            cluster.last_heartbeat = _now()  # the server was killed after the first one
        application = self._applications.find(cluster.name)
        if application is None:
            self._begin_to_ask(cluster)
            return
        if application.over:
            finish = await application.ended()
            self._fail(cluster, describe(finish.outcome))
            return
        scheduler = application.container(f"{SCHEDULER}_0")
        lost = loss([scheduler] if scheduler is not None else ())
        if lost is not None:
            self._fail(cluster, f"Its scheduler is lost. {describe(lost)}")
            return
        if cluster.status == JobStatus.SUBMITTED:
            cluster.start_time = _began(scheduler)
        alive = {
            variables.get(WORKER_NAME, ""): container_id
            for container_id, variables in application.variables(WORKER).items()
        }
        workers = [each for each in cluster.workers.values() if each.status < JobStatus.STOPPED]
        for worker in workers:
            if worker.target == JobStatus.RUNNING and worker.status > JobStatus.CREATED:
                await self._look_at_worker(application, worker, alive.get(worker.name))
        for name in alive.keys() - {worker.name for worker in workers}:
            # Its end was refused, or it replaces one that YARN has lost.
            await application.kill_container(alive[name])

    async def _look_at_worker(
        self, application: UnmanagedApplication, worker: Any, alive: str | None
    ) -> None:
        """Tell what has happened to a worker.

        Args:
            application: Its cluster's.
            worker: The worker.
            alive: Its container that has not ended, if there is one.
        """
        known = worker.state.get("container_id")
        if known is None:  # its start was refused while the application was taken over again
            await self._start(worker)
            return
        if worker.status == JobStatus.SUBMITTED and alive is not None:
            # YARN may have lost the first container, which is replaced at the same place.
            if alive != known:
                state = {**worker.state, "container_id": alive}
                self._backend.db.update_worker(worker, state=state)
            worker.start_time = _began(application.container(alive))
            return
        container = application.container(known)
        if container is not None and not container.state.ended:
            return
        # One that ends well was retired by its scheduler, whose next heartbeat says so.
        if worker.status != JobStatus.RUNNING or not _ended_well(container):
            self._fail_worker(worker, container)

    async def _start(self, worker: Any) -> None:
        try:
            state = await self._backend.start_container(worker)
        except ConnectionLostError:
            return
        except YarnhubError as error:
            worker.cluster.worker_start_failure_count += 1
            self._end_worker(worker, str(error))
        else:
            self._backend.db.update_worker(worker, state=state)

    def _fail(self, cluster: Any, reason: str) -> None:
        if cluster.target >= JobStatus.CLOSING:
            return
        _log.warning("Cluster %s has ended: %s", cluster.name, reason)
        state = {**cluster.state, "reason": one_line(reason)}
        self._backend.db.update_cluster(cluster, target=JobStatus.FAILED, state=state)
        self._backend.queue.put(cluster)

    def _fail_worker(self, worker: Any, container: ServiceContainer | None) -> None:
        outcome = container.outcome if container is not None else None
        reason = describe(outcome) if outcome is not None else "Its container is gone."
        if worker.status == JobStatus.SUBMITTED and outcome and not outcome.cause.blameless:
            worker.cluster.worker_start_failure_count += 1
        self._end_worker(worker, reason)

    def _end_worker(self, worker: Any, reason: str) -> None:
        _log.warning("Worker %s has ended: %s", worker.name, reason)
        state = {**worker.state, "reason": one_line(reason)}
        self._backend.db.update_worker(worker, target=JobStatus.FAILED, state=state)
        self._backend.queue.put(worker)

    def _begin_to_ask(self, cluster: Any) -> None:
        """Ask YARN for an application that this server does not hold, now and then."""
        now = time.monotonic()
        if now >= self._asked.get(cluster.name, 0.0):
            self._asked[cluster.name] = now + _ASK
            self._backend.task_pool.spawn(self._ask(cluster))

    async def _ask(self, cluster: Any) -> None:
        application_id = cluster.state["app_id"]
        try:
            if not await self._applications.is_running(application_id, cluster.username):
                self._fail(cluster, f"{application_id} ended while no server held it.")
        except YarnhubError as error:
            # It may be running.
            _log.warning("The state of %s is not known: %s", application_id, error)

    def _end_others(self) -> None:
        """End the applications whose clusters are gone, and forget those that have ended."""
        clusters = self._backend.db.name_to_cluster.values()
        active = {each.name for each in clusters if each.status < JobStatus.STOPPED}
        self._asked = {name: when for name, when in self._asked.items() if name in active}
        for tag in self._applications.tags() - set(map(tag_of, active)):
            if not self._applications.begin_end(tag, FinalStatus.KILLED, "Its cluster is gone."):
                self._applications.forget(tag)


def _ended_well(container: ServiceContainer | None) -> bool:
    return container is not None and container.state is ContainerState.SUCCEEDED


def _began(container: ServiceContainer | None) -> int:
    """When a start has begun: what waits for YARN has not."""
    began = container.start_time if container is not None else None
    return _now() if began is None else int(began * 1000)


def _now() -> int:
    return int(time.time() * 1000)  # noqa: TID251  # dask-gateway's `timestamp`


def one_line(text: str) -> str:
    """A text for the status line of an HTTP response."""
    return " ".join(text.split())
