"""JupyterHub on YARN, under the names of yarnspawner 0.4.

The hub needs `YarnSpawner`; a server's container needs `yarnspawner.singleuser` alone, and none of
the hub's modules.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yarnhub.integrations.jupyterhub.spawner import YarnSpawner

__all__ = ["YarnSpawner", "template_paths"]

template_paths = [
    str(Path(__file__).parents[1] / "yarnhub" / "integrations" / "jupyterhub" / "templates")
]
"""For `c.JupyterHub.template_paths`: pages that say why a server ended."""


def __getattr__(name: str) -> object:
    if name == "YarnSpawner":
        from yarnhub.integrations.jupyterhub.spawner import YarnSpawner
        from yarnhub.integrations.spark.servers import find

        YarnSpawner.find_spark = staticmethod(find)  # neither of the two knows the other
        return YarnSpawner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
