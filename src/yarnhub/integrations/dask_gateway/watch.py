"""What happens to Dask clusters on YARN, for dask-gateway; and the end of what is left of them.

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
from yarnhub.integrations.dask_gateway.reasons import one_line, why
from yarnhub.integrations.dask_gateway.specification import (
    SCHEDULER,
    WORKER,
    WORKER_NAME,
    tag_of,
)
from yarnhub.integrations.dask_gateway.worker_ends import (
    forget,
    is_over,
    node_of,
    unexpected_end,
)
from yarnhub.sessions.session import loss

if TYPE_CHECKING:
    from collections.abc import Collection

    from yarnhub.control.messages import ServiceContainer
    from yarnhub.integrations.dask_gateway.held_applications import HeldApplications
    from yarnhub.integrations.dask_gateway.reasons import News
    from yarnhub.integrations.dask_gateway.reception import Reception
    from yarnhub.unmanaged import UnmanagedApplication

# Any, in this module: dask-gateway's clusters and workers have no types

_LOOK = 1.0
"""Seconds between two looks at the applications, which are in memory."""
_ASK = 10.0
"""Seconds between two questions to YARN for an application that is not held."""
_DOUBT = 0.6
"""The part of a time-out after which a report is late, and what may hold it up is checked:
dask-gateway's is two heartbeats."""
_log = logging.getLogger(__name__)


