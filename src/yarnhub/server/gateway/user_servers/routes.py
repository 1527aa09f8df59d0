"""The paths of the REST API and the websockets for users' own servers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from yarnhub.kernels.service_protocol import ROOT
from yarnhub.server.gateway.user_servers.channels import CHANNELS, ChannelHandler
from yarnhub.server.gateway.user_servers.connect_rest import ConnectHandler
from yarnhub.server.gateway.user_servers.kernelspecs import ServerKernelspecs
from yarnhub.server.gateway.user_servers.rest import (
    ActionHandler,
    KernelHandler,
    KernelsHandler,
    KernelspecFileHandler,
    KernelspecsHandler,
)
from yarnhub.server.gateway.user_servers.spark_connect import SparkConnect

if TYPE_CHECKING:
    from tornado import web

    from yarnhub.server.gateway.user_servers.kernels import ServerKernels

_KERNEL = r"(?P<kernel_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"


def add_server_routes(app: web.Application, kernels: ServerKernels, base_url: str) -> None:
    """Add the handlers to a web application.

    Args:
        app: The web application of the service.
        kernels: All kernels.
        base_url: What all paths begin with; begins and ends with a slash.
    """
    root = re.escape(f"{base_url}{ROOT}")
    channels = "|".join(CHANNELS)
    actions = "signal|restart|stop|history|note"
    app.settings["server_kernels"] = kernels
    app.settings["spark_connect"] = SparkConnect(kernels)
    app.settings["server_kernelspecs"] = ServerKernelspecs(kernels.service)
    app.add_handlers(
        r".*$",
        [
            (rf"{root}/kernels", KernelsHandler),
            (rf"{root}/kernels/{_KERNEL}", KernelHandler),
            (rf"{root}/kernels/{_KERNEL}/(?P<action>{actions})", ActionHandler),
            (rf"{root}/kernelspecs", KernelspecsHandler),
            (rf"{root}/spark-connect", ConnectHandler),
            (rf"{root}/kernelspecs/(?P<name>[\w.-]+)/(?P<file>[\w.-]+)", KernelspecFileHandler),
            (rf"{root}/kernels/{_KERNEL}/channels/(?P<channel>{channels})", ChannelHandler),
        ],
    )
