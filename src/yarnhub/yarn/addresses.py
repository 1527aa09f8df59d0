"""The addresses and principals of the ResourceManagers, from the Hadoop configuration.

Source: yarn-default.xml; org.apache.hadoop.yarn.conf.HAUtil.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from yarnhub.base.errors import ConfigurationError
from yarnhub.hadoop.conf import is_https_only
from yarnhub.hadoop.ipc.client import Address
from yarnhub.hadoop.security.authentication import expected_principal
from yarnhub.yarn.resource_manager import Endpoint

if TYPE_CHECKING:
    from yarnhub.hadoop.conf import Configuration

CLIENT = ("yarn.resourcemanager.address", 8032)
SCHEDULER = ("yarn.resourcemanager.scheduler.address", 8030)
PRINCIPAL = "yarn.resourcemanager.principal"
_WEB = ("yarn.resourcemanager.webapp.address", 8088)
_WEB_TLS = ("yarn.resourcemanager.webapp.https.address", 8090)
_WEB_PROXY = "yarn.web-proxy.address"
_ANY = "0.0.0.0"  # noqa: S104  # an address to connect to


def resource_manager(configuration: Configuration, service: tuple[str, int]) -> Endpoint:
    """One of the ResourceManager's services: `CLIENT` or `SCHEDULER`.

    Raises:
        ConfigurationError: High availability is enabled but a ResourceManager has no address.
    """
    key, port = service
    principal = expected_principal(PRINCIPAL, configuration)
    if not configuration.get_bool("yarn.resourcemanager.ha.enabled", default=False):
        return Endpoint((_address(configuration, "", key, port),), principal)
    ids = configuration.get_list("yarn.resourcemanager.ha.rm-ids")
    if not ids:
        raise ConfigurationError(
            "yarn.resourcemanager.ha.enabled is true but yarn.resourcemanager.ha.rm-ids is empty"
        )
    return Endpoint(
        tuple(_address(configuration, f".{name}", key, port) for name in ids), principal
    )


def _address(configuration: Configuration, suffix: str, key: str, port: int) -> Address:
    full = configuration.get(key + suffix)
    if full is not None:
        return configuration.get_address(key + suffix, port)
    host = configuration.get(f"yarn.resourcemanager.hostname{suffix}")
    if host is None and suffix:
        raise ConfigurationError(
            f"{key}{suffix} and yarn.resourcemanager.hostname{suffix} are both missing"
        )
    # yarn-default.xml says 0.0.0.0, which only reaches the client's own host.
    return Address(host or _ANY, port)


def web_proxies(configuration: Configuration) -> tuple[str, ...]:
    """The URLs of the web proxies that lead to ApplicationMasters, such as `http://host:8088`.

    They are the ResourceManagers' own, unless a separate proxy is configured.

    Raises:
        ConfigurationError: An address is missing or invalid.

    Source: org.apache.hadoop.yarn.webapp.util.WebAppUtils.getProxyHostsAndPortsForAmFilter.
    """
    if configuration.get(_WEB_PROXY):
        return _urls(configuration, (configuration.get_address(_WEB_PROXY, 9099),))
    return web_pages(configuration)


def web_pages(configuration: Configuration) -> tuple[str, ...]:
    """The URLs of the ResourceManagers' pages and REST interface, such as `http://host:8088`.

    Raises:
        ConfigurationError: An address is missing or invalid.
    """
    service = _WEB_TLS if has_tls(configuration) else _WEB
    return _urls(configuration, resource_manager(configuration, service).addresses)


def _urls(configuration: Configuration, addresses: tuple[Address, ...]) -> tuple[str, ...]:
    # A client of a ResourceManager at 0.0.0.0 is on its host, and the proxy uses its name.
    hosts = (socket.gethostname() if each.host == _ANY else each.host for each in addresses)
    scheme = "https" if has_tls(configuration) else "http"
    return tuple(
        f"{scheme}://{Address(host, each.port)}"
        for host, each in zip(hosts, addresses, strict=True)
    )


def has_tls(configuration: Configuration) -> bool:
    """Whether YARN's web servers use HTTPS."""
    return is_https_only(configuration, "yarn")
