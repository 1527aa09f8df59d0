"""What a client hands an ApplicationMaster at submission: secrets in its token file.

The token file reaches the container as a file that only its user can read; Hadoop neither logs
nor shows it. So all that an AM needs travels in it: nothing is uploaded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PROGRAM = "yarnhub.program"
"""The AM's code, a zip. Python runs the token file itself: a zip may stand inside another file."""
APPLICATION = "yarnhub.application"
"""A `SubmittedApplication`, as JSON."""
CERTIFICATE = "yarnhub.certificate"
KEY = "yarnhub.key"
"""The pair, in PEM, by which an application and its clients know each other."""
RESOURCE_MANAGERS = "yarnhub.resource-managers"
"""`host:port,host:port`: where clients ask for the address of an AM that was started anew."""
AGENT = "yarnhub.agent"
"""The code that keeps a container's token file fresh, a zip; only where there are tokens."""
TRUST = "yarnhub.trust"
"""A `Trust`, as JSON: whose certificates the cluster's HTTPS servers have; only where they do."""
SECRET = "yarnhub.secret."  # noqa: S105  # a name
"""What the name of a secret begins with that the submitter gives the containers of services."""

MAX_HOSTS = 100
"""Above so many hosts they are not named: enough nodes report in each second to serve requests
for any node fast."""

SERVER_NAME = "skein-internal"
"""The name in every such certificate: hosts are not known when it is made."""


def server_name(application_id: str) -> str:
    """What a client calls an application in TLS's handshake: one port may serve many."""
    return f"{application_id.replace('_', '-')}.{SERVER_NAME}"


def given_secrets(secrets: Mapping[str, bytes]) -> dict[str, bytes]:
    """The secrets that a submitter gave, by the names that it gave them."""
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
    """Of the file system, such as `hdfs://namenode:8020`."""
    web: tuple[str, ...]
    """Base URLs of the NameNodes' HTTP servers."""
    folder: str
    """As a URL."""
    token: str | None
    """The alias of the delegation token that opens it; None without security."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedApplication:
    """What the AM has to run, and what it has to know of the cluster."""

    specification: str
    """`ApplicationSpec.to_dict()` as a JSON document; its files are staged."""
    application_id: str
    user: str
    schedulers: tuple[str, ...]
    """`host:port` of each ResourceManager's scheduler."""
    racks: dict[str, str]
    """The cluster's hosts at submission with their racks; empty if there are too many."""
    web_proxies: tuple[str, ...]
    """URLs of YARN's web proxies, without a path: who may read the AM's web pages."""
    language: str
    """`LANG` for the containers."""
    simple_authentication: bool
    attempts: int = 1
    """How many AMs YARN starts at most, one after the other."""
    staging: Staging | None = None
    """None if there is none: nothing was uploaded, and nobody else takes the application over."""
    acls: dict[str, str] = field(default_factory=dict)
    """Who else may see and change it, by YARN's names: nodes go by what a container brings."""
