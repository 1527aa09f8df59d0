"""The handlers: jupyter_server's, with one user's kernels and kernelspecs instead of all."""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jupyter_server
from jupyter_client.jsonutil import json_default
from jupyter_server.auth.decorator import allow_unauthenticated, ws_authenticated
from jupyter_server.base.handlers import APIHandler
from jupyter_server.kernelspecs.handlers import KernelSpecResourceHandler
from jupyter_server.services.kernels.handlers import (
    KernelActionHandler,
    KernelHandler,
    MainKernelHandler,
)
from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
from jupyter_server.services.kernelspecs.handlers import KernelSpecHandler, MainKernelSpecHandler
from jupyter_server.utils import url_path_join
from tornado import web

from yarnhub import __version__
from yarnhub.server.gateway.identity import is_cross_site
from yarnhub.server.gateway.shown_kernelspecs import is_shown
from yarnhub.server.gateway.start_request import InvalidRequestBodyError, read_start_request
from yarnhub.server.gateway.user_kernels import UserKernels
from yarnhub.server.gateway.user_kernelspecs import UserKernelspecs
from yarnhub.server.metrics_access import REFUSAL, may_read_metrics

if TYPE_CHECKING:
    from yarnhub.server.gateway.identity import Identity
    from yarnhub.server.gateway.service import Service

_SESSION = re.compile(r"[\w.-]{1,200}", re.ASCII)
"""Ids of clients' sessions; they become identities of ZeroMQ, of 255 bytes at most."""
_KERNEL = r"(?P<kernel_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_KERNELSPEC = r"(?P<kernel_name>[\w.-]+)"


class UserHandler:
    """What all handlers have in common, before a handler of jupyter_server's."""

    settings: dict[str, Any]  # tornado's, like the next three
    request: Any
    base_url: str
    token_authenticated: bool
    identity: Identity | None = None
    """Set by `GatewayIdentityProvider`."""

    @property
    def service(self) -> Service:
        """All parts of the service."""
        service: Service = self.settings["service"]
        return service

    @property
    def origin(self) -> dict[str, object]:
        """Where the request is from, for the audit log."""
        headers = self.request.headers
        return {
            "address": self.request.remote_ip,
            "forwarded_for": headers.get("X-Forwarded-For"),
        }

    @cached_property
    def kernel_manager(self) -> UserKernels:
        """The user's kernels."""
        if self.identity is None:
            raise web.HTTPError(403)
        return UserKernels(self.service, self.identity, self.origin)

    @property
    def kernel_spec_manager(self) -> UserKernelspecs:
        """The user's kernelspecs."""
        if self.identity is None:
            raise web.HTTPError(403)
        return UserKernelspecs(self.service, self.identity)

    def check_xsrf_cookie(self) -> None:
        """Refuse requests of other sites' pages; there are no cookies here."""
        if not self.token_authenticated and is_cross_site(self):
            raise web.HTTPError(403, "This request comes from a page of another site")

    def set_cors_headers(self) -> None:
        """None: no page of another site uses this service."""

    def get_login_url(self) -> str:
        """There is no page to log in."""
        raise web.HTTPError(403)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer in JSON, whatever the request is for."""
        APIHandler.write_error(self, status_code, **kwargs)


class VersionHandler(UserHandler, APIHandler):
    """`/` and `/api`: the versions; the hub looks at `/` to see that the service is running."""

    @allow_unauthenticated
    def get(self) -> None:
        """Answer with the versions."""
        self.finish(json.dumps({"version": jupyter_server.__version__, "yarnhub": __version__}))


class KernelsHandler(UserHandler, MainKernelHandler):
    """`/api/kernels`."""

    @web.authenticated
    async def post(self) -> None:
        """Start a kernel."""
        kernels = self.kernel_manager
        try:
            request = read_start_request(self.request.body, self.service.allowed_env)
        except InvalidRequestBodyError as error:
            kernels.refused("start", str(error))
            raise web.HTTPError(400, str(error)) from error
        kernel_id = await kernels.start(request)
        model = await kernels.kernel_model(kernel_id)
        self.set_header("Location", url_path_join(self.base_url, "api", "kernels", kernel_id))
        self.set_status(201)
        self.finish(json.dumps(model, default=json_default))


class OneKernelHandler(UserHandler, KernelHandler):
    """`/api/kernels/ID`."""


class ActionHandler(UserHandler, KernelActionHandler):
    """`/api/kernels/ID/interrupt` and `/api/kernels/ID/restart`."""

    @web.authenticated
    async def post(self, kernel_id: str, action: str) -> None:
        """Interrupt or restart a kernel."""
        kernels = self.kernel_manager
        if action == "interrupt":
            await kernels.interrupt_kernel(kernel_id)
            self.set_status(204)
            self.finish()
            return
        await kernels.restart_kernel(kernel_id)
        self.finish(json.dumps(await kernels.kernel_model(kernel_id), default=json_default))


class ChannelsHandler(UserHandler, KernelWebsocketHandler):
    """`/api/kernels/ID/channels`: the kernel's messages."""

    @ws_authenticated
    async def get(self, kernel_id: str) -> None:
        """Serve a websocket; returns when it is closed."""
        kernels = self.kernel_manager
        kernels.get_kernel(kernel_id)
        session = self.get_argument("session_id", "")
        if session and not _SESSION.fullmatch(session):
            raise web.HTTPError(400, "session_id is not valid")
        websockets = self.service.websockets
        try:
            websockets.add(self, kernels.identity)
        except web.HTTPError as error:
            kernels.refused("connect", error.log_message or "", kernel=kernel_id)
            raise
        try:
            await super().get(kernel_id)
        finally:
            websockets.remove(self)

    async def open(self, kernel_id: str) -> None:
        """Connect the websocket to the kernel."""
        self.kernel_manager.connected(kernel_id)
        await super().open(kernel_id)


