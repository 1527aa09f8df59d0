"""The cluster and its applications, for programs that block."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from skein import environment, exceptions, model
from skein.applications import Filters, find_application, find_applications, read_logs
from skein.kv import KeyValueStore
from skein.portal import Held
from skein.security import Security, credentials_of
from yarnhub.base import errors
from yarnhub.client import client as engine_client
from yarnhub.spec import ApplicationSpec, Resources
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from types import TracebackType
    from typing import Any, Self

    from skein.applications import When
    from yarnhub.client.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")

_KILLED_AFTER = 60.0
"""Seconds that an application may take to end after it was killed."""


def translate(error: errors.YarnhubError, otherwise: type[exceptions.SkeinError]) -> Exception:
    """The error that skein's users know for one of yarnhub's.

    Args:
        error: Yarnhub's.
        otherwise: The class for what has none of its own.
    """
    match error:
        case errors.SpecError():
            return error  # a ValueError that says where
        case errors.ConnectError() | errors.ConnectionLostError():
            return exceptions.ConnectionError(str(error))
        case errors.DeadlineExceededError():
            return exceptions.TimeoutError(str(error))
        case errors.ApplicationNotFoundError():
            return ValueError(str(error))
        case errors.ControlError(code="not-found"):
            return KeyError(str(error))
        case errors.ControlError(code="invalid"):
            return ValueError(str(error))
        case errors.ControlError(code="ended"):
            return exceptions.ConnectionError(str(error))
        case _:
            return otherwise(str(error))


class _Blocking:
    """What a client is made of: an engine that is kept open on the loop."""

    _otherwise: type[exceptions.SkeinError]
    _held: Held

    def call(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a method of the engine, and raise skein's errors for its own."""
        try:
            return self._held.call(functools.partial(function, *args, **kwargs))
        except errors.YarnhubError as error:
            raise translate(error, self._otherwise) from error

    def close(self) -> None:
        """Close all connections; a second time does nothing."""
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Client(_Blocking):
    """The cluster, as one user sees it. Threads may share a client.

    Every method raises `skein.ConnectionError` where nobody answers, `skein.TimeoutError` where no
    answer comes, and `skein.DriverError` where the cluster refuses.

    Args:
        address: Ignored: there is no driver.
        security: The credentials that applications are submitted and reached with; None takes
            those in the configuration folder, which are made on first use.
        keytab: A file with the key of `principal`; without it, the ticket of `kinit` is used.
        principal: Who to log in as, on a cluster with Kerberos.
        log: Ignored.
        log_level: Ignored.
        java_options: Ignored.
    """

    _otherwise = exceptions.DriverError

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
        self.security = security
        self._login = (keytab, principal)
        try:
            self._settings = _settings(keytab, principal)
            credentials = None if security is None else credentials_of(security)
            self._engine = engine_client.Client(self._settings, credentials)
        except errors.YarnhubError as error:
            raise translate(error, self._otherwise) from error
        self._held = Held(self, functools.partial(_itself, self._engine))

    def __repr__(self) -> str:
        return f"Client<{self._settings.user_name}>"

    def __reduce__(self) -> tuple[object, ...]:
        return Client, (self.address, self.security, *self._login)

    @classmethod
    def from_global_driver(cls) -> Self:
        """A client; there is no driver, global or other."""
        return cls()

    # --- submission

    def submit(self, spec: ApplicationSpec | Mapping[str, object] | str | Path) -> str:
        """Submit an application; returns its id when all is uploaded and YARN has accepted it.

        Args:
            spec: What to run: a specification, its document, or the path of its file.

        Raises:
            ValueError: The specification is wrong, or asks for what the cluster never has.
        """
        return str(self.call(self._engine.submit, _specification(spec)))

    def submit_and_connect(
        self, spec: ApplicationSpec | Mapping[str, object] | str | Path
    ) -> ApplicationClient:
        """Submit an application and wait until it runs; it is killed if that fails."""
        specification = _specification(spec)
        app_id = self.submit(specification)
        try:
            return self.connect(app_id, security=_own_security(specification))
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
        """Reach an application.

        Args:
            app_id: Its id.
            wait: Whether to wait until it runs.
            security: The credentials that it was submitted with; None takes the client's.

        Raises:
            ApplicationNotRunningError: It has ended, or does not run yet and `wait` is False.
        """
        credentials = None if security is None else credentials_of(security)
        number = ApplicationId.parse(app_id)
        try:
            engine = self.call(self._engine.connect, number, wait=wait, credentials=credentials)
        except exceptions.DriverError as error:
            if isinstance(error.__cause__, errors.ApplicationFailedError):
                raise exceptions.ApplicationNotRunningError(str(error)) from error
            raise
        security = security or self.security or Security.from_user()
        return ApplicationClient(engine.address, engine.id, security)

    # --- reports

    def application_report(self, app_id: str) -> model.ApplicationReport:
        """One application.

        Raises:
            ValueError: YARN knows none of this id.
        """
        record = self.call(find_application, self._engine, ApplicationId.parse(app_id))
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
        filters = Filters(
            states=None if states is None else tuple(map(str, states)),
            name=name,
            user=user,
            queue=queue,
            started_begin=started_begin,
            started_end=started_end,
            finished_begin=finished_begin,
            finished_end=finished_end,
        )
        found = self.call(find_applications, self._engine, filters)
        return [model.ApplicationReport.of(record) for record in found]

    def application_logs(self, app_id: str, user: str = "") -> dict[str, str]:
        """The logs of an application that has ended, by YARN's container id.

        Args:
            app_id: Its id.
            user: Whom to act for; empty is the user who calls.
        """
        return self.call(self._read_logs, ApplicationId.parse(app_id), user)

    async def _read_logs(self, number: ApplicationId, user: str) -> dict[str, str]:
        found: dict[str, bytearray] = {}
        settings = self._settings.acting_for(user)
        async with contextlib.aclosing(read_logs(self._engine, settings, number)) as chunks:
            async for chunk in chunks:
                content = found.setdefault(str(chunk.file.container_id), bytearray())
                if chunk.offset == 0:
                    content += f"{chunk.file.name}\n{'-' * len(chunk.file.name)}\n".encode()
                content += chunk.data
        return {key: content.decode(errors="replace") for key, content in found.items()}

    # --- control

    def kill_application(self, app_id: str, user: str = "") -> None:
        """End an application at once; returns when it has ended.

        Args:
            app_id: Its id.
            user: Whom to act for; empty is the user who calls.
        """
        self.call(self._kill, ApplicationId.parse(app_id), user)

    async def _kill(self, number: ApplicationId, user: str) -> None:
        async with engine_client.Client(self._settings.acting_for(user)) as engine:
            await find_application(engine, number)
            await engine.kill(number, deadline=_KILLED_AFTER)

    def move_application(self, app_id: str, queue: str) -> None:
        """Move an application to another queue."""
        manager = self._engine.resource_manager
        self.call(manager.move_application_across_queues, ApplicationId.parse(app_id), queue)


