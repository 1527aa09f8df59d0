"""What an application is for, as its type, name and tags tell; no I/O."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yarnhub.yarn.records.applications import ApplicationReport

_OURS, _SPARK = "skein", "SPARK"
"""Types of applications."""


class Kind(enum.StrEnum):
    """What an application is for."""

    SERVER = "server"
    """A user's notebook server."""
    KERNEL = "kernel"
    """A kernel in a container of its own."""
    DASK = "dask"
    """A Dask cluster."""
    SPARK = "spark"
    """A Spark session or a Spark application."""
    BUILD = "build"
    """The build of an environment."""
    OTHER = "other"


_BY_TAG = {
    "jupyterhub": Kind.SERVER,
    "kernel": Kind.KERNEL,
    "dask-gateway": Kind.DASK,
    "yarnhub-build": Kind.BUILD,
}
"""The tags of what yarnhub submits; `tests/watch/test_kinds.py` compares them with its parts."""
_BY_NAME = {"dask": Kind.DASK, "dask-gateway": Kind.DASK}
"""Names of Dask clusters without a tag: those of dask-yarn, and of dask-gateway's own backend."""


def kind_of(report: ApplicationReport) -> Kind:
    """What an application is for. It proves nothing: users can choose names and tags."""
    if report.application_type.upper() == _SPARK:
        return Kind.SPARK
    if report.application_type != _OURS:
        return Kind.OTHER
    for tag in report.application_tags:
        if (found := _BY_TAG.get(tag)) is not None:
            return found
    return _BY_NAME.get(report.name, Kind.OTHER)