class KernelspecsHandler(UserHandler, MainKernelSpecHandler):
    """`/api/kernelspecs`; a user that the request names has to be the one that it is from."""

    @web.authenticated
    async def get(self) -> None:
        """List the user's kernelspecs."""
        self.kernel_manager.check_user(self.get_argument("user", ""))
        await self.kernel_manager.choose_default()
        await super().get()


class OneKernelspecHandler(UserHandler, KernelSpecHandler):
    """`/api/kernelspecs/NAME`."""


class ResourceHandler(UserHandler, KernelSpecResourceHandler):
    """`/kernelspecs/NAME/FILE`: logos and the like."""

    @web.authenticated
    async def get(self, kernel_name: str, path: str, **options: Any) -> None:
        """Answer with a file."""
        if not is_shown(path):
            raise web.HTTPError(404)
        await super().get(kernel_name, path, **options)


class MetricsHandler(UserHandler, APIHandler):
    """`/metrics`: for Prometheus, on this host or with the token for metrics."""

    @allow_unauthenticated
    def get(self) -> None:
        """Answer with all metrics."""
        service, request = self.service, self.request
        if not may_read_metrics(request.headers, request.remote_ip, service.metrics_token):
            raise web.HTTPError(403, REFUSAL)
        self.finish(service.metrics.text(), set_content_type=service.metrics.content_type)


class UnknownHandler(UserHandler, APIHandler):
    """All other paths."""

    async def prepare(self) -> None:
        """Answer that there is nothing."""
        raise web.HTTPError(404)


def routes(base_url: str) -> list[tuple[str, type[UserHandler]]]:
    """The handlers of all paths.

    Args:
        base_url: What all paths begin with; begins and ends with a slash.
    """
    base = re.escape(base_url)
    return [
        (rf"{base}(?:api)?", VersionHandler),
        (rf"{base}api/kernels", KernelsHandler),
        (rf"{base}api/kernels/{_KERNEL}", OneKernelHandler),
        (rf"{base}api/kernels/{_KERNEL}/(?P<action>restart|interrupt)", ActionHandler),
        (rf"{base}api/kernels/{_KERNEL}/channels", ChannelsHandler),
        (rf"{base}api/kernelspecs", KernelspecsHandler),
        (rf"{base}api/kernelspecs/{_KERNELSPEC}", OneKernelspecHandler),
        (rf"{base}kernelspecs/{_KERNELSPEC}/(?P<path>.*)", ResourceHandler),
        (rf"{base}metrics", MetricsHandler),
        (r".*", UnknownHandler),
    ]
