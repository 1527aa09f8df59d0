"""The pages of a Dask dashboard in a user's server, from the hub's service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyter_server_proxy.handlers import ProxyHandler
from tornado.web import HTTPError

if TYPE_CHECKING:
    from tornado.httputil import HTTPHeaders

# Any, in this module: jupyter-server-proxy has no types

_NOT_PASSED = ("Authorization", "Cookie", "Host", "Origin", "X-Xsrftoken")
_CONNECT, _ANSWER = 10.0, 60.0
"""Seconds for the service to accept a connection, and to answer."""


class DaskDashboardHandler(ProxyHandler):
    """Passes requests on to the service with the server's token, and their answers back."""

    SUPPORTED_METHODS = ("GET", "HEAD")

    def __init__(self, *args: Any, address: str, token: str, **kwargs: Any) -> None:
        self._service = urlsplit(address)
        self._token = token
        super().__init__(
            *args,
            host_allowlist=[self._service.hostname],
            rewrite_response=_embeddable,
            **kwargs,
        )

    async def http_get(self, name: str, page: str) -> None:
        """Show a page."""
        await self._show(name, page)

    async def head(self, name: str, page: str) -> None:
        """The same without its content."""
        await self._show(name, page)

    async def open(self, name: str, page: str) -> None:
        """Join a websocket."""
        await self.proxy_open(self._service.hostname, self._port, _path(name, page))

    async def _show(self, name: str, page: str) -> None:
        try:
            await self.proxy(self._service.hostname, self._port, _path(name, page))
        except OSError as error:
            raise HTTPError(502, f"dask-gateway does not respond: {error}") from error
        if self.get_status() == 599:  # tornado's, for time-outs
            self.set_status(504)

    @property
    def _port(self) -> int:
        return self._service.port or (443 if self._service.scheme == "https" else 80)

    def check_xsrf_cookie(self) -> None:
        """As JupyterHub's handlers do; jupyter-server-proxy leaves it to the page."""
        hub_auth = getattr(self.identity_provider, "hub_auth", None)
        if hub_auth is not None:
            hub_auth.check_xsrf_cookie(self)

    def get_client_uri(self, protocol: str, host: str, port: int, proxied_path: str) -> str:
        """The URL at the service."""
        secure = "s" if self._service.scheme == "https" else ""
        path = self._service.path.rstrip("/") + proxied_path
        return str(super().get_client_uri(f"{protocol}{secure}", host, port, path))

    def proxy_request_headers(self) -> HTTPHeaders:
        """The headers of a request to the service: with the server's token, and not the user's."""
        headers: HTTPHeaders = super().proxy_request_headers()
        for name in _NOT_PASSED:
            headers.pop(name, None)
        headers["Authorization"] = f"token {self._token}"
        return headers

    def proxy_request_options(self) -> dict[str, Any]:
        """Tornado's options for a request to the service."""
        return {
            **super().proxy_request_options(),
            "connect_timeout": _CONNECT,
            "request_timeout": _ANSWER,
        }


def _path(name: str, page: str) -> str:
    """The path below the service's; never one of another service of the hub.

    Raises:
        HTTPError: It leads out of the cluster's pages.
    """
    if {".", ".."} & set(page.split("/")):
        raise HTTPError(404)
    return f"/clusters/{name}/{page}"


def _embeddable(response: Any) -> None:
    """Let pages of this server embed the page: the service lets none do so."""
    response.headers["Content-Security-Policy"] = "frame-ancestors 'self'"
