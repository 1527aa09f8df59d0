"""Kernels in containers for servers that have no right to submit: the kernel service holds them.

`jupyter_server_config.py` of a user's server:

    from yarnhub.integrations.kernels import gateway

    gateway.configure(c)

The variables `YARNHUB_GATEWAY_URL` and `YARNHUB_GATEWAY_CA` tell where the service is, and
`JUPYTERHUB_API_TOKEN` is the user's token, which JupyterHub sets.
"""

from __future__ import annotations

import os
from typing import Any

from yarnhub.integrations import kernels

_PACKAGE = kernels.__name__


def configure(config: Any) -> None:  # traitlets' Config, or what a configuration file calls `c`
    """Use the kernel service in addition to local kernels."""
    kernels.configure(config)
    config.YarnhubKernelManager.holder_factory = f"{_PACKAGE}.gateway_holder.hold"
    # Its folders are deleted with its container; a hub starts the next one with the same prefix.
    variables = os.environ  # noqa: TID251  # the server's configuration
    config.YarnhubKernelManager.server_name = variables.get("JUPYTERHUB_SERVICE_PREFIX", "/")
    config.ServerApp.kernel_spec_manager_class = (
        f"{_PACKAGE}.gateway_kernelspecs.GatewayKernelSpecManager"
    )
