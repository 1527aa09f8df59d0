"""The location of aggregated logs.

    since Hadoop 3.3   <root>/<user>/bucket-<suffix>/<last 4 digits of the number>/<application id>
    before             <root>/<user>/<suffix>/<application id>

Source: org.apache.hadoop.yarn.logaggregation.LogAggregationUtils and
filecontroller.LogAggregationFileController; yarn-default.xml.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yarnhub.hadoop.conf import Properties
    from yarnhub.yarn.records.ids import ApplicationId

ENABLED = "yarn.log-aggregation-enable"
_FORMATS = "yarn.log-aggregation.file-formats"
_ROOT = "yarn.nodemanager.remote-app-log-dir"
_DEFAULT_ROOT = "/tmp/logs"  # noqa: S108  # a path in HDFS, from yarn-default.xml
_SUFFIX = "yarn.nodemanager.remote-app-log-dir-suffix"
_DEFAULT_SUFFIX = "logs"
_KNOWN_FORMATS = ("TFile", "IFile")
"""Searched even if the client's configuration does not name them."""
_NOT_LOGS = (".tmp", "-checksum")


def log_roots(properties: Properties) -> tuple[str, ...]:
    """The directories in which each user has a directory of aggregated logs."""
    root = properties.get(_ROOT) or _DEFAULT_ROOT
    own = (
        properties.get(f"yarn.log-aggregation.{name}.remote-app-log-dir")
        for name in _formats(properties)
    )
    return tuple(dict.fromkeys(path.rstrip("/") for path in (*filter(None, own), root)))


def log_directories(
    properties: Properties, user: str, application_id: ApplicationId
) -> tuple[str, ...]:
    """The directories in which an application's aggregated logs may be, the most likely first.

    Args:
        properties: The Hadoop configuration.
        user: The application's owner.
        application_id: The application's id.
    """
    root = properties.get(_ROOT) or _DEFAULT_ROOT
    suffix = properties.get(_SUFFIX) or _DEFAULT_SUFFIX
    bucket = f"{application_id.id % 10_000:04d}"
    newer, older = [], []
    for name in _formats(properties):
        prefix = f"yarn.log-aggregation.{name}.remote-app-log-dir"
        home = f"{(properties.get(prefix) or root).rstrip('/')}/{user}"
        own = properties.get(f"{prefix}-suffix") or f"{suffix}-{name.lower()}"
        newer.append(f"{home}/bucket-{own}/{bucket}/{application_id}")
        # Before buckets came, a TFile's suffix was the common one.
        older += [f"{home}/{suffix}/{application_id}", f"{home}/{own}/{application_id}"]
    return tuple(dict.fromkeys(newer + older))


def is_node_file(name: str) -> bool:
    """Whether a file of this name in such a directory holds the logs of a node."""
    return not name.endswith(_NOT_LOGS) and not is_archive(name)


def is_archive(name: str) -> bool:
    """Whether the logs of all nodes were packed into a Hadoop archive of this name."""
    return name.endswith(".har")


def is_unfinished(name: str) -> bool:
    """Whether a node is still writing this file."""
    return name.endswith(".tmp")


def _formats(properties: Properties) -> tuple[str, ...]:
    named = [part.strip() for part in (properties.get(_FORMATS) or "").split(",")]
    known = [name for name in _KNOWN_FORMATS if name.lower() not in {n.lower() for n in named}]
    return (*filter(None, named), *known)
