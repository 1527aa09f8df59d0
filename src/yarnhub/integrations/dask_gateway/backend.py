"""The backend of dask-gateway's server: Dask clusters as applications that this server holds.

dask-gateway's base class owns the database, the proxy, the REST API and the queue of work; see its
`DBBackendBase` for the order in which it calls the methods here. What it would learn late, or
not at all, comes from `watch`.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web
from dask_gateway_server.auth import SimpleAuthenticator
from dask_gateway_server.backends.base import ClusterConfig, PublicException
from dask_gateway_server.backends.db_base import DBBackendBase, JobStatus
from dask_gateway_server.traitlets import Type
from traitlets import Float, Integer, Unicode, default

from yarnhub.base.errors import (
    CallOutcome,
    ConfigurationError,
    ConnectionLostError,
    SpecError,
    YarnhubError,
)
from yarnhub.client.access.settings import Settings
from yarnhub.control.messages import FinalStatus
from yarnhub.integrations.dask_gateway.cluster_config import YarnClusterConfig, memory_limit
from yarnhub.integrations.dask_gateway.held_applications import HeldApplications
from yarnhub.integrations.dask_gateway.specification import (
    CERTIFICATE,
    KEY,
    SCHEDULER_ADDRESS,
    TOKEN,
    WORKER,
    WORKER_NAME,
    Process,
    secrets,
    specification,
    tag_of,
)
from yarnhub.integrations.dask_gateway.watch import ClusterWatch, one_line
from yarnhub.spec import File

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from yarnhub.unmanaged import UnmanagedApplication

# Any, in this module: dask-gateway's clusters and workers have no types

_REFUSED = 10.0
"""Seconds that a request for a cluster waits for YARN to refuse it."""
_STOP = 30.0
"""Seconds that the stop of a cluster waits for its application's end; YARN may take longer."""
_START = 600.0
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_SEE_LOG = "see the log of dask-gateway's server"


