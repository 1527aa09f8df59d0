"""Asks the ResourceManager's REST interface for what RPC does not tell of queues."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING
from urllib.parse import quote

from yarnhub.base.errors import YarnhubError
from yarnhub.client.web_servers import WebServers
from yarnhub.yarn.addresses import web_pages
from yarnhub.yarn.queues.figures import PATH, read_scheduler_page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.client.settings import Settings
    from yarnhub.yarn.queues.figures import LeafFigures

_log = logging.getLogger(__name__)

_PATIENCE = 5.0
"""Seconds for one of a pair: what it tells makes an explanation better, and is not all of it."""


async def queue_figures(settings: Settings) -> Mapping[str, LeafFigures]:
    """What is known of leaf queues, by their paths; empty where no ResourceManager tells.

    Many clusters let nobody but browsers behind a gateway read those pages. Cancelling leaves
    nothing behind.
    """
    servers = WebServers(settings, "ResourceManager", _PATIENCE)
    try:
        pages = web_pages(settings.configuration)
    except YarnhubError as error:
        _log.debug("where the ResourceManager's pages are is not known: %s", error)
        return {}
    for page in pages:
        url = f"{page}{PATH}?user.name={quote(settings.user_name, safe='')}"
        try:
            async with asyncio.timeout(_PATIENCE):
                return read_scheduler_page(await servers.json(url))
        except (YarnhubError, TimeoutError) as error:
            # One that stands by answers with the address of the other.
            _log.debug("the figures of queues cannot be read: %s", error)
    return {}
