"""Holds sessions whose ApplicationMasters run in this process: one container each."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from yarnhub.appmaster.core.budgets import KIB, MIB, Budgets
from yarnhub.base.errors import ControlError, DeadlineExceededError, YarnhubError
from yarnhub.base.held_open import HeldOpen
from yarnhub.control.messages import FinalStatus
from yarnhub.sessions.cluster_holder import ClusterHolder
from yarnhub.sessions.holder import Holder
from yarnhub.sessions.session import Session, SessionEnd, SessionSnapshot, loss
from yarnhub.unmanaged import UnmanagedApplications

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from yarnhub.client.access.settings import Settings
    from yarnhub.client.explain.explanation import Explanation
    from yarnhub.control.outcomes import Outcome
    from yarnhub.sessions.tags import HubTags
    from yarnhub.spec import ApplicationSpec
    from yarnhub.unmanaged import UnmanagedApplication

_log = logging.getLogger(__name__)

BUDGETS = Budgets(
    # The first is used by a container's token agent, the others by `explain` in the hub.
    requests=frozenset({"WatchTokens", "GetContainers", "GetSpecification"}),
    body=16 * KIB,  # requests need a hundred bytes; a MiB of JSON takes 0.2 s to parse
    answer=MIB,
    connections=16,
    at_once=4,
    rate=MIB,
    waiting=100,
    keys=100,
    key_bytes=MIB,
    events=100,
    event_bytes=MIB,
    operations=100,
    instances=1,
    ended=20,
    pages=10,
)
"""The limits of one session, so that no user's container can slow down other sessions."""
_LEAVE = 10.0
"""Seconds for YARN to end a container, in addition to its grace period."""


class UnmanagedHolder(Holder):
    """Holds the applications while the hub runs, and takes them over when it starts.

    One task of this object holds them; its end does not end the applications.

    Args:
        settings: The hub's settings and login; the hub acts for its users.
        hub: The tags by which this hub's applications are recognized.
        folder: The folder for the applications' state.
        host: The host name at which containers reach this process.
        budgets: The limits of each session.
    """

    def __init__(
        self,
        settings: Settings,
        hub: HubTags,
        *,
        folder: Path,
        host: str,
        budgets: Budgets = BUDGETS,
    ) -> None:
        super().__init__(settings, hub)
        self._others = ClusterHolder(settings, hub)
        self._held = HeldOpen(
            lambda: UnmanagedApplications(settings, folder=folder, host=host, budgets=budgets),
            "sessions on YARN",
        )

    async def aclose(self) -> None:
        """Stop holding the applications, which keep running; this object cannot be used again."""
        try:
            await self._held.aclose()
        finally:
            await self._others.aclose()

    async def held(self) -> list[UnmanagedSession]:
        """The sessions that this process holds, without a request to YARN.

        Raises:
            ConfigurationError: The folder cannot be used.
        """
        applications = await self._held.value()
        return [self._session(applications, each) for each in applications.values()]

    async def _submit(
        self, spec: ApplicationSpec, secrets: Mapping[str, bytes]
    ) -> UnmanagedSession:
        applications = await self._held.value()
        return self._session(applications, await applications.submit(spec, secrets=secrets))

    def _session(
        self, applications: UnmanagedApplications, held: UnmanagedApplication
    ) -> UnmanagedSession:
        return UnmanagedSession(applications, held, self.hub.identity(held.spec.tags, held.user))

    async def find(self, application_id: str) -> Session | SessionEnd | None:
        """See `Holder.find`."""
        applications = await self._held.value()
        held = applications.get(application_id)
        if held is not None:
            return self._session(applications, held)
        # For example, it ended while no hub was running, or yarnspawner 0.4 started it.
        return await self._others.find(application_id)

    async def all(self, tag: str = "") -> list[Session]:
        """See `Holder.all`; includes sessions whose ApplicationMasters run on the cluster."""
        held = await self._held.value()
        others = await self._others.all(tag)
        found = [
            self._session(held, each) for each in held.values() if not tag or tag in each.spec.tags
        ]
        return [*found, *(each for each in others if each.id not in held)]


class UnmanagedSession(Session):
    """A session whose ApplicationMaster runs in this process: its state is in memory."""

    def __init__(
        self, applications: UnmanagedApplications, application: UnmanagedApplication, identity: str
    ) -> None:
        self._applications = applications
        self.application = application
        self.id, self.user = application.id, application.user
        self.identity = identity

    async def ended(self) -> None:
        """See `Session.ended`."""
        await self.application.ended()

    async def poll(self) -> SessionEnd | None:
        """See `Session.poll`."""
        try:
            finish = await self.application.ended(deadline=0)
        except DeadlineExceededError:
            return await self._kill_if_lost()
        except YarnhubError:  # it is no longer held
            return None
        good = finish.status in {FinalStatus.SUCCEEDED, FinalStatus.KILLED}
        return SessionEnd(0 if good else 1, finish.outcome)

    async def _kill_if_lost(self) -> SessionEnd | None:
        try:
            outcome = loss(await self.application.get_containers(states=None))
            if outcome is None:
                return None
            await self.application.kill()
        except YarnhubError:  # it has just ended, or YARN does not respond: try again later
            return None
        return SessionEnd(1, outcome)

    @property
    def current(self) -> SessionSnapshot:
        """The state as last known; no request."""
        return SessionSnapshot.of(self.application.containers, self.application.waits_for)

    @property
    def loss(self) -> Outcome | None:
        """Why its container ended although its application is running; None if it did not."""
        return loss(self.application.containers)

    async def snapshot(self) -> SessionSnapshot:
        """See `Session.snapshot`."""
        return SessionSnapshot.of(
            await self.application.get_containers(), self.application.waits_for
        )

    async def explain(self) -> Explanation:
        """See `Session.explain`."""
        return await self._applications.explain(self.application)

    async def stop(self, *, now: bool) -> None:
        """See `Session.stop`."""
        if not now:
            ((name, service),) = self.application.spec.services.items()
            with contextlib.suppress(ControlError, DeadlineExceededError):
                await self.application.kill_container(f"{name}_0")
                await self.application.ended(deadline=service.grace_period + _LEAVE)
        await self.application.kill()
