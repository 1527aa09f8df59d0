"""The site files of a cluster: a pure function of its options."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from yarnhub.cluster.daemon_names import NAME_NODE, node_managers
from yarnhub.cluster.ports import (
    ADDRESS,
    HOST,
    NAMESERVICE,
    NODE_SERVERS,
    address_property,
    node_port,
)
from yarnhub.cluster.processes.process import MARK
from yarnhub.cluster.security.principals import PROXIES, USERS
from yarnhub.cluster.site.federation import client_site, federation_site
from yarnhub.cluster.site.kerberos import node_web_site, secure_sites
from yarnhub.cluster.site.key_server import key_provider
from yarnhub.cluster.site.name_nodes import name_node_pair_site
from yarnhub.cluster.site.resource_managers import resource_manager_pair_site
from yarnhub.cluster.site.scheduler import capacity_queues, scheduler_site

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.cluster.site.inputs import SiteInputs

(FIRST_NODE_MANAGER,) = node_managers(1)
CONTAINER_VARIABLES = ("HADOOP_CONF_DIR", "JAVA_HOME", "KRB5_CONFIG", "LANG", "PATH", "TZ", MARK)
"""The variables that containers inherit from their NodeManager."""


def site_files(inputs: SiteInputs, node_manager: str | None = None) -> dict[str, dict[str, str]]:
    """The properties of each site file.

    Args:
        inputs: What the files depend on.
        node_manager: The NodeManager; None for clients and all other daemons.
    """
    files = {
        "core-site.xml": _core(inputs),
        "hdfs-site.xml": _hdfs(inputs),
        "yarn-site.xml": _yarn(inputs) | scheduler_site(inputs) | _node(inputs, node_manager),
        "mapred-site.xml": _mapred(inputs),
        "capacity-scheduler.xml": capacity_queues(),
    }
    if inputs.options.name_node_ha:
        files["core-site.xml"]["fs.defaultFS"] = f"hdfs://{NAMESERVICE}"
        files["hdfs-site.xml"] |= name_node_pair_site(inputs)
    if inputs.options.federation:
        files["yarn-site.xml"] |= federation_site(inputs)
        if node_manager is None:
            files["yarn-site.xml"] |= client_site(inputs)
    if inputs.options.ha:
        files["yarn-site.xml"] |= resource_manager_pair_site(inputs)
    if inputs.options.kerberos:
        for name, properties in secure_sites(inputs).items():
            files[name] |= properties
        if node_manager is not None:
            files["core-site.xml"] |= node_web_site(inputs)
        if inputs.options.encryption_zone:
            files["core-site.xml"]["hadoop.security.key.provider.path"] = key_provider(inputs)
    for name, chosen in inputs.options.site.items():
        files[name] |= chosen
    return files


def site_xml(properties: Mapping[str, str]) -> str:
    """The text of a site file."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<configuration>"]
    for name, value in sorted(properties.items()):
        lines.append(
            f"  <property><name>{escape(name)}</name><value>{escape(value)}</value></property>"
        )
    return "\n".join([*lines, "</configuration>", ""])


_LOG4J = """\
log4j.rootLogger=INFO,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c{2}: %m%n
"""
_NO_NATIVE_LIBRARY = "log4j.logger.org.apache.hadoop.util.NativeCodeLoader=ERROR\n"


def log4j_properties(inputs: SiteInputs, node_manager: str | None) -> str:
    """The configuration of logs, with warnings of a missing native library if one is expected."""
    expected = inputs.options.native and node_manager is not None
    return _LOG4J if expected else _LOG4J + _NO_NATIVE_LIBRARY


def _core(inputs: SiteInputs) -> dict[str, str]:
    properties = {
        "fs.defaultFS": f"hdfs://{HOST}:{inputs.ports.get('dfs.namenode.rpc-address')}",
        "hadoop.tmp.dir": str(inputs.layout.temporary),
        # The DataNode starts in parallel to the NameNode and retries.
        "ipc.client.connect.retry.interval": "200",
        "ipc.client.connect.max.retries": "25",
    }
    if not inputs.options.kerberos:
        # Tests without Kerberos impersonate users, too, as the user who runs the cluster.
        properties[f"hadoop.proxyuser.{inputs.user}.hosts"] = f"{ADDRESS},{HOST}"
        properties[f"hadoop.proxyuser.{inputs.user}.users"] = ",".join(
            (*USERS, *PROXIES, inputs.user)
        )
    return properties


