"""The application's web pages: authentication and routing of requests.

Only YARN's web proxies can open pages, on behalf of users; see `access`. All others are redirected
to the proxy. No request changes anything.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

from yarnhub.appmaster.shell.server.http import HttpConnection
from yarnhub.appmaster.shell.server.listener import listen
from yarnhub.appmaster.shell.web.access import Access
from yarnhub.appmaster.shell.web.views import Origin, keys, overview
from yarnhub.base.errors import YarnhubError
from yarnhub.control import json
from yarnhub.control.messages import Ui

# The HTML and the proxy are imported on first use: most applications' pages are never opened.

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from typing import Self

    from yarnhub.appmaster.core.application import Application
    from yarnhub.appmaster.shell.server.http import Request
    from yarnhub.appmaster.shell.web.views import KeysView, Overview
    from yarnhub.control.bootstrap import SubmittedApplication

_log = logging.getLogger(__name__)

_MAX_CONNECTIONS = 100
"""Concurrent connections: everyone in the cluster can open some, and the AM's memory is small. New
ones replace idle ones."""
_IDLE_TIMEOUT = 30.0
"""Seconds for a request to arrive, or a piece of the response to be read."""
_HTML = "text/html; charset=utf-8"
_POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", _POLICY),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)


class Site:
    """The web pages of one application.

    Args:
        application: The application, which is only read.
        origin: Further data for the pages.
        access: The permissions of users.
        clock: Returns the time in seconds since 1970.
    """

    def __init__(
        self, application: Application, origin: Origin, access: Access, clock: Callable[[], float]
    ) -> None:
        self._application = application
        self._origin = origin
        self._access = access
        self._clock = clock

    @classmethod
    def of(
        cls,
        application: Application,
        submitted: SubmittedApplication,
        env: Mapping[str, str],
        clock: Callable[[], float],
    ) -> Self:
        """Create the pages of an application whose AM was started with this environment."""
        proxies, user = submitted.web_proxies, submitted.user
        addresses = tuple(f"{proxy}/proxy/{submitted.application_id}/" for proxy in proxies)
        application.pages.ui = Ui(addresses=addresses)
        origin = Origin(
            id=submitted.application_id,
            name=application.spec.name,
            user=user,
            scheme="https" if any(each.startswith("https:") for each in proxies) else "http",
            node=f"{env.get('NM_HOST')}:{env.get('NM_HTTP_PORT')}",
            container=env.get("CONTAINER_ID", ""),
            start_time=clock(),
        )
        anybody = submitted.simple_authentication
        access = Access(proxies, user, application.spec.acls, anybody=anybody)
        return cls(application, origin, access, clock)

    def serve(self, host: str) -> AbstractAsyncContextManager[int]:
        """Serve the pages on a free port of `host` for a block; yields the port."""
        # YARN's proxy never reuses a connection, and leaves it open (WebAppProxyServlet).
        return listen(
            lambda reader, writer: HttpConnection(
                reader, writer, self.handle, once=True, idle=_IDLE_TIMEOUT
            ),
            host,
            most=_MAX_CONNECTIONS,
        )

    async def handle(self, request: Request) -> None:
        """Answer a request."""
        path, _, query = request.target.partition("?")
        user = self._access.user(request)
        if not await self._access.is_proxy(request.peer):
            await self._send_to_proxy(request)
        elif not self._access.may_open(user):
            await self._refuse(
                request,
                403,
                "Permission denied",
                f"{self._access.owner} does not share these pages with "
                f"{user or 'unauthenticated users'}: acls.ui_users in the specification lists "
                "the users who can open them.",
            )
        elif path.startswith("/pages/"):
            await self._pass_on(request, path, query)
        elif request.method not in ("GET", "HEAD"):
            await self._refuse(request, 405, "Method not allowed", "These pages are read-only.")
        else:
            await self._show(request, path, query, user)

    async def _show(self, request: Request, path: str, query: str, user: str | None) -> None:
        from yarnhub.appmaster.shell.web import pages

        match path:
            case "/":
                await request.respond(302, [("Location", "./overview")])
            case "/overview":
                await self._send(request, 200, _HTML, pages.overview_page(self._overview()))
            case "/kv":
                await self._send(request, 200, _HTML, pages.keys_page(self._keys(query, user)))
            case "/api/overview.json":
                text = json.dump(self._overview()).decode()
                await self._send(request, 200, "application/json", text)
            case "/favicon.ico":
                await self._send(request, 200, "image/svg+xml", pages.ICON)
            case _:
                await self._refuse(request, 404, "Not found", f"Page {path} does not exist.")

    def _overview(self) -> Overview:
        return overview(self._application, self._origin, self._clock())

    def _keys(self, query: str, user: str | None) -> KeysView:
        prefix = parse_qs(query).get("prefix", [""])[0]
        secret = ""
        if not self._access.may_read(user):
            known = f"You are logged in as {user}" if user else "You are not logged in"
            secret = (
                f"Values may be secrets: only {self._access.owner} can see them, and the users in "
                f"acls.ui_users of the specification, with acls.enable. {known} at the web proxy."
            )
        return keys(self._application, self._origin, prefix, secret)

    async def _pass_on(self, request: Request, path: str, query: str) -> None:
        from yarnhub.appmaster.shell.web.proxy import pass_on

        segment, slash, rest = path.removeprefix("/pages/").partition("/")
        page = self._application.pages.by_route.get(unquote(segment))
        if page is None or not {".", ".."}.isdisjoint(unquote(rest).split("/")):
            await self._refuse(request, 404, "Not found", f"Page {path} does not exist.")
            return
        try:
            await pass_on(request, page, slash + rest, query)
        except YarnhubError as error:
            _log.info("page %s: %s", page.route, error)
            await self._refuse(
                request, 502, "No response", f"The page at {page.target} cannot be shown: {error}."
            )

    async def _send_to_proxy(self, request: Request) -> None:
        addresses = self._application.pages.ui.addresses
        if not addresses:
            await request.respond(403, [], b"YARN has no web proxy.\n")
            return
        # This prevents the proxy from sending the same request again.
        place = addresses[0].replace("/proxy/", "/proxy/redirect/", 1)
        target = request.target if request.target.startswith("/") else "/"
        await request.respond(302, [("Location", place.rstrip("/") + target)])

    async def _refuse(self, request: Request, status: int, title: str, text: str) -> None:
        from yarnhub.appmaster.shell.web.pages import message_page

        root = "./" + "../" * (request.target.partition("?")[0].count("/") - 1)
        page = message_page(title, text, self._origin, root)
        await self._send(request, status, _HTML, page)

    async def _send(self, request: Request, status: int, kind: str, text: str) -> None:
        await request.respond(status, [("Content-Type", kind), *_HEADERS], text.encode())
