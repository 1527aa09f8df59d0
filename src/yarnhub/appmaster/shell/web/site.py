"""The application's web pages: who asks for what, and which page that is.

Who may call: YARN's web proxies, for whom they name; see `access`. All others are sent to the
proxy. No request changes anything.
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

# HTML and what passes requests on are imported when somebody looks: most are never looked at.

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
"""At once: everybody in the cluster may open one, and the AM's memory is small. Further ones take
the place of those who ask for nothing."""
_IDLE_TIMEOUT = 30.0
"""Seconds for a request to come, or a piece of the answer to be read."""
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
        application: The application's; it is only read.
        origin: What else the pages tell.
        access: Who may read them.
        clock: Seconds since 1970.
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
        """The pages of an application whose AM YARN has started with this environment."""
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
        """Serve the pages on a free port of `host` for a block, which is given the port."""
        # YARN's proxy never uses a connection again, and leaves it open (WebAppProxyServlet).
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
                "Not for you",
                f"{self._access.owner} does not show these pages to "
                f"{user or 'those whom the web proxy does not know'}: acls.ui_users in the "
                "specification says who may see them.",
            )
        elif path.startswith("/pages/"):
            await self._pass_on(request, path, query)
        elif request.method not in ("GET", "HEAD"):
            await self._refuse(request, 405, "Not possible", "These pages can only be read.")
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
                await self._refuse(request, 404, "Not found", f"There is no page {path}.")

    def _overview(self) -> Overview:
        return overview(self._application, self._origin, self._clock())

    def _keys(self, query: str, user: str | None) -> KeysView:
        prefix = parse_qs(query).get("prefix", [""])[0]
        secret = ""
        if not self._access.may_read(user):
            known = f"calls you {user}" if user else "does not know who you are"
            secret = (
                f"Values may be secrets: {self._access.owner} sees them here, and those whom the "
                f"specification lists in acls.ui_users, with acls.enable. The web proxy {known}."
            )
        return keys(self._application, self._origin, prefix, secret)

    async def _pass_on(self, request: Request, path: str, query: str) -> None:
        from yarnhub.appmaster.shell.web.proxy import pass_on

        segment, slash, rest = path.removeprefix("/pages/").partition("/")
        page = self._application.pages.by_route.get(unquote(segment))
        if page is None or not {".", ".."}.isdisjoint(unquote(rest).split("/")):
            await self._refuse(request, 404, "Not found", f"There is no page {path}.")
            return
        try:
            await pass_on(request, page, slash + rest, query)
        except YarnhubError as error:
            _log.info("page %s: %s", page.route, error)
            await self._refuse(
                request, 502, "No answer", f"The page at {page.target} cannot be shown: {error}."
            )

    async def _send_to_proxy(self, request: Request) -> None:
        addresses = self._application.pages.ui.addresses
        if not addresses:
            await request.respond(403, [], b"No web proxy of YARN is known.\n")
            return
        # The proxy learns so that it must not send us the same once more.
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
