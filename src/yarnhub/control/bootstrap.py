"""The data that a client passes to an ApplicationMaster at submission, in its token file.

The token file reaches the container as a file that only its user can read; Hadoop neither logs
nor shows it. So it contains all that an AM needs: nothing is uploaded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PROGRAM = "yarnhub.program"
"""The AM's code, a zip. Python runs the token file itself: a zip may be part of another file."""
APPLICATION = "yarnhub.application"
"""A `SubmittedApplication`, as JSON."""
CERTIFICATE = "yarnhub.certificate"
KEY = "yarnhub.key"
"""The pair, in PEM, with which an application and its clients authenticate."""
RESOURCE_MANAGERS = "yarnhub.resource-managers"
"""`host:port,host:port`: where clients look up the address of a restarted AM."""
AGENT = "yarnhub.agent"
"""The code that keeps a container's token file fresh, a zip; only if there are tokens."""
TRUST = "yarnhub.trust"
"""A `Trust`, as JSON: the CA of the cluster's HTTPS servers; only if they have one."""
SECRET = "yarnhub.secret."  # noqa: S105  # a name
"""The prefix of the names of secrets that the submitter gives to containers of services."""

MAX_HOSTS = 100
"""With more hosts, none are named: enough nodes report every second to serve requests for any node
quickly."""

SERVER_NAME = "skein-internal"
"""The name in every such certificate: hosts are unknown when it is created."""


def server_name(application_id: str) -> str:
    """The name of an application in the TLS handshake: one port may serve many."""
    return f"{application_id.replace('_', '-')}.{SERVER_NAME}"


def given_secrets(secrets: Mapping[str, bytes]) -> dict[str, bytes]:
    """The secrets of a submitter, by its own names."""
    return {
        name.removeprefix(SECRET): value
        for name, value in secrets.items()
        if name.startswith(SECRET)
    }


def named_secrets(secrets: Mapping[str, bytes]) -> dict[str, bytes]:
    """The same, by their names in a token file."""
    return {f"{SECRET}{name}": value for name, value in secrets.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Staging:
    """The application's own folder in HDFS, which its AM reaches by WebHDFS."""

    uri: str
    """The URL of the file system, such as `hdfs://namenode:8020`."""
    web: tuple[str, ...]
    """Base URLs of the NameNodes' HTTP servers."""
    folder: str
    """The folder's URL."""
    token: str | None
    """The alias of its delegation token; None without security."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedApplication:
    """The application that the AM runs, and the cluster."""

    specification: str
    """`ApplicationSpec.to_dict()` as a JSON document; its files are staged."""
    application_id: str
    user: str
    schedulers: tuple[str, ...]
    """`host:port` of each ResourceManager's scheduler."""
    racks: dict[str, str]
    """The cluster's hosts at submission with their racks; empty if there are too many."""
    web_proxies: tuple[str, ...]
    """URLs of YARN's web proxies, without a path: which may read the AM's web pages."""
    language: str
    """`LANG` for the containers."""
    simple_authentication: bool
    attempts: int = 1
    """The number of AMs that YARN starts, one after the other."""
    staging: Staging | None = None
    """None if nothing was uploaded, and no later AM takes the application over."""
    acls: dict[str, str] = field(default_factory=dict)
    """Its ACLs by YARN's names: nodes use the ACLs in a container's launch context."""
