"""The backend of dask-gateway's server: Dask clusters as applications that this server holds.

dask-gateway's base class owns the database, the proxy, the REST API and the queue of work; see its
`DBBackendBase` for the order in which it calls the methods here. What it would learn late, or
not at all, comes from `watch`.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web
from dask_gateway_server.backends.base import PublicException
from dask_gateway_server.backends.db_base import JobStatus
from sqlalchemy.exc import SQLAlchemyError

from yarnhub.base.background import BackgroundTasks
from yarnhub.base.errors import (
    CallOutcome,
    ConnectionLostError,
    RemoteProtocolError,
    YarnhubError,
)
from yarnhub.base.worker_memory import memory_limit
from yarnhub.client.access.settings import Settings
from yarnhub.control.messages import FinalStatus
from yarnhub.integrations.dask_gateway import heartbeat
from yarnhub.integrations.dask_gateway.admission import (
    NOT_STORED,
    RefusedError,
    check_login,
    check_owner,
    check_size,
    localized,
)
from yarnhub.integrations.dask_gateway.backend_settings import YarnBackendSettings
from yarnhub.integrations.dask_gateway.cluster_environment import cluster_environment
from yarnhub.integrations.dask_gateway.database import fit_tables, prepare
from yarnhub.integrations.dask_gateway.held_applications import HeldApplications, worker_containers
from yarnhub.integrations.dask_gateway.new_workers import create_workers, missing_workers
from yarnhub.integrations.dask_gateway.reasons import SEE_LOG, News, middleware, one_line
from yarnhub.integrations.dask_gateway.reception import Reception
from yarnhub.integrations.dask_gateway.scheduler_session import open_session
from yarnhub.integrations.dask_gateway.specification import (
    CERTIFICATE,
    KEY,
    SCHEDULER,
    SCHEDULER_ADDRESS,
    TOKEN,
    WORKER,
    WORKER_NAME,
    Process,
    secrets,
    specification,
    tag_of,
)
from yarnhub.integrations.dask_gateway.user_limits import GROUPS, UserLimits
from yarnhub.integrations.dask_gateway.watch import ClusterWatch
from yarnhub.integrations.dask_gateway.worker_ends import waits_for_reason
from yarnhub.integrations.dask_gateway.worker_room import WorkerRoom
from yarnhub.sessions.limits import LimitReachedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientSession


# Any, in this module: dask-gateway's clusters and workers have no types

_REFUSED = 10.0
"""Seconds that a request for a cluster waits for YARN to refuse it."""
_STOP = 30.0
"""Seconds that the stop of a cluster waits for its application's end; YARN may take longer."""
_PROXY = 2.0
"""Seconds until dask-gateway notices that its proxy was killed, by default: while there is none,
users have no clusters."""
_AT_ONCE = 100
"""Workers that are stored in one transaction, before the server does other work."""