@contextlib.asynccontextmanager
async def _itself(engine: Any) -> Any:  # an asynchronous context manager of the engine
    async with engine:
        yield engine


def _settings(keytab: str | Path | None, principal: str | None) -> Settings:
    if keytab is None and principal is None:
        return environment.settings()
    if keytab is None or principal is None:
        raise ValueError("give both a keytab and a principal, or neither")
    from yarnhub.hadoop.security.kerberos import Keytab

    return environment.settings(Keytab(keytab, principal))


def _specification(spec: ApplicationSpec | Mapping[str, object] | str | Path) -> ApplicationSpec:
    from yarnhub.client.spec_file import read_spec_file, resolve_sources

    match spec:
        case str() | Path():
            return read_spec_file(spec)
        case ApplicationSpec():
            return resolve_sources(spec, Path.cwd())
        case Mapping():
            return resolve_sources(ApplicationSpec.from_dict(spec), Path.cwd())
        case _:
            raise TypeError(
                f"spec must be an ApplicationSpec, a mapping or a path, not {type(spec).__name__}"
            )


def _own_security(spec: ApplicationSpec) -> Security | None:
    found = spec.master.security
    return None if found is None else Security.read(found.to_dict(secrets=True))


class ApplicationClient(_Blocking):
    """A running application. Threads may share a client.

    Every method raises `skein.ConnectionError` where the application cannot be reached.

    Args:
        address: `host:port` of its ApplicationMaster.
        app_id: Its id.
        security: The credentials that it was submitted with; None takes those of the container
            that this process runs in, or the user's own.
    """

    _otherwise = exceptions.ApplicationError

    def __init__(self, address: str, app_id: str, security: Security | None = None) -> None:
        from yarnhub.client.application import ApplicationClient as Engine

        self.id = app_id
        self.address = address
        self.security = security or Security.from_default()
        self.engine = Engine(app_id, address, credentials_of(self.security))
        self._held = Held(self, functools.partial(_itself, self.engine))

    def __repr__(self) -> str:
        return f"ApplicationClient<{self.id}, {self.address}>"

    def __reduce__(self) -> tuple[object, ...]:
        return ApplicationClient, (self.address, self.id, self.security)

    @classmethod
    def from_current(cls) -> Self:
        """The application whose container this process runs in.

        Raises:
            ValueError: This is no container.
        """
        try:
            container = environment.current_container()
        except errors.YarnhubError as error:
            raise translate(error, cls._otherwise) from error
        if container is None:
            raise ValueError("Not running inside a container")
        return cls(container.address, container.application_id, Security.from_default())

    @functools.cached_property
    def kv(self) -> KeyValueStore:
        """The application's key-value store."""
        return KeyValueStore(self)

    def shutdown(
        self, status: str | model.FinalStatus = "SUCCEEDED", diagnostics: str | None = None
    ) -> None:
        """Have the application end; returns when its ApplicationMaster has agreed.

        Args:
            status: How it is to have ended.
            diagnostics: What YARN is to say about it.
        """
        from yarnhub.control.messages import FinalStatus

        final = FinalStatus(model.FinalStatus(status).value)
        self.call(self.engine.shutdown, final, diagnostics or "")

    def get_specification(self) -> ApplicationSpec:
        """The specification in effect: files have the sources that the nodes read."""
        import json

        return ApplicationSpec.from_dict(json.loads(self.call(self.engine.get_specification)))

    def get_containers(
        self,
        services: Iterable[str] | None = None,
        states: Iterable[str | model.ContainerState] | None = None,
    ) -> list[model.Container]:
        """Containers, sorted by service and instance; the active ones by default."""
        from yarnhub.control.messages import ACTIVE_STATES, ContainerState

        wanted: tuple[ContainerState, ...] = ACTIVE_STATES
        if states is not None:
            wanted = tuple(ContainerState(model.ContainerState(one).value) for one in states)
        found = self.call(self.engine.get_containers, services, wanted)
        return [model.Container.of(message) for message in found]

    def scale(
        self, service: str, count: int | None = None, delta: int | None = None
    ) -> list[model.Container]:
        """Have `count` instances of a service, or `delta` more; returns those touched."""
        found = self.call(self.engine.scale, service, count=count, delta=delta)
        return [model.Container.of(message) for message in found]

    def add_container(self, service: str, env: Mapping[str, str] | None = None) -> model.Container:
        """Start one more instance, with `env` over the service's own variables."""
        variables = dict(env or {})
        return model.Container.of(self.call(self.engine.add_container, service, variables))

    def kill_container(self, id: str) -> None:  # noqa: A002  # skein's name
        """End a container, such as `worker_3`; one that has ended is no error.

        Raises:
            ValueError: There is none of this id.
        """
        self.call(self.engine.kill_container, id)

    def set_progress(self, progress: float) -> None:
        """Show progress, 0 to 1, in YARN's reports."""
        self.call(self.engine.set_progress, float(progress))


