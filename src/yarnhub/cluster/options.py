"""What a caller may choose about an embedded cluster."""

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
"""The Hadoop versions that this package's own tests start; the first one is the default."""

SITE_FILES = (
    "core-site.xml",
    "hdfs-site.xml",
    "yarn-site.xml",
    "mapred-site.xml",
    "capacity-scheduler.xml",
)


class RpcProtection(enum.Enum):
    """What SASL does for Hadoop RPC: `hadoop.rpc.protection`."""

    AUTHENTICATION = "authentication"
    INTEGRITY = "integrity"
    PRIVACY = "privacy"


class Scheduler(enum.Enum):
    """How the ResourceManager shares the cluster among its queues."""

    CAPACITY = "capacity"
    FAIR = "fair"


@dataclasses.dataclass(frozen=True, slots=True)
class ClusterOptions:
    """How an embedded cluster is to be.

    Attributes:
        name: Names the default state folder.
        state: The state folder; None for a default place when started from the command line,
            and for a temporary folder when started from Python.
        hadoop: The Hadoop version.
        nodes: How many NodeManagers.
        node_memory: MiB that each NodeManager offers.
        node_vcores: Virtual cores that each NodeManager offers.
        ha: Two ResourceManagers of which one is active, with the ZooKeeper that elects it.
        name_node_ha: Two NameNodes of which the first one is made active.
        scheduler: What shares the cluster among queues; they are the same with each.
        encryption_zone: With Kerberos: a key server (KMS) and an encryption zone.
        federation: The cluster is the only one of a federation: clients ask its Router, and
            ApplicationMasters the AMRMProxy of their node.
        kerberos: A KDC of its own, security on, containers run as the user who submitted.
        rpc_protection: For Kerberos only.
        java_home: The Java to use; None looks for a suitable one.
        site: Properties that win over ours, by file: `{"yarn-site.xml": {"name": "value"}}`.
        maven_repository: Base URL of the Maven repository to fetch jars from;
            None for Maven Central.
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
    kerberos: bool = False
    rpc_protection: RpcProtection = RpcProtection.PRIVACY
    java_home: Path | None = None
    site: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    maven_repository: str | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name):
            raise ConfigurationError(
                f"{self.name!r} can't name a cluster: use letters, digits, '.', '_' and '-'"
            )
        if not re.fullmatch(r"\d+\.\d+\.\d+", self.hadoop):
            raise ConfigurationError(f"{self.hadoop!r} is not a Hadoop version such as 3.4.2")
        if self.nodes < 1:
            raise ConfigurationError("a cluster needs at least one node")
        if self.node_memory < 1 or self.node_vcores < 1:
            raise ConfigurationError("a node needs at least 1 MiB of memory and one vcore")
        if self.federation and (self.kerberos or self.ha):
            raise ConfigurationError("a federation goes with neither Kerberos nor a pair here")
        if self.encryption_zone and not self.kerberos:
            raise ConfigurationError("an encryption zone goes with Kerberos only here")
        unknown = set(self.site) - set(SITE_FILES)
        if unknown:
            raise ConfigurationError(
                f"{', '.join(sorted(unknown))}: not one of {', '.join(SITE_FILES)}"
            )

    @property
    def tls(self) -> bool:
        """Whether web servers speak HTTPS: with Kerberos, and Hadoop 3.

        Hadoop 2's Jetty asks Java for a method that Java 17 has no more.
        """
        return self.kerberos and not self.hadoop.startswith("2.")


def site_file_of(name: str) -> str:
    """The site file in which Hadoop keeps the property `name`."""
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
    """Group `name -> value` by the site file that each name belongs to."""
    site: dict[str, dict[str, str]] = {}
    for name, value in definitions.items():
        site.setdefault(site_file_of(name), {})[name] = value
    return site
