"""An application whose ApplicationMaster runs in this process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar, cast

from yarnhub.appmaster.core.application import Application
from yarnhub.appmaster.core.instances import reports
from yarnhub.appmaster.core.placement import Topology
from yarnhub.appmaster.shell.journal.recorder import restore
from yarnhub.appmaster.shell.server.clients import ApplicationClients
from yarnhub.appmaster.shell.server.control import answer_in_time
from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import (
    CallOutcome,
    ConnectionLostError,
    ControlError,
    FailureCode,
)
from yarnhub.base.tasks import task_group
from yarnhub.client.application.requests import ApplicationRequests
from yarnhub.client.explain.facts import ApplicationFacts
from yarnhub.control import bootstrap
from yarnhub.control import json as control_json
from yarnhub.control.messages import ACTIVE_STATES, ContainerState, FinalStatus
from yarnhub.hadoop.wire.tokens import AMRM_TOKEN
from yarnhub.spec import ApplicationSpec
from yarnhub.unmanaged.streams import Streams
from yarnhub.yarn.records.applications import ApplicationReport, YarnApplicationState
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.appmaster.core.actions import Finish
    from yarnhub.appmaster.core.budgets import Budgets
    from yarnhub.appmaster.shell.journal.recorder import Journal
    from yarnhub.appmaster.shell.runner import Runner
    from yarnhub.client.explain.reasons import Reason
    from yarnhub.client.tokens.keeper import KeptTokens
    from yarnhub.control.messages import Request, ServiceContainer
    from yarnhub.hadoop.wire.tokens import Token, TokenStorage
    from yarnhub.unmanaged.streams import StreamAcceptor

A = TypeVar("A")

_RETRY_PAUSE = 0.2
"""Seconds until the state of an application without a runner is queried again."""


class UnmanagedApplication(ApplicationRequests):
    """An application that `UnmanagedApplications` holds.

    Its requests are answered from memory, without the network; they raise `ControlError`.

    Attributes:
        id: The application's id, such as `application_1700000000000_0001`.
        spec: The submitted specification, with its files staged.
        user: The user that it runs as.
        waits_for: Why YARN has not allocated a container, determined some seconds after it has
            begun to wait; None if it does not wait or the reason is unknown.
    """

    def __init__(self, credentials: TokenStorage, journal: Journal, budgets: Budgets) -> None:
        secrets = credentials.secrets
        self.credentials = credentials
        self.submitted = control_json.load(
            bootstrap.SubmittedApplication, secrets[bootstrap.APPLICATION]
        )
        self.id = self.submitted.application_id
        self.application_id = ApplicationId.parse(self.id)
        self.user = self.submitted.user
        self.spec = ApplicationSpec.from_json(self.submitted.specification)
        self._budgets = budgets
        self.core = self._new_core()
        self.clients = ApplicationClients(self.ask, budgets)
        self.journal = journal
        self.pair = secrets[bootstrap.CERTIFICATE], secrets[bootstrap.KEY]
        self.runner: Runner | None = None
        self.waits_for: Reason | None = None
        self._end: asyncio.Future[Finish] = asyncio.get_running_loop().create_future()

    def _new_core(self) -> Application:
        return Application(
            self.spec,
            self.submitted.specification,
            Topology(racks=self.submitted.racks),
            self._budgets,
        )

    async def restore(self) -> None:
        """Restore its state from its journal.

        Raises:
            YarnhubError: The journal cannot be read, or is of another version of yarnhub.
        """
        core = self._new_core()
        await restore(core, self.journal)
        self.core = core

    async def ask(self, request: Request[A]) -> A:
        """See `ApplicationRequests.ask`. Cancelling withdraws a request that waits."""
        if self.runner is None:
            if not self.over:
                text = f"{self.id} is being taken over again: retry"
                raise ConnectionLostError(text, CallOutcome.NOT_SENT)
            self._end.result()  # raises if it has not ended, but is no longer held
            raise ControlError(FailureCode.ENDED, f"{self.id} has ended")
        answer = await answer_in_time(request, self.runner.ask)
        return cast("A", answer)  # the core returns the request's class of answer

    @property
    def over(self) -> bool:
        """Whether it has ended, or is no longer held."""
        return self._end.done()

    @property
    def am_rm_token(self) -> Token | None:
        """The newest one; None if YARN issued none, because its submission was interrupted."""
        return self.core.yarn_tokens.am_rm or self.credentials.find(AMRM_TOKEN)

    @property
    def waits(self) -> bool:
        """Whether it waits for containers and none is running."""
        services = self.core.services.values()
        return (
            self.runner is not None
            and any(service.requested for service in services)
            and not any(service.find(ContainerState.RUNNING) for service in services)
        )

    @property
    def containers(self) -> tuple[ServiceContainer, ...]:
        """Its containers as last known, the ended ones included; no request."""
        services = self.core.services.values()
        return tuple(each.report() for service in services for each in service.instances)

    def container(self, container_id: str) -> ServiceContainer | None:
        """A container as last known, no request; None if there is none, or it ended long ago.

        Args:
            container_id: Such as `worker_3`.
        """
        service, _, number = container_id.rpartition("_")
        found = self.core.services.get(service)
        instance = found.get(int(number)) if found is not None and number.isdecimal() else None
        return instance.report() if instance is not None else None

    def variables(self, service: str) -> dict[str, Mapping[str, str]]:
        """The variables with which a service's containers were added, by the container's id.

        Those that have ended are left out.

        Args:
            service: The service's name.
        """
        found = self.core.services[service]
        return {each.id: each.env for state in ACTIVE_STATES for each in found.find(state)}

    def facts(self, queue: str) -> ApplicationFacts:
        """The facts about it in this process, while it is running.

        Args:
            queue: The queue in which YARN has placed it.
        """
        report = ApplicationReport(
            application_id=self.application_id,
            user=self.user,
            queue=queue,
            yarn_application_state=YarnApplicationState.RUNNING,
            unmanaged_application=True,
        )
        requested = (
            each
            for service in self.core.services.values()
            for each in service.find(ContainerState.REQUESTED)
        )
        return ApplicationFacts(report=report, instances=reports(requested, None), spec=self.spec)

    def record_end(self, finish: Finish) -> None:
        """Record that it has ended; called by its holder."""
        self.runner = None
        if not self._end.done():
            self._end.set_result(finish)

    def accept_streams(self, accept: StreamAcceptor | None) -> None:
        """Accept the connections without requests of its containers; None refuses new ones."""
        self.clients.streams = Streams(accept, self._budgets.streams) if accept else None

    def let_go(self) -> None:
        """Stop holding it; it keeps running."""
        self.runner = None
        if not self._end.done():
            text = f"{self.id} is no longer held by this process; it keeps running"
            self._end.set_exception(ConnectionLostError(text, CallOutcome.UNKNOWN))
            self._end.exception()  # retrieved: there may be no waiter

    async def ended(self, *, deadline: float | None = None) -> Finish:
        """Wait until it has ended; returns how it ended.

        Args:
            deadline: Seconds from now; None for no limit.

        Raises:
            DeadlineExceededError: It is still running.
            ConnectionLostError: It keeps running, but this process no longer holds it.
        """
        words = f"{self.id} has not ended within {deadline or 0:g} s; it keeps running"
        async with Deadline(deadline, lambda: words):
            return await asyncio.shield(self._end)

    async def keep_tokens(self, kept: KeptTokens) -> None:
        """Pass each new set of tokens to it; returns when it has ended."""

        async def bring() -> None:
            number = 0
            while True:
                number = await kept.newer(number)
                await self.update_tokens(kept.content)

        try:
            async with task_group() as group:
                bringing = group.create_task(bring(), name="pass tokens")
                await self.ended()
                bringing.cancel()
        finally:
            kept.ended = self._end.done()

    async def kill(self, *, deadline: float = 60.0) -> None:
        """Kill it; returns when it has ended and its uploads are deleted.

        Raises:
            DeadlineExceededError: The ResourceManager does not respond; retries continue.
        """
        words = f"{self.id} has not ended within {deadline:g} s; retries continue"
        async with Deadline(deadline, lambda: words):
            while not self.over:
                try:
                    await self.shutdown(FinalStatus.KILLED, "Killed by user request.")
                    break
                except ConnectionLostError:  # its run has ended; it has ended, too, or is run again
                    await asyncio.sleep(_RETRY_PAUSE)
                except ControlError:
                    if not self.over:
                        raise
            await self.ended()
