"""Dask in a user's server: how programs in it find dask-gateway, and the pages of dashboards.

The hub's administrator sets `DASK_GATEWAY__ADDRESS`. Dashboards are shown below the server's own
path, with its login and its token, so that JupyterLab can embed them: pages of the service itself
need a login of their own, and cannot be embedded by any server's pages.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

ADDRESS, PUBLIC = "DASK_GATEWAY__ADDRESS", "DASK_GATEWAY__PUBLIC_ADDRESS"
_PATH = "proxy/dask-gateway"
"""dask-labextension shows pages below `proxy` as they are, and passes others through a proxy of
its own, which has no login."""
_SETTINGS = {
    "DASK_GATEWAY__AUTH__TYPE": "jupyterhub",
    "DASK_LABEXTENSION__FACTORY__MODULE": "dask_gateway",
    "DASK_LABEXTENSION__FACTORY__CLASS": "GatewayCluster",
}


def prepare(variables: MutableMapping[str, str]) -> None:
    """Set what `Gateway()` and dask-labextension need, except for what is set already.

    Args:
        variables: The variables of the server's process, which its kernels inherit.
    """
    if not variables.get(ADDRESS):
        return
    found = dict(_SETTINGS)
    if find_spec("jupyter_server_proxy") is not None:  # it comes with dask-labextension
        found[PUBLIC] = f"{variables['JUPYTERHUB_SERVICE_PREFIX'].rstrip('/')}/{_PATH}"
    for name, value in found.items():
        variables.setdefault(name, value)


def routes(base_url: str, variables: Mapping[str, str]) -> list[tuple[Any, ...]]:
    """The routes of dashboards, for tornado; none if they are not shown by this server.

    Args:
        base_url: The server's own path.
        variables: The variables of the server's process, after `prepare`.
    """
    own = f"{base_url.rstrip('/')}/{_PATH}"
    if not variables.get(ADDRESS) or variables.get(PUBLIC) != own:
        return []
    from yarnhub.integrations.jupyterhub.dask_dashboard_handler import DaskDashboardHandler

    settings = {"address": variables[ADDRESS], "token": variables["JUPYTERHUB_API_TOKEN"]}
    return [(rf"{own}/clusters/(\w+)/(.+)", DaskDashboardHandler, settings)]
