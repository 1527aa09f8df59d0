"""Access to an application's web pages."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.appmaster.shell.server.http import Request
    from yarnhub.spec import ACLs

_CACHE_SECONDS = 300.0
"""Seconds for which the addresses of a proxy's host are cached, as in Hadoop's own filter."""
_RESOLVE_TIMEOUT = 5.0
"""Seconds to look up a host's addresses."""
_USER = re.compile(r"(?:^|;)\s*proxy-user=([^;]*)")


class Access:
    """Authenticates users by YARN's web proxy.

    Requests from other hosts are not trusted. Source:
    org.apache.hadoop.yarn.server.webproxy.amfilter.AmIpFilter.

    Args:
        proxies: URLs of the web proxies.
        owner: The application's owner.
        acls: The ACLs of the specification.
        anybody: Whether the cluster does not authenticate users, so that anyone can be the owner.
    """

    def __init__(self, proxies: Iterable[str], owner: str, acls: ACLs, *, anybody: bool) -> None:
        self._hosts = {urlsplit(proxy).hostname or "" for proxy in proxies}
        self.owner = owner
        self._listed = frozenset(acls.ui_users) if acls.enable else frozenset()
        self._open = not acls.enable
        self._anybody = anybody and not acls.enable
        self._addresses: set[str] = set()
        self._until = 0.0

    async def is_proxy(self, peer: str) -> bool:
        """Whether a request from this IP address comes from a proxy's host."""
        clock = asyncio.get_running_loop().time
        if clock() >= self._until:
            found: set[str] = set()
            for host in self._hosts:
                found |= await _resolve(host)
            if any(address.startswith("127.") or address == "::1" for address in found):
                # A proxy on this host's loopback sends from the address of the host's name
                # (WebAppUtils.getResolvedAddress, WebAppProxyServlet.proxyLink).
                found |= await _resolve(socket.gethostname())
            if found:  # otherwise, the earlier addresses remain valid
                self._addresses, self._until = found, clock() + _CACHE_SECONDS
        return peer.removeprefix("::ffff:") in self._addresses

    def user(self, request: Request) -> str | None:
        """The user of a proxy's request; None if the proxy does not name one."""
        found = _USER.search(request.header("cookie"))
        return unquote_plus(found[1]) or None if found else None

    def may_open(self, user: str | None) -> bool:
        """Whether a user may open the pages."""
        return self._open or self.may_read(user)

    def may_read(self, user: str | None) -> bool:
        """Whether a user may read the application's data, such as the values of its keys."""
        listed = "*" in self._listed or user in self._listed
        return listed or user == self.owner or self._anybody


async def _resolve(host: str) -> set[str]:
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_RESOLVE_TIMEOUT):
            found = await asyncio.get_running_loop().getaddrinfo(host, None)
            return {str(entry[4][0]) for entry in found}
    return set()
