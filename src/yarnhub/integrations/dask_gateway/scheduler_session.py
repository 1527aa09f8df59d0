"""The connections from dask-gateway's server to schedulers, which run what their users like.

dask-gateway's own session has a hundred connections for all clusters, and waits five minutes for
each response: a scheduler that does not respond would keep all users from scaling.
"""

from __future__ import annotations

import aiohttp

_OF_SCHEDULER = 4
"""Connections to one scheduler; further requests to it wait for one."""
_TIMEOUT = aiohttp.ClientTimeout(total=60)


def open_session() -> aiohttp.ClientSession:
    """A session in which no scheduler takes what others need."""
    connector = aiohttp.TCPConnector(limit=0, limit_per_host=_OF_SCHEDULER)
    return aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT)