class YarnBackend(YarnBackendSettings):
    """Dask clusters on YARN, each an application of its user that this server holds."""

    supports_bulk_shutdown = True

    # --- the server

    async def setup(self, app: web.Application) -> None:
        """See `Backend.setup`.

        Raises:
            YarnhubError: The applications cannot be held.
        """
        # First: the base class begins to work on what its database has before it calls `do_setup`.
        settings = Settings.of_login(os.environ, self.keytab, self.principal)  # noqa: TID251
        self._settings, self._own_name = settings, settings.user_name
        self._configuration = settings.configuration
        if settings.secure:
            check_login(app["authenticator"])
        self._tasks = BackgroundTasks()
        self._applications = HeldApplications(
            settings, folder=Path(self.applications_folder), host=self.host
        )
        self._submissions: dict[str, asyncio.Future[str]] = {}
        configured, shared_limits = self.limits(), self.shared_limits()
        self._limits = UserLimits(
            lambda: shared_limits.over(configured),
            lambda: self.db.active_clusters(),  # noqa: PLW0108  # opened by the base class
        )
        await self._applications.__aenter__()
        await shared_limits.start(self._tasks)
        fit_tables()
        self.config.Proxy.setdefault("proxy_status_period", _PROXY)
        self._news, self._pace = News(), heartbeat.Pace()
        self._room = WorkerRoom(settings)
        app.middlewares.append(middleware(self, self._news))
        await super().setup(app)
        prepare(self.db.db)

    async def do_setup(self) -> None:
        """See `DBBackendBase.do_setup`."""
        if self.stop_clusters_on_shutdown:
            settings = "c.DBBackendBase.db_url and c.DBBackendBase.stop_clusters_on_shutdown"
            self.log.warning("All clusters end when this server stops: see %s", settings)
        await self.session.close()  # the base class's
        self.session: ClientSession = open_session()
        reception = Reception(self.session, self.api_url)
        self.task_pool.spawn(ClusterWatch(self, self._applications, self._news, reception).run())

    async def do_cleanup(self) -> None:
        """See `DBBackendBase.do_cleanup`."""
        if hasattr(self, "_applications"):  # else `setup` has failed before
            await self._tasks.aclose()
            await self._applications.aclose()

    # --- clusters

    async def start_cluster(self, user: Any, cluster_options: Any) -> str:
        """See `Backend.start_cluster`; waits a moment for YARN to refuse it.

        Raises:
            PublicException: YARN refused it, with its reason; or the user cannot have clusters; or
                the server's database cannot be written.
        """
        try:
            check_owner(user.name, self._own_name, self.denied_users)
            name: str = await super().start_cluster(user, cluster_options)
        except (RefusedError, PublicException) as error:
            raise PublicException(one_line(str(error))) from error
        except SQLAlchemyError as error:
            self.log.exception("A cluster of %s cannot be stored", user.name)
            raise PublicException(NOT_STORED) from error
        submitted = self._submissions[name] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(_REFUSED):
                refusal = await submitted
        except TimeoutError:
            return name
        finally:
            del self._submissions[name]
        if refusal:
            raise PublicException(refusal)
        return name

    async def process_cluster_options(self, user: Any, request: Any) -> tuple[Any, Any]:
        """See `Backend.process_cluster_options`; the base class creates the cluster at once then.

        Raises:
            PublicException: An option is invalid, or a limit would be exceeded.
        """
        options, config = await super().process_cluster_options(user, request)
        records = len(self.db.username_to_clusters.get(user.name, ()))
        try:
            check_size(request, records, self.user_record_limit)
            self._limits.check_start(user.name, user.groups, config)
        except (RefusedError, LimitReachedError) as error:
            raise PublicException(str(error)) from error
        return options, config

    async def stop_cluster(self, cluster_name: str, failed: bool = False) -> None:  # noqa: FBT001, FBT002
        """See `Backend.stop_cluster`."""
        cluster = self.db.get_cluster(cluster_name)
        if failed and cluster is not None and cluster.target <= JobStatus.RUNNING:
            # dask-gateway could not send the scheduler a message, not even after some attempts.
            state = {**cluster.state, "reason": "Its scheduler does not respond."}
            self.db.update_cluster(cluster, state=state)
        await super().stop_cluster(cluster_name, failed=failed)

    async def do_start_cluster(self, cluster: Any) -> AsyncIterator[dict[str, Any]]:
        """See `DBBackendBase.do_start_cluster`."""
        refusal = SEE_LOG
        try:
            application = await self._applications.submit(
                cluster.name,
                await self._specification(cluster),
                secrets(cluster.tls_cert, cluster.tls_key, cluster.token),
            )
            refusal = ""
        except YarnhubError as error:
            refusal = one_line(str(error))
            yield {"reason": refusal}
            raise
        finally:
            submitted = self._submissions.get(cluster.name)
            if submitted is not None and not submitted.done():
                submitted.set_result(refusal)
        yield {"app_id": application.id, GROUPS: sorted(self._limits.groups(cluster))}

    async def _specification(self, cluster: Any) -> Any:
        config = cluster.config
        worker_command = self.get_worker_command(
            cluster, worker_name=f"${WORKER_NAME}", scheduler_address=f"${SCHEDULER_ADDRESS}"
        )
        return specification(
            cluster=cluster.name,
            user=cluster.username,
            queue=config.queue,
            environment=await cluster_environment(
                self._settings, cluster.username, config.cluster_environment
            ),
            files=localized(
                config.localize_files,
                self.cluster_config_class(parent=self).localize_files,
                self.file_systems,
                self._configuration,
            ),
            scheduler=Process(
                memory=config.scheduler_memory,
                cores=config.scheduler_cores,
                setup=config.scheduler_setup,
                command=self.get_scheduler_command(cluster),
                environment=self.get_scheduler_env(cluster),
            ),
            worker=Process(
                memory=config.worker_memory,
                cores=config.worker_cores,
                setup=config.worker_setup,
                command=worker_command,
                environment=self.get_worker_env(cluster),
            ),
        )

    def get_tls_paths(self, cluster: Any) -> tuple[str, str]:
        """See `DBBackendBase.get_tls_paths`."""
        return CERTIFICATE, KEY

    def get_env(self, cluster: Any) -> dict[str, str]:
        """See `DBBackendBase.get_env`; the token is in a file, as YARN writes variables to disk."""
        # The slash makes it a path.
        return {**super().get_env(cluster), "DASK_GATEWAY_API_TOKEN": f"./{TOKEN}"}

    def worker_nthreads_memory_limit_args(self, cluster: Any) -> tuple[str, str]:
        """See `DBBackendBase.worker_nthreads_memory_limit_args`."""
        config = cluster.config
        threads = config.worker_threads or config.worker_cores  # traitlets does not replace None
        return str(threads), str(memory_limit(config.worker_memory))

    async def do_stop_cluster(self, cluster: Any) -> None:
        """See `DBBackendBase.do_stop_cluster`; continues in the background if YARN is slow."""
        failed = cluster.target == JobStatus.FAILED
        status = FinalStatus.FAILED if failed else FinalStatus.SUCCEEDED
        words = cluster.state.get("reason") or "The Dask cluster was shut down."
        tag = tag_of(cluster.name)
        end = self._applications.begin_end(tag, status, words)
        if end is None and self._applications.find(cluster.name) is None:
            if "app_id" not in cluster.state:
                return
            # Of another backend, for example, with the same database.
            end = self._applications.begin_kill(tag, cluster.state["app_id"], cluster.username)
        if end is not None:
            await asyncio.wait([end], timeout=_STOP)

    async def do_check_clusters(self, clusters: list[Any]) -> list[bool]:
        """See `DBBackendBase.do_check_clusters`: `ClusterWatch` finds ends."""
        return [True] * len(clusters)

    async def check_timeouts_loop(self) -> None:
        """See `DBBackendBase.check_timeouts_loop`: `ClusterWatch` checks them."""

    async def _check_cluster_proxied(self, cluster: Any) -> None:
        if self.proxy_serves_dashboards or cluster.added_to_proxies:
            await super()._check_cluster_proxied(cluster)
            return
        address = cluster.scheduler_address
        await self.proxy.add_route(kind="SNI", sni=cluster.name, target=address)
        cluster.added_to_proxies = True

    # --- workers

    async def forward_message_to_scheduler(self, cluster: Any, msg: dict[str, Any]) -> None:
        """See `Backend.forward_message_to_scheduler`; finds out whether there is room.

        Raises:
            PublicException: A limit would be exceeded, or the cluster is not running.
        """
        known = self.db.get_cluster(cluster.name)
        if known is not None and msg.get("op") == "scale":
            try:
                self._limits.check_workers(known, msg["count"])
            except LimitReachedError as error:
                raise PublicException(str(error)) from error
        await super().forward_message_to_scheduler(cluster, msg)
        if known is not None:
            reason = await self._room.why_none(known, self._applications.find(known.name), msg)
            self._news.set_wait(known.name, one_line(reason))

    async def on_cluster_heartbeat(self, cluster_name: str, msg: Any) -> None:
        """See `DBBackendBase.on_cluster_heartbeat`; the cluster's user can forge what is in it.

        An adaptive cluster grows up to its limits.

        Raises:
            HTTPUnprocessableEntity: It cannot be read.
            HTTPTooManyRequests: The scheduler has sent too many.
            PublicException: The scheduler's node is not known: the scheduler tries again.
        """
        try:
            message = heartbeat.read(msg)
        except RemoteProtocolError as error:
            raise web.HTTPUnprocessableEntity(reason=one_line(str(error))) from error
        cluster = self.db.get_cluster(cluster_name)
        if cluster is not None and not self._pace.allows(cluster):
            raise web.HTTPTooManyRequests
        if cluster is not None and cluster.status < JobStatus.RUNNING:  # else they are not read
            message = await heartbeat.on_node(message, self._node_of(cluster))
        if cluster is not None and cluster.target <= JobStatus.RUNNING:
            most = self._limits.most_workers(cluster)
            if most is not None and message["count"] > most:
                self.log.info(
                    "Cluster %s asks for %d workers, and its user's limits allow %d",
                    *(cluster_name, message["count"], most),
                )
                message = {**message, "count": most}
        await super().on_cluster_heartbeat(cluster_name, message)

    def _node_of(self, cluster: Any) -> str:
        """The name that YARN has for the node of a cluster's scheduler."""
        application = self._applications.find(cluster.name)
        scheduler = application.container(f"{SCHEDULER}_0") if application else None
        node = scheduler.yarn_node_http_address.rpartition(":")[0] if scheduler else ""
        if not node:
            raise PublicException(f"the node of the scheduler of {cluster.name} is not known")
        return node

    async def _check_cluster_scale(self, cluster: Any) -> None:
        """See `DBBackendBase._check_cluster_scale`; creates many workers step by step."""
        if cluster.worker_start_failure_count >= self.worker_start_failure_limit:
            await super()._check_cluster_scale(cluster)  # the cluster has failed
            return
        missing = missing_workers(cluster, self._limits.most_workers(cluster))
        for worker in create_workers(self.db, cluster, min(missing, _AT_ONCE)):
            self.log.info("Created worker %s for cluster %s", worker.name, cluster.name)
            self.queue.put(worker)
        if missing > _AT_ONCE:
            self.queue.put(cluster)

    async def do_start_worker(self, worker: Any) -> AsyncIterator[dict[str, Any]]:
        """See `DBBackendBase.do_start_worker`; what fails is left to `ClusterWatch`."""
        try:
            yield await self.start_container(worker)
        except YarnhubError as error:
            self.log.warning("Worker %s has not started: %s", worker.name, error)
            yield dict(worker.state)

    async def start_container(self, worker: Any) -> dict[str, Any]:
        """Start a worker's container, unless it has one; starts none twice, even after a crash.

        Returns:
            The worker's new state.

        Raises:
            ConnectionLostError: Its application is not held at the moment: a later attempt may
                succeed.
            ControlError: It is refused.
        """
        application = self._applications.find(worker.cluster.name)
        if application is None:
            text = f"the application of cluster {worker.cluster.name} is not held"
            raise ConnectionLostError(text, CallOutcome.NOT_SENT)
        started = worker_containers(application, worker.name)
        if not started:
            env = {
                WORKER_NAME: worker.name,
                SCHEDULER_ADDRESS: worker.cluster.scheduler_address,
            }
            started = [(await application.add_container(WORKER, env=env)).id]
        return {**worker.state, "container_id": started[0]}

    async def do_stop_worker(self, worker: Any) -> None:
        """See `DBBackendBase.do_stop_worker`.

        What is left of a worker that is gone, according to its scheduler, is ended by
        `ClusterWatch`: YARN can tell no other reason for the end of a container that we have ended.
        """
        if waits_for_reason(worker):
            return
        application = self._applications.find(worker.cluster.name)
        if application is not None and not application.over:
            for each in worker_containers(application, worker.name):
                await application.kill_container(each)

    async def do_check_workers(self, workers: list[Any]) -> list[bool]:
        """See `DBBackendBase.do_check_workers`: `ClusterWatch` finds ends."""
        return [True] * len(workers)
