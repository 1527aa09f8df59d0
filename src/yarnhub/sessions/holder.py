"""Starts, holds and finds the sessions of one hub."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import LocalProtocolError, YarnhubError
from yarnhub.client.client import Client
from yarnhub.sessions.users import OwnAccountError, comparable
from yarnhub.yarn.records.cluster import NodeState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarnhub.client.access.settings import Settings
    from yarnhub.client.explain.explanation import Explanation
    from yarnhub.sessions.session import Session, SessionEnd
    from yarnhub.sessions.tags import HubTags
    from yarnhub.spec import ApplicationSpec

_log = logging.getLogger(__name__)

_ASK = 10.0
"""Seconds for YARN to explain a session."""


class Holder(ABC):
    """Holds all sessions of one hub whose ApplicationMasters run in the same place.

    Args:
        settings: The hub's settings and login; the hub acts for its users.
        hub: The tags by which this hub's applications are recognized.
    """

    def __init__(self, settings: Settings, hub: HubTags) -> None:
        self.settings = settings
        self.hub = hub
        self._explaining = asyncio.Lock()

    async def nodes(self) -> list[str]:
        """The hosts that sessions may run on.

        Raises:
            YarnhubError: YARN does not respond.
        """
        async with Client(self.settings) as client:
            found = await client.resource_manager.get_cluster_nodes([NodeState.RUNNING])
        return sorted({node.node_id.host for node in found})

    async def start(self, spec: ApplicationSpec, secrets: Mapping[str, bytes]) -> Session:
        """Submit a session's application; returns when YARN has accepted it.

        An earlier one of the same user and name, which the hub has lost, is killed first, wherever
        its ApplicationMaster runs. After an error or a cancellation, nothing remains.

        Args:
            spec: The specification, with the session's identity among its tags.
            secrets: The secrets for the container's token file.

        Raises:
            OwnAccountError: It would run as the hub's own user.
            SpecError: The cluster can never allocate the requested container.
            ApplicationFailedError: YARN refused it, with its reason.
            YarnhubError: YARN does not respond.
        """
        if self.settings.secure and comparable(spec.user) == comparable(self.settings.user_name):
            raise OwnAccountError(spec.user)
        identity = self.hub.identity(spec.tags, spec.user)
        if not identity:  # without one, all sessions of the hub would be killed
            raise LocalProtocolError(f"the application {spec.name} is not a session of this hub")
        for former in await self.all(identity):
            await former.stop(now=True)
        return await self._submit(spec, secrets)

    async def explain(self, session: Session) -> Explanation | None:
        """Why a session's application is in its state; None if unknown.

        This makes several requests to YARN: call it only while a user is waiting.
        """
        try:
            # One at a time: two hundred sessions may be starting at once.
            async with self._explaining, Deadline(_ASK, f"no response within {_ASK:g} s"):
                return await session.explain()
        except YarnhubError as error:
            _log.debug("%s cannot be explained: %s", session.id, error)
            return None

    @abstractmethod
    async def _submit(self, spec: ApplicationSpec, secrets: Mapping[str, bytes]) -> Session:
        """Submit a session's application; see `start`."""

    @abstractmethod
    async def all(self, tag: str = "") -> Sequence[Session]:
        """The sessions of this hub that run and have a tag; if it is empty, all of them.

        Raises:
            YarnhubError: YARN does not respond.
        """

    @abstractmethod
    async def find(self, application_id: str) -> Session | SessionEnd | None:
        """A session that an earlier hub started; None if its state is unknown."""
