"""A holder whose containers are processes of this machine. All but YARN is what it is elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from client.submissions import submission
from yarn.launcher import write_script
from yarnhub.appmaster.core.contexts import ContextBuilder
from yarnhub.appmaster.shell.journal.file import FileJournal
from yarnhub.appmaster.shell.server.control import serve
from yarnhub.base.background import BackgroundTasks
from yarnhub.client.access.credentials import Credentials
from yarnhub.client.submit.masters import UnmanagedMaster
from yarnhub.client.submit.submission import credentials
from yarnhub.cluster.ports import choose_ports
from yarnhub.control.bootstrap import given_secrets, server_name
from yarnhub.control.outcomes import Cause, Outcome
from yarnhub.kernels.local_holder import BUDGETS, LocalKernelHolder
from yarnhub.sessions.session import SessionEnd, SessionSnapshot
from yarnhub.sessions.unmanaged_holder import UnmanagedHolder, UnmanagedSession
from yarnhub.unmanaged import UnmanagedApplication, UnmanagedApplications
from yarnhub.unmanaged.admission import SharedAdmission
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarnhub.client.access.settings import Settings
    from yarnhub.hadoop.wire.tokens import TokenStorage
    from yarnhub.sessions.session import Session
    from yarnhub.sessions.tags import HubTags
    from yarnhub.spec import ApplicationSpec

HOST = "localhost"


@dataclass
class Container:
    """A container, which outlives its holder.

    Attributes:
        tokens: What is kept of its application.
        folder: Its folder.
        process: Its first process.
        outcome: How it ended, if it was ended.
        lost: Why YARN took it back, although its processes may still run.
    """

    tokens: TokenStorage
    folder: Path
    process: asyncio.subprocess.Process
    outcome: Outcome | None = None
    loss: Outcome | None = None

    async def end(self, outcome: Outcome, grace: float = 0.0) -> None:
        """End it as a NodeManager does."""
        self.outcome = self.outcome or outcome
        for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
            if patience and self.process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, number)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(patience):
                        await self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass
class Cluster:
    """The containers of all holders, one after the other."""

    containers: dict[str, Container] = field(default_factory=dict)
    # Not one of those that the system gives out while it has no holder.
    port: int = field(default_factory=lambda: choose_ports(["holder"], {})["holder"])
    number: int = 0

    async def close(self) -> None:
        for container in self.containers.values():
            await container.end(Outcome(cause=Cause.KILLED_BY_USER))


class ProcessSession(UnmanagedSession):
    """One container, at once."""

    def __init__(
        self,
        applications: UnmanagedApplications,
        application: UnmanagedApplication,
        container: Container,
    ) -> None:
        super().__init__(applications, application, identity="")
        self.container = container

    async def ended(self) -> None:
        await self.container.process.wait()

    async def poll(self) -> SessionEnd | None:
        code = self.container.process.returncode
        if self.loss is not None:
            return SessionEnd(1, self.loss)
        if code is None:
            return None
        return SessionEnd(1, self.container.outcome or Outcome.of_code(code % 256))

    @property
    def current(self) -> SessionSnapshot:
        return SessionSnapshot(node=HOST, container="container_1_0001_01_000001")

    @property
    def loss(self) -> Outcome | None:
        return self.container.loss

    async def stop(self, *, now: bool) -> None:
        outcome = Outcome(cause=Cause.KILLED_BY_USER)
        await self.container.end(outcome, grace=0.0 if now else 8.0)


class ProcessSessions(UnmanagedHolder):
    """Holds the sessions of a cluster that YARN does not run."""

    def __init__(self, cluster: Cluster, settings: Settings, tags: HubTags, folder: Path) -> None:
        super().__init__(settings, tags, folder=folder, host=HOST, budgets=BUDGETS)
        self.cluster = cluster
        self.path = folder
        self.unused = UnmanagedApplications(settings, folder=folder)
        self.sessions: dict[str, ProcessSession] = {}
        self.serving: asyncio.Future[None] | None = None
        self._tasks = BackgroundTasks()

    async def aclose(self) -> None:
        await self._tasks.aclose()
        await super().aclose()

    async def held(self) -> list[UnmanagedSession]:
        if self.serving is None:
            self.serving = asyncio.get_running_loop().create_future()
            _ = self._tasks.start(self._serve(self.serving), "port")
            await self.serving
            for container in self.cluster.containers.values():
                if container.process.returncode is None:
                    self._new(container)
        return list(self.sessions.values())

    async def _serve(self, serving: asyncio.Future[None]) -> None:
        def find(name: str) -> UnmanagedApplication | None:
            applications = [each.application for each in self.sessions.values()]
            return next((each for each in applications if server_name(each.id) == name), None)

        async with serve(SharedAdmission(find), HOST, self.cluster.port) as self.cluster.port:
            serving.set_result(None)
            await asyncio.get_running_loop().create_future()

    def _new(self, container: Container) -> ProcessSession:
        journal = FileJournal(self.path / "journal")
        application = UnmanagedApplication(container.tokens, journal, BUDGETS)
        session = self.sessions[application.id] = ProcessSession(
            self.unused, application, container
        )
        return session

    async def find(self, application_id: str) -> Session | SessionEnd | None:
        found = self.sessions.get(application_id)
        if found is not None:
            return found
        container = self.cluster.containers[application_id]
        return SessionEnd(1, container.outcome or Outcome(cause=Cause.FORGOTTEN))

    async def all(self, tag: str = "") -> Sequence[Session]:  # type: ignore[override]  # a list
        return [each for each in self.sessions.values() if tag in each.application.spec.tags]

    async def _submit(
        self, spec: ApplicationSpec, secrets: Mapping[str, bytes]
    ) -> UnmanagedSession:
        self.cluster.number += 1
        own = Credentials.generate()
        tokens = credentials(
            submission(
                spec,
                application_id=ApplicationId(id=self.cluster.number, cluster_timestamp=1),
                master=UnmanagedMaster(),
                certificate=own.certificate,
                key=own.key,
                secrets=secrets,
                resource_managers=("127.0.0.1:1",),
            )
        )
        assert given_secrets(tokens.secrets) == secrets
        folder = Path(tempfile.mkdtemp(prefix="yhc-"))
        application = UnmanagedApplication(tokens, FileJournal(self.path / "journal"), BUDGETS)
        builder = ContextBuilder(application.submitted, f"{HOST}:{self.cluster.port}", tokens)
        ((name, service),) = spec.services.items()
        made = builder.build(name, service, 0, {})
        (folder / "container_tokens").write_bytes(made.tokens or b"")
        environment = {
            **made.environment,
            "HADOOP_TOKEN_FILE_LOCATION": str(folder / "container_tokens"),
            "LOG_DIRS": str(folder / "logs"),
        }
        process = await asyncio.create_subprocess_exec(
            *("/bin/bash", str(write_script(folder, environment, made.command))),
            cwd=folder,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
            start_new_session=True,
        )
        container = self.cluster.containers[application.id] = Container(tokens, folder, process)
        return self._new(container)


class ProcessKernelHolder(LocalKernelHolder):
    """A holder of kernels without YARN.

    Args:
        cluster: Where its containers are.
        settings: Those of a cluster that does not respond.
        folder: See `LocalKernelHolder`.
    """

    def __init__(self, cluster: Cluster, settings: Settings, folder: Path) -> None:
        super().__init__(settings, folder=folder, host=HOST)
        self._cluster = cluster

    def _new_sessions(self, tags: HubTags, folder: Path) -> UnmanagedHolder:
        return ProcessSessions(self._cluster, self._settings, tags, folder)
