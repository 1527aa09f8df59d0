"""A Dask cluster on YARN, with the constructor and the methods of dask-yarn's `YarnCluster`."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import logging
import os
import weakref
from typing import TYPE_CHECKING, Any

from distributed import Scheduler, Security
from distributed.comm import get_address_host
from distributed.core import Status, rpc
from distributed.utils import NoOpAwaitable, format_dashboard_link

from yarnhub.base.errors import ConfigurationError
from yarnhub.client.access.settings import Settings
from yarnhub.client.application.container import CurrentContainer
from yarnhub.client.client import Client
from yarnhub.control.messages import FinalStatus
from yarnhub.integrations.dask_yarn import configuration
from yarnhub.integrations.dask_yarn.application import DaskApplication
from yarnhub.integrations.dask_yarn.scaled_cluster import ScaledCluster
from yarnhub.integrations.dask_yarn.skein_objects import application_client_of, specification_of
from yarnhub.integrations.dask_yarn.specification import specification, submittable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
    from typing import Self
    from urllib.parse import SplitResult

    import skein
    from yarnhub.client.errors import ApplicationFailedError
    from yarnhub.spec import ApplicationSpec

    Begin = Callable[[], Awaitable[DaskApplication]]

# Any, in this module: distributed has no types for most of this

_SETTLE = 0.05
_log = logging.getLogger(__name__)


class YarnCluster(ScaledCluster):
    """A Dask cluster: one application, with a scheduler and workers in its containers.

    An option that is None has its value from Dask's configuration: `yarn.queue`,
    `yarn.worker.memory` and so on. Without any option, `yarn.specification` is used if it is set.

    The methods block, or return awaitables if `asynchronous` is set; then also await the cluster,
    or use `async with`. Leaving the block, `close` and the end of the program shut the application
    down, if this object has submitted it.

    Args:
        environment: The Python of the containers: the path or URL of an archive, or
            `conda:///path`, `venv:///path` or `python:///path` of what all nodes have. It needs
            distributed.
        n_workers: The number of workers to start with.
        worker_vcores: Virtual cores of a worker, and its threads.
        worker_memory: The memory of a worker's container, as bytes or a text such as `"4 GiB"`.
        worker_restarts: How many failed workers are replaced before the cluster fails; -1 for all.
        worker_env: Environment variables of the workers.
        worker_class: The class of the workers, as its path.
        worker_options: Further arguments of this class.
        worker_gpus: GPUs of a worker.
        scheduler_vcores: Virtual cores of the scheduler.
        scheduler_gpus: GPUs of the scheduler.
        scheduler_memory: The memory of the scheduler's container.
        deploy_mode: `remote` for a scheduler in a container, `local` for one in this process.
        name: The application's name.
        queue: YARN's queue.
        tags: The application's tags.
        user: The user to run as; the cluster must allow this process to act for that user.
        host: The address on which a local scheduler listens.
        port: The port on which a local scheduler listens; 0 for any.
        dashboard_address: Where the dashboard of a local scheduler listens.
        skein_client: Whose login and credentials to use.
        asynchronous: Whether the caller runs on an event loop.
        loop: The event loop; None for the running one, or one in a thread.

    Raises:
        ValueError: An option has an invalid value; `SpecError`, if it requests more than the
            cluster has.
        TypeError: An option is not known.
        yarnhub.client.ApplicationFailedError: YARN refused the application, or it has ended, for
            example because the environment has no distributed.
        yarnhub.YarnhubError: YARN does not respond, or there is no ticket.
    """

    def __init__(
        self,
        environment: str | None = None,
        n_workers: int | None = None,
        worker_vcores: int | None = None,
        worker_memory: str | float | None = None,
        worker_restarts: int | None = None,
        worker_env: Mapping[str, str] | None = None,
        worker_class: str | type | None = None,
        worker_options: Mapping[str, Any] | None = None,
        worker_gpus: int | None = None,
        scheduler_vcores: int | None = None,
        scheduler_gpus: int | None = None,
        scheduler_memory: str | float | None = None,
        deploy_mode: str | None = None,
        name: str | None = None,
        queue: str | None = None,
        tags: Iterable[str] | None = None,
        user: str | None = None,
        host: str | None = None,
        port: int | None = None,
        dashboard_address: str | None = None,
        skein_client: skein.Client | None = None,
        asynchronous: bool = False,  # noqa: FBT001, FBT002  # dask-yarn's signature
        loop: Any = None,
    ) -> None:
        given = {name: each for name, each in locals().items() if name in configuration.NAMES}
        options = configuration.configured(**given)
        whole = configuration.configured_specification()
        if whole is not None and all(each is None for each in given.values()):
            spec = specification_of(whole)
        else:
            spec = specification_of(specification(options))
        self._submit(spec, options, skein_client, asynchronous=asynchronous, loop=loop)

    @classmethod
    def from_specification(
        cls,
        spec: ApplicationSpec | Mapping[str, Any] | str,
        skein_client: skein.Client | None = None,
        asynchronous: bool = False,  # noqa: FBT001, FBT002  # dask-yarn's signature
        loop: Any = None,
    ) -> Self:
        """Start a cluster from a specification with a service `dask.worker`.

        Without a service `dask.scheduler`, the scheduler runs in this process. Scripts start Dask
        with `dask-yarn services scheduler` and `dask-yarn services worker`, which need the
        environment's `python` on the PATH, or its path in the variable `DASK_YARN_PYTHON`.

        Args:
            spec: The specification, its document, or the path of its file.
            skein_client: See `YarnCluster`, like the other arguments.
            asynchronous: See there.
            loop: See there.
        """
        self = cls.__new__(cls)
        options = configuration.configured()
        self._submit(
            specification_of(spec), options, skein_client, asynchronous=asynchronous, loop=loop
        )
        return self

    @classmethod
    def from_application_id(
        cls,
        app_id: str,
        skein_client: skein.Client | None = None,
        asynchronous: bool = False,  # noqa: FBT001, FBT002  # dask-yarn's signature
        loop: Any = None,
    ) -> Self:
        """Connect to a running cluster. It is not shut down with this object.

        Args:
            app_id: The application's id.
            skein_client: See `YarnCluster`, like the other arguments.
            asynchronous: See there.
            loop: See there.
        """
        self = cls.__new__(cls)

        async def begin() -> DaskApplication:
            client = await asyncio.to_thread(_client, skein_client, "")
            async with _closed_on_error(client):
                return await DaskApplication.find(client, app_id)

        self._open(begin, {}, owned=False, asynchronous=asynchronous, loop=loop)
        return self

    @classmethod
    def from_current(
        cls,
        asynchronous: bool = False,  # noqa: FBT001, FBT002  # dask-yarn's signature
        loop: Any = None,
    ) -> Self:
        """Connect to the cluster of the container that this process runs in.

        Args:
            asynchronous: See `YarnCluster`.
            loop: See there.

        Raises:
            ConfigurationError: This process does not run in a container.
        """
        self = cls.__new__(cls)
        container = CurrentContainer.from_environment(os.environ)  # noqa: TID251  # as in dask-yarn
        if container is None:
            raise ConfigurationError("this process does not run in a container of yarnhub")

        async def begin() -> DaskApplication:
            return await DaskApplication.current(container.application())

        self._open(begin, {}, owned=False, asynchronous=asynchronous, loop=loop)
        return self

    def _submit(
        self,
        spec: ApplicationSpec,
        options: Mapping[str, Any],
        skein_client: skein.Client | None,
        *,
        asynchronous: bool,
        loop: Any,
    ) -> None:
        submitted, lease = submittable(spec), configuration.lease()

        async def begin() -> DaskApplication:
            client = await asyncio.to_thread(_client, skein_client, spec.user)
            async with _closed_on_error(client):
                return await DaskApplication.submit(client, submitted, lease)

        self._open(begin, options, owned=True, asynchronous=asynchronous, loop=loop)

    def _open(
        self,
        begin: Begin,
        options: Mapping[str, Any],
        *,
        owned: bool,
        asynchronous: bool,
        loop: Any,
    ) -> None:
        super().__init__(asynchronous=asynchronous, loop=loop)
        self._begin = begin
        self._options = options
        self._owned = owned
        self._starting = not asynchronous
        self._application: DaskApplication | None = None
        self._scheduler: Scheduler | None = None
        self._dashboard = ""
        self.security: Security | None = None
        self._process = os.getpid()
        if not asynchronous:
            self._loop_runner.start()
            try:
                self.sync(self._start)
            except BaseException:
                self.sync(self._settled)  # after Ctrl-C, the application is still being killed
                self._loop_runner.stop()
                raise

    # --- start and end

    def __await__(self) -> Any:
        async def started() -> Self:
            if self.status is Status.created:
                await self._start()
            return self

        return started().__await__()

    async def _settled(self) -> None:
        """Wait until a start has succeeded, or all that it has begun has ended."""
        while self._starting:
            await asyncio.sleep(_SETTLE)

    async def _start(self) -> None:
        self._starting = True
        try:
            await self._start_all()
        except BaseException:
            await self._close(FinalStatus.FAILED, "The cluster has not started.")
            raise
        finally:
            self._starting = False

    async def _start_all(self) -> None:
        application = self._application = await self._begin()
        self.name = application.id
        self.security = _security(application)
        if self._owned:
            _owned_clusters.add(self)
            if not application.has_scheduler:
                await self._start_scheduler(application)
        address, self._dashboard = await application.addresses()
        arguments = self.security.get_connection_args("client")
        self.scheduler_comm = rpc(address, connection_args=arguments)
        await application.look()
        await super()._start()
        application.begin_watch(self._ended)

    async def _start_scheduler(self, application: DaskApplication) -> None:
        options = self._options
        scheduler = self._scheduler = Scheduler(
            protocol="tls",
            host=options["host"],
            port=options["port"],
            dashboard_address=options["dashboard_address"],
            security=self.security,
        )
        await scheduler
        host = get_address_host(scheduler.address)
        dashboard = scheduler.services["dashboard"]
        await application.announce(scheduler.address, f"http://{host}:{dashboard.port}")

    def _ended(self, error: ApplicationFailedError) -> None:
        if self.status is Status.running:
            _log.error("The Dask cluster has ended: %s", error)
            self.status = Status.failed

    async def _close(
        self,
        status: FinalStatus = FinalStatus.SUCCEEDED,
        words: str = "",
        *,
        ends: bool = False,
    ) -> None:
        """Close the connections; end the application, if it is this object's or `ends` is set."""
        if self.status in (Status.closing, Status.closed):
            return
        application = self._application
        try:
            await super()._close()
        finally:
            _owned_clusters.discard(self)
            try:
                if application is not None and (self._owned or ends):
                    await application.shut_down(status, words)
            finally:
                if application is not None:
                    await application.aclose()
                if "application_client" in vars(self):
                    await asyncio.to_thread(self.application_client.close)
                if self._scheduler is not None:
                    await self._scheduler.close()

    def shutdown(self, status: str = "SUCCEEDED", diagnostics: str | None = None) -> Any:
        """Shut the application down, also if another process has submitted it.

        Args:
            status: Its final status: `SUCCEEDED`, `FAILED` or `KILLED`.
            diagnostics: Its diagnostics in YARN.
        """
        final = FinalStatus(str(status).upper())
        return self._closed(functools.partial(self._close, final, diagnostics or "", ends=True))

    def close(
        self,
        timeout: float | None = None,
        status: str = "SUCCEEDED",
        diagnostics: str | None = None,
    ) -> Any:
        """Close the connections; shut the application down, if this object has submitted it.

        Args:
            timeout: Seconds; None for no limit.
            status: See `shutdown`.
            diagnostics: See there.
        """
        final = FinalStatus(str(status).upper())
        return self._closed(functools.partial(self._close, final, diagnostics or ""), timeout)

    def _closed(self, close: Callable[[], Awaitable[None]], timeout: float | None = None) -> Any:
        if self.status is Status.closed:
            return NoOpAwaitable() if self.asynchronous else None
        done = self.sync(close, callback_timeout=timeout)
        if not self.asynchronous:
            self._loop_runner.stop()
        return done

    # --- what it is

    @property
    def app_id(self) -> str:
        """The application's id."""
        return self._started.id

    @property
    def spec(self) -> ApplicationSpec:
        """The application's specification."""
        return self._started.spec

    @functools.cached_property
    def application_client(self) -> skein.ApplicationClient:
        """The application; its methods block."""
        return application_client_of(self._started.connection)

    @property
    def dashboard_link(self) -> str | None:
        """The URL of the dashboard; None if there is none."""
        from urllib.parse import urlsplit

        if not self._dashboard:
            return None
        parts: SplitResult = urlsplit(self._dashboard)
        link: str = format_dashboard_link(parts.hostname, parts.port)
        return link


