"""The queues of a cluster, by RPC and by the ResourceManager's REST API."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import YarnhubError
from yarnhub.base.single_flight import SingleFlight
from yarnhub.client.access.web_servers import WebServers
from yarnhub.yarn.addresses import CLIENT, resource_manager, web_pages
from yarnhub.yarn.queues.scheduler_page import PATH, read_scheduler_page
from yarnhub.yarn.queues.usable import submission_acls
from yarnhub.yarn.resource_manager import ResourceManager

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from yarnhub.client.access.settings import Settings
    from yarnhub.yarn.queues.scheduler_page import LeafFigures
    from yarnhub.yarn.records.cluster import QueueInfo

T = TypeVar("T")

_log = logging.getLogger(__name__)

_CACHE_SECONDS = 5.0
"""Seconds for which a result is cached."""
_REQUEST_TIMEOUT = 5.0
"""Seconds for each ResourceManager of a pair: its response only improves an explanation."""


class ClusterQueues:
    """Looks up the queues once for all callers, and the permissions of each user once.

    If YARN does not respond, this is cached, too.

    Args:
        settings: The settings of the caller, who acts for the users.
        deadline: Seconds for a response.
    """

    def __init__(self, settings: Settings, *, deadline: float = 5.0) -> None:
        self._settings = settings
        self._deadline = deadline
        self._tree = SingleFlight(lambda: self._answer(self._ask_tree()), fresh=_CACHE_SECONDS)
        self._allowed: dict[str, SingleFlight[frozenset[str] | None]] = {}

    async def tree(self) -> QueueInfo | None:
        """The root queue with all queues below it; None if YARN does not respond."""
        return await self._tree.get()

    async def allowed(self, user: str) -> frozenset[str] | None:
        """The queues whose ACLs allow a user to submit; None if YARN does not respond.

        Args:
            user: The user's name on the cluster.
        """
        self._allowed = {name: each for name, each in self._allowed.items() if each.in_use}
        if user not in self._allowed:
            self._allowed[user] = SingleFlight(
                lambda: self._answer(self._ask_allowed(user)), fresh=_CACHE_SECONDS
            )
        return await self._allowed[user].get()

    async def _ask_tree(self) -> QueueInfo | None:
        async with _resource_manager(self._settings) as manager:
            return await manager.get_queues()

    async def _ask_allowed(self, user: str) -> frozenset[str]:
        async with _resource_manager(self._settings.acting_for(user)) as manager:
            return submission_acls(await manager.get_queue_user_acls())

    async def _answer(self, asked: Awaitable[T]) -> T | None:
        try:
            async with Deadline(self._deadline, f"no response within {self._deadline:g} s"):
                return await asked
        except YarnhubError as error:
            _log.warning("the queues are unknown: %s", error)
            return None


def _resource_manager(settings: Settings) -> ResourceManager:
    endpoint = resource_manager(settings.configuration, CLIENT)
    return ResourceManager(endpoint, settings.user, settings.options)


async def queue_figures(settings: Settings) -> Mapping[str, LeafFigures]:
    """The figures of leaf queues, by path; empty if no ResourceManager responds.

    Many clusters allow only browsers behind a gateway to read them. Cancelling leaves nothing
    behind.
    """
    servers = WebServers(settings, "ResourceManager", _REQUEST_TIMEOUT)
    try:
        pages = web_pages(settings.configuration)
    except YarnhubError as error:
        _log.debug("the address of the ResourceManager's web server is unknown: %s", error)
        return {}
    for page in pages:
        url = f"{page}{PATH}?user.name={quote(settings.user_name, safe='')}"
        try:
            async with Deadline(_REQUEST_TIMEOUT, f"no response within {_REQUEST_TIMEOUT:g} s"):
                return read_scheduler_page(await servers.json(url))
        except YarnhubError as error:
            # A standby responds with the address of the other.
            _log.debug("the usage of the queues cannot be read: %s", error)
    return {}
