"""Applications on Hadoop YARN, by the names that skein gave them; yarnhub does the work."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from skein import installation
from yarnhub import __version__ as _ours
from yarnhub.filesystem import fsspec_names

if TYPE_CHECKING:
    from skein import core, exceptions, kv, model, ui, utils
    from skein.application_client import ApplicationClient
    from skein.container_properties import properties
    from skein.core import Client
    from skein.exceptions import (
        ApplicationError,
        ApplicationNotRunningError,
        ConnectionError,  # noqa: A004  # skein's name
        DriverError,
        DriverNotRunningError,
        SkeinError,
        TimeoutError,  # noqa: A004  # skein's name
    )
    from skein.files import File
    from skein.security import Security
    from skein.specification import ACLs, ApplicationSpec, Master, Resources, Service
    from yarnhub.spec import FileType, FileVisibility, LogLevel

__version__ = f"{installation.SKEINS}+yarnhub.{_ours}"
"""That of the last skein, whose names are here, with ours behind it."""

__all__ = [
    "ACLs",
    "ApplicationClient",
    "ApplicationError",
    "ApplicationNotRunningError",
    "ApplicationSpec",
    "Client",
    "ConnectionError",
    "DriverError",
    "DriverNotRunningError",
    "File",
    "FileType",
    "FileVisibility",
    "LogLevel",
    "Master",
    "Resources",
    "Security",
    "Service",
    "SkeinError",
    "TimeoutError",
    "__version__",
    "core",
    "exceptions",
    "kv",
    "model",
    "properties",
    "ui",
    "utils",
]

_MODULES = ("core", "exceptions", "kv", "model", "ui", "utils")
"""Programs use these after `import skein` alone."""

_HOMES = {
    "skein.application_client": ("ApplicationClient",),
    "skein.core": ("Client",),
    "skein.container_properties": ("properties",),
    "skein.exceptions": (
        "ApplicationError",
        "ApplicationNotRunningError",
        "ConnectionError",
        "DriverError",
        "DriverNotRunningError",
        "SkeinError",
        "TimeoutError",
    ),
    "skein.files": ("File",),
    "skein.security": ("Security",),
    "skein.specification": ("ACLs", "ApplicationSpec", "Master", "Resources", "Service"),
    "yarnhub.spec": ("FileType", "FileVisibility", "LogLevel"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    # Imported when they are asked for: the command line starts without most of them.
    if name in _MODULES:
        return importlib.import_module(f"skein.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'skein' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


installation.warn_of_others()
fsspec_names.register()


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
