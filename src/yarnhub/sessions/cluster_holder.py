"""Holds sessions whose ApplicationMasters run on the cluster: two containers each.

They keep running without a hub for any length of time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import (
    ApplicationNotFoundError,
    ConnectError,
    YarnhubError,
)
from yarnhub.base.single_flight import SingleFlight
from yarnhub.client.client import Client
from yarnhub.control import diagnostics
from yarnhub.control.outcomes import Cause, Outcome, Subject
from yarnhub.sessions.holder import Holder
from yarnhub.sessions.session import Session, SessionEnd, SessionSnapshot
from yarnhub.yarn.records.applications import FinalApplicationStatus, YarnApplicationState
from yarnhub.yarn.records.containers import ContainerState
from yarnhub.yarn.records.ids import ApplicationId
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from yarnhub.client.access.settings import Settings
    from yarnhub.client.explain.explanation import Explanation
    from yarnhub.sessions.tags import HubTags
    from yarnhub.spec import ApplicationSpec
    from yarnhub.yarn.records.applications import ApplicationReport

_log = logging.getLogger(__name__)

_ASK = 10.0
"""Seconds for a response of the ResourceManager."""
_LOOK = 1.0
"""Seconds between two queries for all sessions."""
_LEAVE = 60.0
"""Seconds for YARN to end an application."""
_FORGOTTEN = SessionEnd(0, Outcome(cause=Cause.FORGOTTEN, subject=Subject.APPLICATION))
_NOT_ENDED = tuple(each for each in YarnApplicationState if not each.ended)
_GOOD = (FinalApplicationStatus.SUCCEEDED, FinalApplicationStatus.KILLED)


class ClusterHolder(Holder):
    """Starts sessions and monitors them, with one request to YARN for all of them.

    Args:
        settings: The hub's settings and login; the hub acts for its users.
        hub: The tags by which this hub's applications are recognized.
    """

    def __init__(self, settings: Settings, hub: HubTags) -> None:
        super().__init__(settings, hub)
        self._own = Client(settings)  # its connection closes when it is not used
        self._reports: dict[str, ApplicationReport] = {}
        self._looks = SingleFlight(self._look_at_all, fresh=_LOOK)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._own.aclose()

    async def _submit(self, spec: ApplicationSpec, secrets: Mapping[str, bytes]) -> ClusterSession:
        async with Client(self.settings) as client:
            application = await client.submit(spec, secrets=secrets)
        return self._session(str(application), spec.user, spec.tags)

    async def all(self, tag: str = "") -> list[ClusterSession]:
        """See `Holder.all`."""
        found = await self._running(tag)
        return [self._session(name, each.user, each.application_tags) for name, each in found]

    async def _running(self, tag: str) -> list[tuple[str, ApplicationReport]]:
        """The running applications of this hub that have a tag, with their ids."""
        running = GetApplicationsRequest(
            application_tags=(tag or self.hub.all_sessions,), application_states=_NOT_ENDED
        )
        return [
            (str(report.application_id), report)
            for report in await self._own.applications(running)
            if self.hub.identity(report.application_tags, report.user)
        ]

    def _session(self, application_id: str, user: str, tags: Iterable[str]) -> ClusterSession:
        return ClusterSession(self, application_id, user, self.hub.identity(tags, user))

    async def find(self, application_id: str) -> ClusterSession | SessionEnd | None:
        """See `Holder.find`."""
        report = await self.report(application_id)
        if isinstance(report, SessionEnd) or report is None:
            return report
        return self._session(application_id, report.user, report.application_tags)

    def client(self, user: str) -> Client:
        """A client that acts for a user, or for the hub; an async context manager."""
        return Client(self.settings.acting_for(user) if user else self.settings)

    async def report(
        self, application_id: str, user: str = ""
    ) -> ApplicationReport | SessionEnd | None:
        """YARN's latest report of an application, at most seconds old; None if unknown.

        Args:
            application_id: The id of the application.
            user: Its user: with ACLs, YARN reports why it ended to its user only.
        """
        await self._looks.get()
        found = self._reports.get(application_id)
        if found is not None:
            return _end_of(found) or found
        # It has ended, is new, or YARN does not respond.
        try:
            async with _in_time(), self.client(user) as client:
                found = await client.application_report(ApplicationId.parse(application_id))
        except ApplicationNotFoundError:
            return _FORGOTTEN
        except YarnhubError as error:
            _log.warning("the state of %s is unknown: %s", application_id, error)
            return None
        return _end_of(found) or found

    async def _look_at_all(self) -> None:
        """Query the state of all sessions in one request."""
        try:
            async with _in_time():
                self._reports = dict(await self._running(""))
        except YarnhubError as error:
            _log.warning("the state of the sessions on YARN is unknown: %s", error)


def _in_time() -> Deadline:
    return Deadline(_ASK, f"no response within {_ASK:g} s")


class ClusterSession(Session):
    """A session whose ApplicationMaster is in a container of its own."""

    def __init__(
        self, holder: ClusterHolder, application_id: str, user: str, identity: str
    ) -> None:
        self._holder = holder
        self._snapshot = SessionSnapshot()
        self.id = application_id
        self.user = user
        self.identity = identity

    async def ended(self) -> None:
        """See `Session.ended`."""
        while await self.poll() is None:
            await asyncio.sleep(_LOOK)

    async def poll(self) -> SessionEnd | None:
        """See `Session.poll`."""
        report = await self._holder.report(self.id, self.user)
        return report if isinstance(report, SessionEnd) else None

    async def snapshot(self) -> SessionSnapshot:
        """See `Session.snapshot`."""
        if not self._snapshot.node and await self._runs():
            async with (
                Deadline(_ASK, f"YARN does not report the state of {self.id}"),
                self._holder.client(self.user) as client,
            ):
                self._snapshot = await self._found(client)
        return self._snapshot

    async def _runs(self) -> bool:
        """Whether its ApplicationMaster is running; before that, it has no other container."""
        report = await self._holder.report(self.id, self.user)
        if report is None or isinstance(report, SessionEnd):
            raise ConnectError(f"YARN does not report the state of {self.id}")
        return report.yarn_application_state is YarnApplicationState.RUNNING

    async def _found(self, client: Client) -> SessionSnapshot:
        # With ACLs, the report for the hub's own user does not contain the attempt.
        report = await client.application_report(ApplicationId.parse(self.id))
        attempt = report.current_application_attempt_id
        if attempt is None:
            return SessionSnapshot()
        for container in await client.resource_manager.get_containers(attempt):
            runs = container.container_state is ContainerState.RUNNING
            name = str(container.container_id)
            # The first container of an attempt is the ApplicationMaster's.
            if runs and not name.endswith("_000001") and container.node_id is not None:
                return SessionSnapshot(node=container.node_id.host, container=name)
        return SessionSnapshot()

    async def explain(self) -> Explanation:
        """See `Session.explain`."""
        async with self._holder.client(self.user) as client:
            return await client.explain(ApplicationId.parse(self.id))

    async def stop(self, *, now: bool) -> None:
        """See `Session.stop`."""
        async with self._holder.client(self.user) as client:
            application = ApplicationId.parse(self.id)
            if not now:
                with contextlib.suppress(YarnhubError):
                    async with await client.connect(application, deadline=_ASK) as reached:
                        await reached.shutdown()
                    await client.wait(application, deadline=_LEAVE)
                    await client.clean_up(application)
                    return
            with contextlib.suppress(ApplicationNotFoundError):
                await client.kill(application, deadline=_LEAVE)


def _end_of(report: ApplicationReport) -> SessionEnd | None:
    if not report.yarn_application_state.ended:
        return None
    good = report.final_application_status in _GOOD
    return SessionEnd(0 if good else 1, diagnostics.read(report.diagnostics))
