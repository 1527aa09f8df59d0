"""Kernels in YARN containers for Jupyter Server: JupyterLab, Notebook, or a gateway.

`jupyter_server_config.py`:

    from yarnhub.integrations.kernels import configure

    configure(c)

Kernelspecs whose provisioner is `yarnhub` then run in containers; all others run as usual.
"""

from __future__ import annotations

from typing import Any

_PACKAGE = "yarnhub.integrations.kernels"


def configure(config: Any) -> None:  # traitlets' Config, or what a configuration file calls `c`
    """Set the classes that Jupyter Server uses for kernels."""
    server = config.ServerApp
    server.kernel_manager_class = f"{_PACKAGE}.kernel_manager.YarnhubKernelManager"
    server.session_manager_class = f"{_PACKAGE}.sessions.StoredSessions"
    server.kernel_websocket_connection_class = f"{_PACKAGE}.websocket.PatientConnection"
    server.jpserver_extensions.update({_PACKAGE: True})


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": _PACKAGE}]


def _load_jupyter_server_extension(server: Any) -> None:  # jupyter_server has no types
    from yarnhub.integrations.kernels.handlers import add_handlers

    add_handlers(server.web_app)
