"""JupyterHub on YARN, under the names of yarnspawner 0.4.

The hub needs `YarnSpawner`; a server's container needs `yarnspawner.singleuser` alone, and none of
the hub's modules.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yarnhub.integrations.jupyterhub.spawner import YarnSpawner

__all__ = ["YarnSpawner", "add_services", "template_paths"]

template_paths = [
    str(Path(__file__).parents[1] / "yarnhub" / "integrations" / "jupyterhub" / "templates")
]
"""For `c.JupyterHub.template_paths`: pages that say why a server ended."""


def add_services(
    c: Any,  # traitlets has no types
    file: str,
    services: Iterable[str],
    *,
    url: str = "",
    state: str = "yarnhub-state",
) -> None:
    """Have the hub start services of yarnhub: the last line of a `jupyterhub_config.py`.

    What the file has set is kept: its services, roles and variables are extended.

    Args:
        c: The configuration.
        file: The configuration of the services: `__file__`. It is usually the hub's as well, or the
            hub's reads it with `load_subconfig`.
        services: `gateway` for kernels, `dask-gateway` for Dask clusters, `platform` for pages of
            what runs on the cluster.
        url: The URL of the hub as containers reach it; by default `c.JupyterHub.public_url`, or
            else `c.JupyterHub.bind_url`.
        state: The folder for the services' state, relative to that of `file`. Each creates a
            private folder in it.

    Raises:
        ConfigurationError: A service is unknown, or contradicts what the file has set.
    """
    from yarnhub.integrations.jupyterhub import services as of_yarnhub

    path = Path(file).absolute()
    start = of_yarnhub.Start(
        file=str(path),
        state=str(path.parent / state),  # not the working directory: the services have others
        url=url,
        variables=os.environ,  # noqa: TID251  # the hub's
        process=os.getpid(),
    )
    of_yarnhub.add_services(c, services, start)


def __getattr__(name: str) -> object:
    if name == "YarnSpawner":
        from yarnhub.integrations.jupyterhub.spawner import YarnSpawner
        from yarnhub.integrations.spark.servers import find

        YarnSpawner.find_spark = staticmethod(find)  # neither of the two knows the other
        return YarnSpawner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
