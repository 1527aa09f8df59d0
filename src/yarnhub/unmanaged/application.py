"""One application whose ApplicationMaster runs in this process."""

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
from yarnhub.control.messages import ContainerState, FinalStatus
from yarnhub.hadoop.wire.tokens import AMRM_TOKEN
from yarnhub.spec import ApplicationSpec
from yarnhub.unmanaged.streams import Streams
from yarnhub.yarn.records.applications import ApplicationReport, YarnApplicationState
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from yarnhub.appmaster.core.actions import Finish
    from yarnhub.appmaster.core.budgets import Budgets
    from yarnhub.appmaster.shell.journal.recorder import Journal
    from yarnhub.appmaster.shell.runner import Runner
    from yarnhub.client.explain.reasons import Reason
    from yarnhub.client.tokens.keeper import KeptTokens
    from yarnhub.control.messages import Request
    from yarnhub.hadoop.wire.tokens import Token, TokenStorage
    from yarnhub.unmanaged.streams import StreamAcceptor

A = TypeVar("A")

_RETRY_PAUSE = 0.2
"""Seconds until an application is asked again that nobody runs at the moment."""


class UnmanagedApplication(ApplicationRequests):
    """An application that `UnmanagedApplications` holds.

    Its requests are answered out of memory, without a network in between; they raise
    `ControlError`.

    Attributes:
        id: Such as `application_1700000000000_0001`.
        spec: What was submitted, with its files staged.
        user: Whose it is.
        waits_for: Why YARN gives it no container, some seconds after it has begun to wait; None if
            it does not wait or no reason is known.
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
        """Make it what its journal says.

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
                text = f"{self.id} is being taken over anew: ask again"
                raise ConnectionLostError(text, CallOutcome.NOT_SENT)
            self._end.result()  # raises if it has not ended, but is held no longer
            raise ControlError(FailureCode.ENDED, f"{self.id} has ended")
        answer = await answer_in_time(request, self.runner.ask)
        return cast("A", answer)  # the core answers with the request's class of answer

    @property
    def over(self) -> bool:
        """Whether it has ended, or is held no longer."""
        return self._end.done()

    @property
    def am_rm_token(self) -> Token | None:
        """The newest; None if YARN gave none, since its submission was cut off."""
        return self.core.yarn_tokens.am_rm or self.credentials.find(AMRM_TOKEN)

    @property
    def waits(self) -> bool:
        """Whether it waits for containers and has none."""
        services = self.core.services.values()
        return (
            self.runner is not None
            and any(service.requested for service in services)
            and not any(service.find(ContainerState.RUNNING) for service in services)
        )

    def facts(self, queue: str) -> ApplicationFacts:
        """What is known of it here, while it runs.

        Args:
            queue: Where YARN has put it.
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

    def end(self, finish: Finish) -> None:
        """It has ended; whoever holds it says so."""
        self.runner = None
        if not self._end.done():
            self._end.set_result(finish)

    def accept_streams(self, accept: StreamAcceptor | None) -> None:
        """Accept the connections without requests of its containers; None refuses new ones."""
        self.clients.streams = Streams(accept, self._budgets.streams) if accept else None

    def let_go(self) -> None:
        """It runs on, and this process holds it no longer."""
        self.runner = None
        if not self._end.done():
            text = f"{self.id} is held no longer by this process; it runs on"
            self._end.set_exception(ConnectionLostError(text, CallOutcome.UNKNOWN))
            self._end.exception()  # retrieved: there may be nobody who waits

    async def ended(self, *, deadline: float | None = None) -> Finish:
        """Wait until it has ended; returns how.

        Args:
            deadline: Seconds from now; None waits as long as it takes.

        Raises:
            DeadlineExceededError: It runs on.
            ConnectionLostError: It runs on, and this process has left it.
        """
        words = f"{self.id} has not ended within {deadline or 0:g} s; it runs on"
        async with Deadline(deadline, lambda: words):
            return await asyncio.shield(self._end)

    async def keep_tokens(self, kept: KeptTokens) -> None:
        """Give it each new set of tokens; returns when it has ended."""

        async def bring() -> None:
            number = 0
            while True:
                number = await kept.newer(number)
                await self.update_tokens(kept.content)

        try:
            async with task_group() as group:
                bringing = group.create_task(bring(), name="bring tokens")
                await self.ended()
                bringing.cancel()
        finally:
            kept.ended = self._end.done()

    async def kill(self, *, deadline: float = 60.0) -> None:
        """End it at once; returns when it has ended and its uploads are deleted.

        Raises:
            DeadlineExceededError: The ResourceManager cannot be told; it is tried on.
        """
        words = f"{self.id} has not ended within {deadline:g} s; it is tried on"
        async with Deadline(deadline, lambda: words):
            while not self.over:
                try:
                    await self.shutdown(FinalStatus.KILLED, "Killed by user request.")
                    break
                except ConnectionLostError:  # its run has ended, and either it or another begins
                    await asyncio.sleep(_RETRY_PAUSE)
                except ControlError:
                    if not self.over:
                        raise
            await self.ended()
