"""The site files of a federation with one cluster.

Pure, like `yarnhub.cluster.site.files`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnhub.cluster.ports import ADDRESS, HOST, ROUTER_SERVERS, ZOOKEEPER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.cluster.site.inputs import SiteInputs

_SERVER = "org.apache.hadoop.yarn.server"
RESOURCE_MANAGER_ADDRESS = "yarn.resourcemanager.address"


def federation_site(inputs: SiteInputs) -> dict[str, str]:
    """The properties of yarn-site.xml that all daemons and clients need."""
    return {
        "yarn.federation.enabled": "true",
        "yarn.resourcemanager.cluster-id": "yarnhub",
        "yarn.resourcemanager.epoch": "0",
        "yarn.federation.state-store.class": (
            f"{_SERVER}.federation.store.impl.ZookeeperFederationStateStore"
        ),
        "hadoop.zk.address": f"{HOST}:{inputs.ports[ZOOKEEPER]}",
        # By default, the Router finds the cluster after half a minute, and caches its absence for
        # five minutes.
        "yarn.federation.state-store.heartbeat.initial-delay": "1s",
        "yarn.federation.state-store.heartbeat-interval-secs": "1",
        "yarn.federation.cache-ttl.secs": "1",
        "yarn.federation.subcluster-resolver.class": (
            f"{_SERVER}.federation.resolver.DefaultSubClusterResolverImpl"
        ),
        "yarn.federation.machine-list": str(inputs.layout.machine_list),
        "yarn.router.bind-host": ADDRESS,
        "yarn.router.clientrm.interceptor-class.pipeline": (
            f"{_SERVER}.router.clientrm.FederationClientInterceptor"
        ),
        "yarn.router.rmadmin.interceptor-class.pipeline": (
            f"{_SERVER}.router.rmadmin.FederationRMAdminInterceptor"
        ),
        "yarn.router.webapp.interceptor-class.pipeline": (
            f"{_SERVER}.router.webapp.FederationInterceptorREST"
        ),
        "yarn.nodemanager.amrmproxy.enabled": "true",
        "yarn.nodemanager.amrmproxy.ha.enable": "true",
        "yarn.nodemanager.amrmproxy.interceptor-class.pipeline": (
            f"{_SERVER}.nodemanager.amrmproxy.FederationInterceptor"
        ),
        "yarn.client.failover-proxy-provider": (
            f"{_SERVER}.federation.failover.FederationRMFailoverProxyProvider"
        ),
    }


def client_site(inputs: SiteInputs) -> dict[str, str]:
    """The address of the Router as the ResourceManager's, for clients."""
    return {RESOURCE_MANAGER_ADDRESS: f"{HOST}:{inputs.ports[ROUTER_SERVERS[0]]}"}


def resource_manager_address(ports: Mapping[str, int]) -> str:
    """The address of the ResourceManager itself, which reads the clients' configuration."""
    return f"{HOST}:{ports[RESOURCE_MANAGER_ADDRESS]}"
