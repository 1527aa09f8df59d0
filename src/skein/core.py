"""The cluster, for programs that block."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from skein import environment, exceptions, model
from skein.application_client import ApplicationClient
from skein.applications import Filters, find_application, find_applications, read_logs
from skein.blocking import Blocking, itself, translate
from skein.portal import Held
from skein.queues import find_all_queues, find_nodes, find_queue
from skein.security import Security, credentials_of
from yarnhub.base import errors
from yarnhub.client import client as engine_client
from yarnhub.spec import ApplicationSpec
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from skein.applications import When
    from yarnhub.client.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")

_KILLED_AFTER = 60.0
"""Seconds that an application may take to end after it was killed."""


class Client(Blocking):
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
        self._held = Held(self, functools.partial(itself, self._engine))

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

    # --- the cluster

    def get_nodes(
        self, states: Iterable[str | model.NodeState] | None = None
    ) -> list[model.NodeReport]:
        """The cluster's nodes in these states, by id; in any state by default."""
        names = None if states is None else tuple(map(str, states))
        return [model.NodeReport.of(one) for one in self.call(find_nodes, self._engine, names)]

    def get_queue(self, name: str) -> model.Queue:
        """One queue, by its name with or without the queues above it.

        Raises:
            ValueError: There is none of this name.
        """
        return model.Queue.of(self.call(find_queue, self._engine, name))

    def get_child_queues(self, name: str) -> list[model.Queue]:
        """The queues directly below one.

        Raises:
            ValueError: There is none of this name.
        """
        found = self.call(find_queue, self._engine, name)
        return [model.Queue.of(child) for child in found.child_queues]

    def get_all_queues(self) -> list[model.Queue]:
        """All queues below the root, each before its children."""
        return [model.Queue.of(one) for one in self.call(find_all_queues, self._engine)]

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
        case ApplicationSpec():  # what may have been changed is checked as a whole
            whole = ApplicationSpec.from_dict(spec.to_dict(secrets=True))
            return resolve_sources(whole, Path.cwd())
        case Mapping():
            return resolve_sources(ApplicationSpec.from_dict(spec), Path.cwd())
        case _:
            raise TypeError(
                f"spec must be an ApplicationSpec, a mapping or a path, not {type(spec).__name__}"
            )


def _own_security(spec: ApplicationSpec) -> Security | None:
    found = spec.master.security
    return None if found is None else Security.read(found)