class ClusterWatch:
    """Looks at the applications of all clusters every second.

    Args:
        backend: The `DBBackendBase` whose clusters these are.
        applications: Their applications.
        news: Gets the ends of workers.
        reception: Whether schedulers' reports can arrive.
    """

    def __init__(
        self, backend: Any, applications: HeldApplications, news: News, reception: Reception
    ) -> None:
        self._backend = backend
        self._reception = reception
        self._applications = applications
        self._news = news
        self._asked: dict[str, float] = {}
        self._unknown: set[str] = set()

    async def run(self) -> None:
        """Look again and again, until it is cancelled."""
        while True:
            self._applications.refresh()
            for cluster in list(self._backend.db.name_to_cluster.values()):
                await self._look_in_any_case(cluster)
            self._end_others()
            await asyncio.sleep(_LOOK)

    async def _look_in_any_case(self, cluster: Any) -> None:
        """Look at a cluster; an error is logged once, until there is none: the others need it."""
        try:
            await self._look(cluster)
        except Exception:  # noqa: BLE001  # of the database, for example
            if cluster.name not in self._unknown:
                _log.exception("The state of cluster %s is not known", cluster.name)
            self._unknown.add(cluster.name)
        else:
            self._unknown.discard(cluster.name)

    async def _look(self, cluster: Any) -> None:
        """Tell what has happened to a cluster."""
        if cluster.status >= JobStatus.STOPPED:
            self._forget(cluster, tuple(cluster.workers.values()))
        if "app_id" not in cluster.state or not cluster.is_active():
            return
        await asyncio.sleep(0)
        if cluster.status == JobStatus.RUNNING and cluster.last_heartbeat is None:
            cluster.last_heartbeat = _now()  # the server was killed after the first one
        application = self._applications.find(cluster.name)
        reason = await self._loss(cluster, application)
        if reason:
            self._fail(cluster, reason)
        elif application is None:
            self._begin_to_ask(cluster)
        else:
            await self._look_at_workers(cluster, application)

    async def _look_at_workers(self, cluster: Any, application: UnmanagedApplication) -> None:
        alive = {
            variables.get(WORKER_NAME, ""): container_id
            for container_id, variables in application.variables(WORKER).items()
        }
        for worker in list(cluster.workers.values()):
            if worker.target == JobStatus.RUNNING and _has_begun(worker):
                await self._look_at_worker(application, worker, alive.get(worker.name))
        over = []
        for worker in cluster.workers.values():
            known = worker.state.get("container_id") or alive.get(worker.name, "")
            container = application.container(known)
            if worker.status >= JobStatus.STOPPED and is_over(
                worker, container, _age(worker.stop_time)
            ):
                over.append((worker, unexpected_end(worker, container)))
            else:
                alive.pop(worker.name, None)
        self._forget(cluster, [worker for worker, _ in over])
        for worker, reason in over:
            if reason:
                self._tell(worker, reason)
        for container_id in alive.values():
            # Its end was refused, or it replaces one that YARN has lost.
            await application.kill_container(container_id)

    def _forget(self, cluster: Any, ended: Collection[Any]) -> None:
        """Forget workers that have ended, which others may wait for."""
        if ended:
            forget(self._backend.db, cluster, ended)
            self._backend.queue.put(cluster)

    async def _loss(self, cluster: Any, application: UnmanagedApplication | None) -> str:
        """Why a cluster has failed; empty if it has not."""
        scheduler = None
        if application is not None:
            if application.over:
                return why((await application.ended()).outcome)
            scheduler = application.container(f"{SCHEDULER}_0")
            lost = loss([scheduler] if scheduler is not None else ())
            if lost is not None:
                return f"Its scheduler is lost. {why(lost)}"
            if cluster.status == JobStatus.SUBMITTED:
                cluster.start_time = _began(scheduler)
        return await self._silence(cluster, scheduler)

    async def _silence(self, cluster: Any, scheduler: ServiceContainer | None) -> str:
        """Why a cluster is given up whose scheduler does not report; empty if it is not."""
        if cluster.status == JobStatus.SUBMITTED:
            seconds = self._backend.cluster_start_timeout
            if await self._is_late(cluster.start_time, seconds):
                return f"Its scheduler has not reported within {seconds:g} s: see its log."
        if cluster.status == JobStatus.RUNNING:
            seconds = self._backend.cluster_heartbeat_timeout
            if await self._is_late(cluster.last_heartbeat, seconds):
                return (
                    f"Its scheduler on {node_of(scheduler)} has sent no heartbeat for "
                    f"{seconds:g} s: it hangs, or its node is lost."
                )
        return ""

    async def _is_late(self, moment: int, seconds: float) -> bool:
        """Whether so much time has passed since a moment, in which reports could arrive."""
        if _age(moment) > _DOUBT * seconds:
            await self._reception.check()
        return _age(max(moment, self._reception.failed)) > seconds

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
            seconds = self._backend.worker_start_timeout
            if _age(max(worker.start_time, self._reception.failed)) > seconds:
                reason = f"It has not reported to its scheduler within {seconds:g} s: see its log."
                self._end_worker(worker, reason, started=True)
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
            self._end_worker(worker, str(error), started=False)
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
        reason = why(outcome) if outcome is not None else "Its container is gone."
        started = worker.status != JobStatus.SUBMITTED or not outcome or outcome.cause.blameless
        self._end_worker(worker, reason, started=started)

    def _end_worker(self, worker: Any, reason: str, *, started: bool) -> None:
        """A worker has ended by itself.

        Args:
            worker: The worker.
            reason: Why.
            started: Whether its cluster's workers start; too many that do not fail the cluster.
        """
        state = {**worker.state, "reason": one_line(reason)}
        self._backend.db.update_worker(worker, target=JobStatus.FAILED, state=state)
        self._tell(worker, reason)
        cluster = worker.cluster
        if not started:
            cluster.worker_start_failure_count += 1
            if cluster.worker_start_failure_count >= self._backend.worker_start_failure_limit:
                # dask-gateway would do this as well, without a reason.
                self._fail(cluster, f"Its workers do not start. {reason}")
        self._backend.queue.put(worker)

    def _tell(self, worker: Any, reason: str) -> None:
        _log.warning("Worker %s has ended: %s", worker.name, reason)
        self._news.add_end(worker.cluster.name, one_line(reason))

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
        self._unknown &= {each.name for each in clusters}
        self._news.keep(active)
        for tag in self._applications.tags() - set(map(tag_of, active)):
            if not self._applications.begin_end(tag, FinalStatus.KILLED, "Its cluster is gone."):
                self._applications.forget(tag)


def _has_begun(worker: Any) -> bool:
    return bool(JobStatus.CREATED < worker.status < JobStatus.STOPPED)


def _ended_well(container: ServiceContainer | None) -> bool:
    return container is not None and container.state is ContainerState.SUCCEEDED


def _began(container: ServiceContainer | None) -> int:
    """When a start has begun: what waits for YARN has not."""
    began = container.start_time if container is not None else None
    return _now() if began is None else int(began * 1000)


def _age(moment: int) -> float:
    """Seconds since a moment."""
    return (_now() - moment) / 1000


def _now() -> int:
    return int(time.time() * 1000)  # noqa: TID251  # dask-gateway's `timestamp`
