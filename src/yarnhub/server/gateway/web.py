"""The web application: jupyter_server's settings for our handlers."""

from __future__ import annotations

import resource
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyter_server._tz import utcnow
from jupyter_server.auth.authorizer import AllowAllAuthorizer
from jupyter_server.log import log_request
from tornado import web

from yarnhub.server.gateway.bounded_server import BoundedServer
from yarnhub.server.gateway.handlers import routes
from yarnhub.server.gateway.start_request import MAX_BODY

if TYPE_CHECKING:
    import ssl

    from traitlets.config import Config

    from yarnhub.server.gateway.service import Service

MAX_MESSAGE = 10 * 1024 * 1024
"""Bytes of a websocket's message; tornado's own limit."""
_MAX_HEADER = 64 * 1024
_BODY = 30.0
"""Seconds for the body of a request."""
_FIRST = 20.0
"""Seconds for the headers of a connection's first request."""
_IDLE = 300.0
"""Seconds for which a connection stays open between two requests."""
_MAX_CONNECTIONS = 32_768


def application(
    service: Service, config: Config, *, base_url: str, websocket_class: type[Any]
) -> web.Application:
    """The web application.

    Args:
        service: The parts that handlers use.
        config: traitlets' own.
        base_url: What all paths begin with; begins and ends with a slash.
        websocket_class: Joins a websocket to a kernel.
    """
    settings = {
        "base_url": base_url,
        "config": config,
        "service": service,
        "kernel_manager": service.manager,
        "kernel_spec_manager": service.specs,
        "identity_provider": service.identities,
        "authorizer": AllowAllAuthorizer(identity_provider=service.identities),
        "kernel_websocket_connection_class": websocket_class,
        "allow_unauthenticated_access": False,
        # The host that a client names is the proxy's, or any name of this host.
        "allow_remote_access": True,
        "started": utcnow(),
        "websocket_max_message_size": MAX_MESSAGE,
        "log_function": partial(log_request, record_prometheus_metrics=False),
    }
    return web.Application(routes(base_url), **settings)


def server(
    app: web.Application, tls: ssl.SSLContext | None, *, behind_proxy: bool = True
) -> BoundedServer:
    """A server for it, with limits for everything that a client can send.

    Args:
        app: The web application.
        tls: For HTTPS.
        behind_proxy: Whether the requests of all users come from one address.
    """
    most = _room_for_connections()
    return BoundedServer(
        app,
        most=most,
        each_address=None if behind_proxy else max(1, most // 4),
        first_request=_FIRST,
        ssl_options=tls,
        max_body_size=MAX_BODY,
        max_header_size=_MAX_HEADER,
        max_buffer_size=MAX_MESSAGE + MAX_BODY,
        body_timeout=_BODY,
        idle_connection_timeout=_IDLE,
    )


def _room_for_connections() -> int:
    """Half of the process's files: kernels need some, too."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else max(1, soft // 2)
