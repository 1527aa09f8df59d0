"""The client: submit, follow and explain applications, connect to them, and read their logs.

These are the public names; the modules below may change:

    from yarnhub.client import Client, Settings

They are imported on first use, since some of them take long to import.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yarnhub.client.access.credentials import Credentials
    from yarnhub.client.access.settings import Settings
    from yarnhub.client.application.client import ApplicationClient
    from yarnhub.client.application.container import CurrentContainer
    from yarnhub.client.client import Client
    from yarnhub.client.explain.explanation import Explanation
    from yarnhub.client.logs.aggregated import LogChunk, LogFile
    from yarnhub.client.logs.selection import LogSelection

__all__ = [
    "ApplicationClient",
    "Client",
    "Credentials",
    "CurrentContainer",
    "Explanation",
    "LogChunk",
    "LogFile",
    "LogSelection",
    "Settings",
]

_MODULES = {
    "ApplicationClient": "application.client",
    "Client": "client",
    "Credentials": "access.credentials",
    "CurrentContainer": "application.container",
    "Explanation": "explain.explanation",
    "LogSelection": "logs.selection",
    "LogChunk": "logs.aggregated",
    "LogFile": "logs.aggregated",
    "Settings": "access.settings",
}


def __getattr__(name: str) -> object:
    """Import a public name."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