class Properties(Mapping[str, object]):
    """What a process's container is; each is None outside of one. Read when first asked for."""

    _names = (
        "application_id",
        "appmaster_address",
        "config_dir",
        "container_id",
        "container_resources",
        "container_dir",
        "yarn_container_id",
    )

    @property
    def application_id(self) -> str | None:
        """The application's id."""
        return self._variable("SKEIN_APPLICATION_ID")

    @property
    def appmaster_address(self) -> str | None:
        """`host:port` of its ApplicationMaster."""
        return self._variable("SKEIN_APPMASTER_ADDRESS")

    @property
    def config_dir(self) -> str:
        """The folder of the user's credentials."""
        return str(environment.credentials_folder())

    @property
    def container_id(self) -> str | None:
        """Such as `worker_3`; None for the master's script too."""
        return self._variable("SKEIN_CONTAINER_ID")

    @property
    def container_resources(self) -> Resources | None:
        """What the container was asked for."""
        memory = self._variable("SKEIN_RESOURCE_MEMORY")
        vcores = self._variable("SKEIN_RESOURCE_VCORES")
        if memory is None or vcores is None:
            return None
        return Resources.from_dict({"memory": int(memory), "vcores": int(vcores)})

    @property
    def container_dir(self) -> str | None:
        """The container's folder."""
        if self.application_id is None:
            return None
        container = self._variable("CONTAINER_ID") or ""
        folders = (self._variable("LOCAL_DIRS") or "").split(",")
        found = (Path(folder) / container for folder in folders if folder)
        return next((str(folder) for folder in found if folder.is_dir()), None)

    @property
    def yarn_container_id(self) -> str | None:
        """YARN's id of the container."""
        return self._variable("CONTAINER_ID") if self.application_id else None

    def _variable(self, name: str) -> str | None:
        return environment.variables().get(name) or None

    def __getitem__(self, name: str) -> object:
        if name not in self._names:
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


properties = Properties()
