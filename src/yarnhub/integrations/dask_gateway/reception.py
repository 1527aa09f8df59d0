"""Whether schedulers' reports can arrive: they come through dask-gateway's proxy.

A proxy that was killed is no reason to end the clusters of all users.
"""

from __future__ import annotations

import logging

import aiohttp
from dask_gateway_server.utils import timestamp

from yarnhub.base.single_flight import SingleFlight

_TIMEOUT = aiohttp.ClientTimeout(total=5)
_FRESH = 1.0
"""Seconds for which an answer is used."""
_log = logging.getLogger(__name__)


class Reception:
    """Asks the server for its health, in the way that schedulers' reports take.

    Args:
        session: Sends the requests.
        api_url: Where schedulers report to.

    Attributes:
        failed: When it has last failed, in milliseconds since 1970; 0 if it has not.
    """

    def __init__(self, session: aiohttp.ClientSession, api_url: str) -> None:
        self.failed = 0
        self._fails = False
        self._session = session
        self._url = f"{api_url}/health"
        self._run = SingleFlight(self._look, fresh=_FRESH)

    async def check(self) -> None:
        """Find out whether reports arrive, and note it if they do not."""
        await self._run.get()

    async def _look(self) -> None:
        try:
            # Without secrets, to this server itself: with any certificate.
            async with self._session.get(self._url, timeout=_TIMEOUT, ssl=False) as answer:
                answer.raise_for_status()
        except (aiohttp.ClientError, TimeoutError) as error:
            self.failed = timestamp()
            if not self._fails:
                _log.warning(
                    "Schedulers cannot report: dask-gateway's proxy does not respond at %s: %s",
                    *(self._url, error),
                )
            self._fails = True
        else:
            if self._fails:
                _log.warning("Schedulers can report again: dask-gateway's proxy responds")
            self._fails = False
