"""The cluster, for programs that block."""

from __future__ import annotations

import contextlib
import functools
import threading
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from skein import environment, exceptions, model
from skein.application_client import ApplicationClient
from skein.blocking import Blocking, skeins_errors
from skein.container_properties import Properties, properties
from skein.security import Security, credentials_of
from skein.specification import ApplicationSpec
from yarnhub.base import errors
from yarnhub.client import applications, lifecycle
from yarnhub.client import client as engine_client
from yarnhub.client.blocking.loop import KeptOpen
from yarnhub.client.cluster import find_all_queues, find_nodes, find_queue
from yarnhub.client.errors import ApplicationFailedError
from yarnhub.client.filters import ApplicationFilters, node_states, parse_time
from yarnhub.client.logs.texts import read_texts
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from typing import Any, Self

    from skein.explanation import Explanation
    from yarnhub.client.filters import When

__all__ = ["ApplicationClient", "Client", "Properties", "properties"]

P = ParamSpec("P")
T = TypeVar("T")


class Client(Blocking):
    """The cluster, as one user sees it. Threads may share a client.

    Every method raises `skein.ConnectionError` if the cluster cannot be reached,
    `skein.TimeoutError` if it does not respond in time, and `skein.DriverError` if it refuses the
    request or there is no Kerberos ticket: the client itself can be created before `kinit`.

    Args:
        address: Ignored: there is no driver.
        security: The credentials for submitting and connecting to applications; None uses those
            in the configuration folder, which are created on first use.
        keytab: The keytab of `principal`; without it, the ticket from `kinit` is used.
        principal: The principal to log in as, on a cluster with Kerberos.
        log: Ignored.
        log_level: Ignored.
        java_options: Ignored.

    Raises:
        FileNotFoundError: The keytab does not exist.
        DriverError: There is no Hadoop configuration, or the keytab is not valid for `principal`.
    """

    _otherwise = exceptions.DriverError
    _proc = None  # programs look whether a driver belongs to the client

    def __init__(  # skein's signature
        self,
        address: str | None = None,
        security: Security | None = None,
        keytab: str | Path | None = None,
        principal: str | None = None,
        log: object = None,  # noqa: ARG002
        log_level: object = None,  # noqa: ARG002
        java_options: object = None,  # noqa: ARG002
    ) -> None:
        self.address = address
        self._security = security
        self._login = (keytab, principal)
        self._lock = threading.Lock()
        self._opened: engine_client.Client | None = None
        try:
            self._open()
        except errors.YarnhubError as error:
            # A ticket may be obtained later.
            if keytab is not None or not isinstance(error, errors.AuthenticationError):
                raise self._translated(error) from error

    def _open(self) -> engine_client.Client:
        with self._lock:
            if self._opened is None:
                self._settings = environment.settings(*self._login)
                own = None if self._security is None else credentials_of(self._security)
                engine = engine_client.Client(self._settings, own)
                self._held = KeptOpen(self, lambda: engine)
                self._opened = engine
            return self._opened

    @property
    def engine(self) -> engine_client.Client:
        """The asynchronous client, which is open on the event loop behind this class."""
        with skeins_errors(self._otherwise):
            return self._open()

    @functools.cached_property
    def _default(self) -> Security:
        return Security.from_default()

    @property
    def security(self) -> Security:
        """The credentials for submitting and connecting to applications."""
        return self._security or self._default

    def call(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a method of the asynchronous client; raises skein's errors for its own."""
        _ = self.engine  # logs in, if there was no ticket before
        return super().call(function, *args, **kwargs)

    def close(self) -> None:
        """Close all connections; a second time does nothing."""
        if self._opened is not None:
            super().close()

    def __repr__(self) -> str:
        return f"Client<{self._settings.user_name if self._opened else 'nobody yet'}>"

    def __reduce__(self) -> tuple[object, ...]:
        return Client, (self.address, self._security, *self._login)

    # --- the driver that skein needed

    @classmethod
    def from_global_driver(cls) -> Self:
        """Return a new client: there is no driver."""
        return cls()

    @staticmethod
    def start_global_driver(
        keytab: str | Path | None = None,
        principal: str | None = None,
        log: object = None,  # noqa: ARG004
        log_level: object = None,  # noqa: ARG004
        java_options: object = None,  # noqa: ARG004
    ) -> str:
        """Check the login only; there is no driver, so the returned address is empty."""
        Client(keytab=keytab, principal=principal).close()
        return ""

    @staticmethod
    def stop_global_driver(force: bool = False) -> None:  # noqa: FBT001, FBT002  # skein's signature
        """Does nothing: there is no driver."""

    # --- submission

    def submit(self, spec: ApplicationSpec | Mapping[str, Any] | str | Path) -> str:
        """Submit an application; returns its id when YARN has accepted it.

        Args:
            spec: A specification, its document, or the path of its file.

        Raises:
            ValueError: The specification is invalid.
            DriverError: The cluster refuses it; also a `ValueError` if it requests more than the
                cluster has, or names a file that does not exist.
        """
        from yarnhub.client.submit.spec_file import resolve_sources

        whole = ApplicationSpec._from_any(spec).checked()  # noqa: SLF001  # ours
        with skeins_errors(self._otherwise):
            whole = resolve_sources(whole, Path.cwd())
        return str(self.call(self.engine.submit, whole))

    def submit_and_connect(
        self, spec: ApplicationSpec | Mapping[str, Any] | str | Path
    ) -> ApplicationClient:
        """Submit an application and wait until it runs; kills it if that fails."""
        specification = ApplicationSpec._from_any(spec)  # noqa: SLF001  # ours
        app_id = self.submit(specification)
        try:
            return self.connect(app_id, security=specification.master.security)
        except BaseException:
            with contextlib.suppress(exceptions.SkeinError):
                self.kill_application(app_id)
            raise

    def connect(
        self,
        app_id: str,
        wait: bool = True,  # noqa: FBT001, FBT002  # skein's signature
        security: Security | None = None,
    ) -> ApplicationClient:
        """Connect to an application.

        Args:
            app_id: Its id.
            wait: Whether to wait until it runs, without a time limit.
            security: The credentials that it was submitted with, or its own; None uses the
                client's, and in a container, for its own application, those of the container.

        Raises:
            ApplicationNotRunningError: It has ended, or is not running yet and `wait` is False.
        """
        security = security or self._security or Security._default_for(app_id)  # noqa: SLF001  # ours
        number = ApplicationId.parse(app_id)
        try:
            engine = self.call(
                applications.connect, self.engine, number, credentials_of(security), wait=wait
            )
        except exceptions.DriverError as error:
            if isinstance(error.__cause__, ApplicationFailedError):
                raise exceptions.ApplicationNotRunningError(str(error)) from error
            raise
        return ApplicationClient._located(engine.address, engine.id, security, engine.locate)  # noqa: SLF001  # ours

    # --- reports

    def application_report(self, app_id: str) -> model.ApplicationReport:
        """One application.

        Raises:
            ValueError: YARN knows no application with this id.
        """
        record = self.call(applications.find_application, self.engine, ApplicationId.parse(app_id))
        return model.ApplicationReport.of(record)

    def get_applications(  # skein's signature
        self,
        states: Iterable[str | model.ApplicationState] | None = None,
        name: str | None = None,
        user: str | None = None,
        queue: str | None = None,
        started_begin: When = None,
        started_end: When = None,
        finished_begin: When = None,
        finished_end: When = None,
    ) -> list[model.ApplicationReport]:
        """The applications that pass all filters, by id; those that have not ended by default."""
        started, finished = (started_begin, started_end), (finished_begin, finished_end)
        filters = ApplicationFilters.parse(states, name, user, queue, *started, *finished)
        found = self.call(applications.find_applications, self.engine, filters)
        return [model.ApplicationReport.of(record) for record in found]

    _parse_datetime = staticmethod(parse_time)  # skein's own tests look here

    def application_logs(self, app_id: str, user: str = "") -> model.ApplicationLogs:
        """The logs of an application so far, by YARN's container id.

        All logs are kept in memory; `yarnhub.client.Client.logs` yields them in parts.

        Args:
            app_id: Its id.
            user: The user to act for; empty for the caller.
        """
        logs = self.call(self._read_logs, ApplicationId.parse(app_id), user)
        return model.ApplicationLogs(app_id, logs)

    async def _read_logs(self, number: ApplicationId, user: str) -> dict[str, str]:
        async with (
            self.engine.acting_for(user) as engine,
            applications.log_reader(engine, number) as client,
        ):
            return await read_texts(client.logs(number))

    def explain_application(self, app_id: str) -> Explanation:
        """Why an application waits, what it does and where, or how it ended: in plain words.

        Raises:
            ValueError: YARN knows no application with this id.
        """
        from skein.explanation import Explanation

        found = self.call(applications.explain, self.engine, ApplicationId.parse(app_id))
        return Explanation.of(found, logs=f"Client.application_logs({app_id!r})")

    # --- the cluster

    def get_nodes(
        self, states: Iterable[str | model.NodeState] | None = None
    ) -> list[model.NodeReport]:
        """The cluster's nodes in these states, by id; in any state by default."""
        found = self.call(find_nodes, self.engine, node_states(states))
        return [model.NodeReport.of(one) for one in found]

    def get_queue(self, name: str) -> model.Queue:
        """One queue, by its name with or without the queues above it.

        Raises:
            ValueError: There is no queue with this name.
        """
        return model.Queue.of(self.call(find_queue, self.engine, name))

    def get_child_queues(self, name: str) -> list[model.Queue]:
        """The queues directly below one.

        Raises:
            ValueError: There is no queue with this name.
        """
        found = self.call(find_queue, self.engine, name)
        return [model.Queue.of(child) for child in found.child_queues]

    def get_all_queues(self) -> list[model.Queue]:
        """All queues below the root, each before its children."""
        return [model.Queue.of(one) for one in self.call(find_all_queues, self.engine)]

    # --- control

    def kill_application(self, app_id: str, user: str = "") -> None:
        """Kill an application; returns when it has ended.

        An application that only its owner may kill is killed as its owner, if the cluster allows
        the caller to act for the owner.

        Args:
            app_id: Its id.
            user: The user to act for; empty for the caller.
        """
        self.call(self._kill, ApplicationId.parse(app_id), user)

    async def _kill(self, number: ApplicationId, user: str) -> None:
        async with self.engine.acting_for(user) as engine:
            await lifecycle.kill(engine, number)

    def keep_tokens(self, *app_ids: str) -> None:
        """Keep applications' delegation tokens valid; returns when all applications have ended.

        For applications that run longer than the lifetime of the cluster's tokens, 7 days by
        default. The login must last as long, as with a keytab.

        Args:
            app_ids: Of applications that were submitted with this client's credentials; whose
                owners this client's principal may act for.
        """
        from yarnhub.client.token_delivery import keep_all_tokens

        numbers = [ApplicationId.parse(each) for each in app_ids]
        own = None if self._security is None else credentials_of(self._security)
        _ = self.engine  # logs in, if there was no ticket before
        self.call(keep_all_tokens, self._settings, numbers, own)

    def move_application(self, app_id: str, queue: str) -> None:
        """Move an application to another queue.

        Raises:
            ValueError: There is no such application or queue, or the queue accepts no applications.
        """
        self.call(lifecycle.move, self.engine, ApplicationId.parse(app_id), queue)