def _client(skein_client: skein.Client | None, user: str) -> Client:
    """A client of the cluster that acts for a user, or if that is empty, for its own."""
    if skein_client is not None:
        return skein_client.engine.acting_for(user)
    variables = os.environ  # noqa: TID251  # as in dask-yarn
    return Client(Settings.from_environment(variables)).acting_for(user)


@contextlib.asynccontextmanager
async def _closed_on_error(client: Client) -> AsyncIterator[None]:
    try:
        yield
    except BaseException:
        await client.aclose()
        raise


def _security(application: DaskApplication) -> Security:
    """Mutual TLS with the application's own pair, which its containers have as well."""
    pair = application.pair
    certificate, key = pair.certificate.decode(), pair.key.decode()
    return Security(
        tls_ca_file=certificate,
        tls_client_cert=certificate,
        tls_client_key=key,
        tls_scheduler_cert=certificate,
        tls_scheduler_key=key,
        tls_worker_cert=certificate,
        tls_worker_key=key,
        require_encryption=True,
    )


_owned_clusters: weakref.WeakSet[YarnCluster] = weakref.WeakSet()


@atexit.register
def _shut_down_at_exit() -> None:
    for cluster in list(_owned_clusters):
        application = cluster._application  # noqa: SLF001  # ours
        # A forked process has copies of its parent's clusters.
        if application is not None and cluster._process == os.getpid():  # noqa: SLF001
            application.shut_down_at_exit()
