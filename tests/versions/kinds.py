"""The kinds of clusters that are walked through."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.cluster.options import TESTED_VERSIONS, ClusterOptions, Scheduler

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Limit:
    """What cannot work on a kind, through no fault of ours.

    Attributes:
        words: Why, and what to do instead; for the documentation.
        says: A regular expression of what the user is told.
    """

    words: str
    says: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of cluster.

    Attributes:
        name: As the documentation calls it.
        options: How it is started.
        limits: By capability, see `walk.CAPABILITIES`.
    """

    name: str
    options: ClusterOptions
    limits: Mapping[str, Limit] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The name of its tests."""
        return self.name.lower().replace(", ", "-").replace(" ", "-")


OWN_LOGIN = Limit(
    "With Kerberos, YARN does not issue a token for a login's own unmanaged application, because "
    "it compares the user's short name with the whole principal. Submit the application to YARN "
    "(managed), or let a service act for its users, as the hub does.",
    r"submit it to YARN \(managed\)",
)
WITH_KERBEROS = {"unmanaged_own": OWN_LOGIN}

ROUTER = Limit(
    "Hadoop 3.4.2's Router fails on every application whose ApplicationMaster is not run by YARN. "
    "Submit the application to YARN (managed); for servers of JupyterHub, set "
    '`c.YarnSpawner.application_master = "cluster"`.',
    r"Router at .* fails on every unmanaged application",
)
OPPORTUNISTIC = {
    "yarn.nodemanager.amrmproxy.enabled": "true",
    "yarn.nodemanager.distributed-scheduling.enabled": "true",
    "yarn.nodemanager.opportunistic-containers-max-queue-length": "10",
    "yarn.resourcemanager.opportunistic-container-allocation.enabled": "true",
}

EVERY_TIME = tuple(
    Kind(f"Hadoop {version}", ClusterOptions(hadoop=version)) for version in sorted(TESTED_VERSIONS)
)
"""Walked through by `./test`, the others by `./test versions`."""
OTHERS = (
    *(
        Kind(f"Hadoop {version}", ClusterOptions(hadoop=version))
        for version in ("2.10.2", "3.1.4", "3.2.4", "3.4.3")
    ),
    *(
        Kind(
            f"Hadoop {version}, Kerberos",
            ClusterOptions(hadoop=version, kerberos=True),
            WITH_KERBEROS,
        )
        for version in ("2.10.2", "3.1.4", "3.2.4", "3.3.6", "3.4.2", "3.5.0")
    ),
    Kind("Hadoop 3.4.2, FairScheduler", ClusterOptions(scheduler=Scheduler.FAIR)),
    Kind("Hadoop 3.4.2, NameNode HA", ClusterOptions(name_node_ha=True)),
    Kind(
        "Hadoop 3.4.2, Kerberos, HA of NameNode and ResourceManager",
        ClusterOptions(kerberos=True, ha=True, name_node_ha=True),
        WITH_KERBEROS,
    ),
    Kind(
        "Hadoop 3.4.2, federation",
        ClusterOptions(federation=True),
        dict.fromkeys(("unmanaged", "unmanaged_own", "server"), ROUTER),
    ),
    Kind(
        "Hadoop 3.4.2, AMRMProxy with opportunistic containers",
        ClusterOptions(site={"yarn-site.xml": OPPORTUNISTIC}),
    ),
)
KINDS = {kind.name: kind for kind in sorted((*EVERY_TIME, *OTHERS), key=lambda kind: kind.name)}
