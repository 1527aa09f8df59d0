"""The options of an embedded cluster."""

from __future__ import annotations

import dataclasses
import enum
import re
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TESTED_VERSIONS = ("3.4.2", "3.3.6", "3.5.0")
"""The Hadoop versions that the tests start; the first one is the default."""

SITE_FILES = (
    "core-site.xml",
    "hdfs-site.xml",
    "yarn-site.xml",
    "mapred-site.xml",
    "capacity-scheduler.xml",
)


class RpcProtection(enum.Enum):
    """The SASL protection of Hadoop RPC: `hadoop.rpc.protection`."""

    AUTHENTICATION = "authentication"
    INTEGRITY = "integrity"
    PRIVACY = "privacy"


class Scheduler(enum.Enum):
    """The scheduler of the ResourceManager."""

    CAPACITY = "capacity"
    FAIR = "fair"


@dataclasses.dataclass(frozen=True, slots=True)
class ClusterOptions:
    """The options of an embedded cluster.

    Attributes:
        name: The name of the cluster, for its default state folder.
        state: The state folder; None for the default one when started from the command line,
            and for a temporary folder when started from Python.
        hadoop: The Hadoop version.
        nodes: The number of NodeManagers.
        node_memory: MiB that each NodeManager offers.
        node_vcores: Virtual cores that each NodeManager offers.
        ha: Two ResourceManagers of which one is active, with the ZooKeeper that elects it.
        name_node_ha: Two NameNodes, the first of which becomes active.
        scheduler: The scheduler; the queues are the same with each.
        encryption_zone: With Kerberos: a key server (KMS) and an encryption zone.
        federation: The cluster is the only member of a federation: clients connect to its Router,
            and ApplicationMasters to the AMRMProxy of their node.
        native: NodeManagers load Hadoop's native library, so that they unpack archives faster.
        kerberos: Security is on, with a KDC; containers run as the user who submitted.
        rpc_protection: With Kerberos only.
        java_home: The Java installation; None finds a suitable one.
        site: Properties that override the default ones, by file:
            `{"yarn-site.xml": {"name": "value"}}`.
        maven_repository: Base URL of the Maven repository for jars; None for Maven Central.
    """

    name: str = "default"
    state: Path | None = None
    hadoop: str = TESTED_VERSIONS[0]
    nodes: int = 1
    node_memory: int = 8192
    node_vcores: int = 8
    ha: bool = False
    name_node_ha: bool = False
    scheduler: Scheduler = Scheduler.CAPACITY
    federation: bool = False
    encryption_zone: bool = False
    native: bool = False
    kerberos: bool = False
    rpc_protection: RpcProtection = RpcProtection.PRIVACY
    java_home: Path | None = None
    site: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    maven_repository: str | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name):
            raise ConfigurationError(
                f"{self.name!r} is not a valid cluster name: use letters, digits, '.', '_' and '-'"
            )
        if not re.fullmatch(r"\d+\.\d+\.\d+", self.hadoop):
            raise ConfigurationError(f"{self.hadoop!r} is not a Hadoop version such as 3.4.2")
        if self.nodes < 1:
            raise ConfigurationError("a cluster needs at least one node")
        if self.node_memory < 1 or self.node_vcores < 1:
            raise ConfigurationError("a node needs at least 1 MiB of memory and one vcore")
        if self.federation and (self.kerberos or self.ha):
            raise ConfigurationError("the federation option excludes Kerberos and the ha option")
        if self.encryption_zone and not self.kerberos:
            raise ConfigurationError("an encryption zone requires the kerberos option")
        unknown = set(self.site) - set(SITE_FILES)
        if unknown:
            raise ConfigurationError(
                f"{', '.join(sorted(unknown))}: not one of {', '.join(SITE_FILES)}"
            )

    @property
    def tls(self) -> bool:
        """Whether web servers use HTTPS: with Kerberos and Hadoop 3.

        Hadoop 2's Jetty calls a method that Java 17 has removed.
        """
        return self.kerberos and not self.hadoop.startswith("2.")


def site_file_of(name: str) -> str:
    """The site file of the property `name`."""
    if name.startswith("dfs."):
        return "hdfs-site.xml"
    if name.startswith("yarn.scheduler.capacity."):
        return "capacity-scheduler.xml"
    if name.startswith("yarn."):
        return "yarn-site.xml"
    if name.startswith("mapreduce."):
        return "mapred-site.xml"
    return "core-site.xml"


def group_by_site_file(definitions: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Group properties by site file."""
    site: dict[str, dict[str, str]] = {}
    for name, value in definitions.items():
        site.setdefault(site_file_of(name), {})[name] = value
    return site