class YarnBackend(DBBackendBase):
    """Dask clusters on YARN, each an application of its user that this server holds."""

    cluster_config_class = Type(
        f"{YarnClusterConfig.__module__}.{YarnClusterConfig.__name__}",
        klass=ClusterConfig,
        help="The class of a cluster's configuration.",
        config=True,
    )

    principal = Unicode(
        None,
        allow_none=True,
        config=True,
        help="The Kerberos principal of this server, for example `dask`.",
    )

    keytab = Unicode(
        None, allow_none=True, config=True, help="The path of the file with the principal's key."
    )

    app_client_cache_max_size = Integer(
        10, config=True, help="Accepted, and not used: there are no such clients."
    )

    applications_folder = Unicode(
        "yarn-applications",
        config=True,
        help="""The directory in which this server keeps what it needs to hold its applications
        again after a restart. Only its owner can read it. Back it up with the database.
        """,
    )

    host = Unicode(
        config=True,
        help="The host name at which containers reach this server; by default, this machine's.",
    )

    cluster_start_timeout = Float(
        config=True,
        help="""Seconds for a scheduler to report after YARN has allocated its container, 600 by
        default. The time before that does not count.
        """,
    )

    worker_start_timeout = Float(
        config=True,
        help="The same for a worker.",
    )

    supports_bulk_shutdown = True

    @default("host")
    def _default_host(self) -> str:
        return socket.gethostname()

    @default("cluster_start_timeout")
    def _default_cluster_start_timeout(self) -> float:
        return self._of_cluster_config("cluster_start_timeout")

    @default("worker_start_timeout")
    def _default_worker_start_timeout(self) -> float:
        return self._of_cluster_config("worker_start_timeout")

    def _of_cluster_config(self, name: str) -> float:
        # dask-gateway's page on Hadoop sets them there, where they had no effect.
        return float(getattr(YarnClusterConfig(parent=self), name) or _START)

    @default("stop_clusters_on_shutdown")
    def _default_stop_clusters_on_shutdown(self) -> bool:
        # With a database on disk, the next server finds them again.
        in_memory: bool = self.db_url in {"sqlite://", "sqlite:///:memory:"}
        return in_memory

    # --- the server

    async def setup(self, app: web.Application) -> None:
        """See `Backend.setup`.

        Raises:
            YarnhubError: The applications cannot be held.
        """
        # First: the base class begins to work on what its database has before it calls `do_setup`.
        settings = Settings.of_login(os.environ, self.keytab, self.principal)  # noqa: TID251
        self._own_name = settings.user_name
        if settings.secure and _asks_for_no_password(app["authenticator"]):
            raise ConfigurationError(
                "dask-gateway would accept every user's name without a password: set "
                "c.DaskGateway.authenticator_class, for example to "
                "'yarnhub.integrations.dask_gateway.KerberosAuthenticator'"
            )
        self._applications = HeldApplications(
            settings, folder=Path(self.applications_folder), host=self.host
        )
        self._submissions: dict[str, asyncio.Future[str]] = {}
        await self._applications.__aenter__()
        app.middlewares.append(self._told_reason())
        await super().setup(app)

    async def do_setup(self) -> None:
        """See `DBBackendBase.do_setup`."""
        if self.stop_clusters_on_shutdown:
            self.log.warning(
                "All clusters end when this server stops: see c.DBBackendBase.db_url and "
                "c.DBBackendBase.stop_clusters_on_shutdown"
            )
        self.task_pool.spawn(ClusterWatch(self, self._applications).run())

    async def do_cleanup(self) -> None:
        """See `DBBackendBase.do_cleanup`."""
        if hasattr(self, "_applications"):  # else `setup` has failed before
            await self._applications.aclose()

    # --- clusters

    async def start_cluster(self, user: Any, cluster_options: Any) -> str:
        """See `Backend.start_cluster`; waits a moment for YARN to refuse it.

        Raises:
            PublicException: YARN refused it, with its reason; or the user has no name of their own.
        """
        if user.name in ("", self._own_name):
            raise PublicException(
                f"Dask clusters of {user.name or 'a user without a name'} are not possible: they "
                "would run as the account of dask-gateway's server"
            )
        name: str = await super().start_cluster(user, cluster_options)
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

    async def do_start_cluster(self, cluster: Any) -> AsyncIterator[dict[str, Any]]:
        """See `DBBackendBase.do_start_cluster`."""
        refusal = _SEE_LOG
        try:
            application = await self._applications.submit(
                cluster.name,
                self._specification(cluster),
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
        yield {"app_id": application.id}

    def _specification(self, cluster: Any) -> Any:
        config = cluster.config
        worker_command = self.get_worker_command(
            cluster, worker_name=f"${WORKER_NAME}", scheduler_address=f"${SCHEDULER_ADDRESS}"
        )
        return specification(
            cluster=cluster.name,
            user=cluster.username,
            queue=config.queue,
            files=self._files(config),
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

    def _files(self, config: Any) -> dict[str, File]:
        """The files of the containers.

        Raises:
            SpecError: An option of the user's names a file of this server.
        """
        files = {name: File.from_dict(each) for name, each in config.localize_files.items()}
        configured = self.cluster_config_class(parent=self).localize_files
        for name, file in files.items():
            local = not _URL.match(file.source) or file.source.lower().startswith("file:")
            if local and config.localize_files[name] != configured.get(name):
                raise SpecError(f"localize_files.{name}", "must be in HDFS, not on the server")
        return files

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

    # --- workers

    async def do_start_worker(self, worker: Any) -> AsyncIterator[dict[str, Any]]:
        """See `DBBackendBase.do_start_worker`."""
        try:
            yield await self.start_container(worker)
        except ConnectionLostError as error:  # it is no failure of the worker's
            self.log.warning("Worker %s starts later: %s", worker.name, error)
            yield dict(worker.state)

    async def start_container(self, worker: Any) -> dict[str, Any]:
        """Start a worker's container, unless it has one; starts none twice, even after a crash.

        Returns:
            The worker's new state.

        Raises:
            ConnectionLostError: Its application is not held at the moment: `ClusterWatch` tries
                again.
            ControlError: It is refused.
        """
        application = self._applications.find(worker.cluster.name)
        if application is None:
            text = f"the application of cluster {worker.cluster.name} is not held"
            raise ConnectionLostError(text, CallOutcome.NOT_SENT)
        started = _containers(application, worker)
        if not started:
            env = {
                WORKER_NAME: worker.name,
                SCHEDULER_ADDRESS: worker.cluster.scheduler_address,
            }
            started = [(await application.add_container(WORKER, env=env)).id]
        return {**worker.state, "container_id": started[0]}

    async def do_stop_worker(self, worker: Any) -> None:
        """See `DBBackendBase.do_stop_worker`."""
        application = self._applications.find(worker.cluster.name)
        if application is not None and not application.over:
            for each in _containers(application, worker):
                await application.kill_container(each)

    async def do_check_workers(self, workers: list[Any]) -> list[bool]:
        """See `DBBackendBase.do_check_workers`: `ClusterWatch` finds ends."""
        return [True] * len(workers)

    # --- reasons

    def _told_reason(self) -> Any:  # aiohttp's middlewares are typed loosely
        """Tell a client that waits for its cluster why it failed; its own text names only logs."""

        @web.middleware
        async def told(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            response = await handler(request)
            name = request.match_info.get("cluster_name", "")
            if request.method != "GET" or "wait" not in request.query or response.status != 200:
                return response
            cluster = self.db.get_cluster(name)
            if cluster is None or cluster.target != JobStatus.FAILED:
                return response
            reason = cluster.state.get("reason") or _SEE_LOG
            text = f"Cluster {name!r} failed to start: {reason}"
            return web.json_response({"error": text}, status=409)

        return told


def _containers(application: UnmanagedApplication, worker: Any) -> list[str]:
    """The ids of a worker's containers that have not ended: one, unless YARN has lost one."""
    return [
        each
        for each, variables in application.variables(WORKER).items()
        if variables.get(WORKER_NAME) == worker.name
    ]


def _asks_for_no_password(authenticator: object) -> bool:
    return isinstance(authenticator, SimpleAuthenticator) and not authenticator.password
