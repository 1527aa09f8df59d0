"""Dask clusters on YARN, with dask-gateway: a backend for its server, and log-ins with Kerberos.

Set `c.DaskGateway.backend_class = "yarnhub.integrations.dask_gateway.YarnBackend"`; all other names
of the configuration are those of dask-gateway's own backend for YARN.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yarnhub.integrations.dask_gateway.backend import YarnBackend
    from yarnhub.integrations.dask_gateway.client_login import KerberosAuth
    from yarnhub.integrations.dask_gateway.cluster_config import YarnClusterConfig
    from yarnhub.integrations.dask_gateway.login import KerberosAuthenticator

__all__ = ["KerberosAuth", "KerberosAuthenticator", "YarnBackend", "YarnClusterConfig"]

_MODULES = {
    "KerberosAuth": "client_login",
    "KerberosAuthenticator": "login",
    "YarnBackend": "backend",
    "YarnClusterConfig": "cluster_config",
}
"""Imported when they are used: clients have no dask-gateway-server, and servers no dask-gateway."""


def __getattr__(name: str) -> Any:  # one of several classes
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