def _hdfs(inputs: SiteInputs) -> dict[str, str]:
    addresses = {
        address_property(name, tls=inputs.options.tls): f"{HOST}:{port}"
        for name, port in inputs.ports.items()
        if name.startswith("dfs.")
    }
    return addresses | {
        "dfs.namenode.name.dir": inputs.layout.name_folder(NAME_NODE).as_uri(),
        "dfs.datanode.data.dir": inputs.layout.data_folder.as_uri(),
        "dfs.datanode.hostname": HOST,
        "dfs.replication": "1",
        "dfs.namenode.safemode.extension": "0",
        "dfs.heartbeat.interval": "1",
        "dfs.permissions.superusergroup": "supergroup",
        # The default is too much for small disks.
        "dfs.namenode.resource.du.reserved": "1048576",
        "dfs.namenode.fs-limits.min-block-size": "1024",
    }


def _yarn(inputs: SiteInputs) -> dict[str, str]:
    addresses = {
        address_property(name, tls=inputs.options.tls): f"{HOST}:{port}"
        for name, port in inputs.ports.items()
        if name.startswith("yarn.")
    }
    return addresses | {
        "yarn.resourcemanager.hostname": HOST,
        "yarn.resourcemanager.recovery.enabled": "true",
        "yarn.resourcemanager.work-preserving-recovery.enabled": "true",
        # The time that a restarted ResourceManager waits for its nodes before it schedules.
        "yarn.resourcemanager.work-preserving-recovery.scheduling-wait-ms": "1000",
        "yarn.resourcemanager.store.class": (
            "org.apache.hadoop.yarn.server.resourcemanager.recovery.FileSystemRMStateStore"
        ),
        "yarn.resourcemanager.fs.state-store.uri": inputs.layout.resource_manager_store.as_uri(),
        # The default is in /tmp, the same for all clusters of an OS user.
        "yarn.node-attribute.fs-store.root-dir": (inputs.layout.yarn / "node-attributes").as_uri(),
        "yarn.resourcemanager.connect.retry-interval.ms": "500",
        "yarn.scheduler.minimum-allocation-mb": "32",
        "yarn.scheduler.maximum-allocation-mb": str(inputs.options.node_memory),
        "yarn.scheduler.maximum-allocation-vcores": str(inputs.options.node_vcores),
        "yarn.log-aggregation-enable": "true",
        "yarn.nodemanager.remote-app-log-dir": "/tmp/logs",  # noqa: S108  # in HDFS
        "yarn.acl.enable": "false",
        "yarn.application.classpath": f"$HADOOP_CONF_DIR,{inputs.jars}/*",
    }


def _node(inputs: SiteInputs, node_manager: str | None) -> dict[str, str]:
    """The properties that all NodeManagers share; for one of them, also its own."""
    shared = {
        "yarn.nodemanager.hostname": HOST,
        "yarn.nodemanager.bind-host": ADDRESS,
        "yarn.nodemanager.resource.memory-mb": str(inputs.options.node_memory),
        "yarn.nodemanager.resource.cpu-vcores": str(inputs.options.node_vcores),
        "yarn.nodemanager.vmem-check-enabled": "false",
        "yarn.nodemanager.pmem-check-enabled": "true",
        "yarn.nodemanager.container-monitor.interval-ms": "1000",
        # The default relies on cgroups, even if none are used.
        "yarn.nodemanager.resource.memory.enforced": "false",
        "yarn.nodemanager.delete.debug-delay-sec": "0",
        "yarn.nodemanager.recovery.enabled": "true",
        # A NodeManager that is stopped leaves its containers running for the next one.
        "yarn.nodemanager.recovery.supervised": "true",
        "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "100",
        "yarn.nodemanager.env-whitelist": ",".join(CONTAINER_VARIABLES),
    }
    if node_manager is None:
        # Containers find the proxy of their node in this configuration.
        proxy = "yarn.nodemanager.amrmproxy.address"
        return shared | {proxy: f"{HOST}:{inputs.ports[node_port(FIRST_NODE_MANAGER, proxy)]}"}
    folder = inputs.layout.node(node_manager)
    addresses = {
        address_property(server, tls=inputs.options.tls): (
            f"{HOST}:{inputs.ports[node_port(node_manager, server)]}"
        )
        for server in NODE_SERVERS
    }
    return (
        shared
        | addresses
        | {
            "yarn.nodemanager.local-dirs": str(folder / "local"),
            "yarn.nodemanager.log-dirs": str(folder / "logs"),
            "yarn.nodemanager.recovery.dir": str(inputs.layout.node_recovery(node_manager)),
        }
    )


def _mapred(inputs: SiteInputs) -> dict[str, str]:
    return {
        "mapreduce.framework.name": "yarn",
        "mapreduce.application.classpath": f"$HADOOP_CONF_DIR,{inputs.jars}/*",
    }
