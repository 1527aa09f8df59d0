"""JupyterHub on YARN, under the names of yarnspawner 0.4.

The hub needs `YarnSpawner`; a server's container needs `yarnspawner.singleuser` alone, and none of
the hub's modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yarnhub.integrations.jupyterhub.spawner import YarnSpawner

__all__ = ["YarnSpawner"]


def __getattr__(name: str) -> object:
    if name == "YarnSpawner":
        from yarnhub.integrations.jupyterhub.spawner import YarnSpawner

        return YarnSpawner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
