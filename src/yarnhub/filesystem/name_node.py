"""The addresses of an HDFS's NameNodes, from its URL and the Hadoop configuration.

Source: hdfs-default.xml; org.apache.hadoop.hdfs.DFSUtilClient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from yarnhub.base.errors import ConfigurationError
from yarnhub.hadoop.address import Address
from yarnhub.hadoop.conf import is_https_only
from yarnhub.hadoop.ipc.options import RpcOptions
from yarnhub.hadoop.security.authentication import expected_principal, is_secure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.hadoop.conf import Properties

PRINCIPAL = "dfs.namenode.kerberos.principal"
RPC_PORT = 8020
_WEB_PORTS = {"http": (9870, 50070), "https": (9871, 50470)}
"""The defaults of Hadoop 3, and those of Hadoop 2."""
_ANY_HOST = "0.0.0.0"  # noqa: S104  # hdfs-default.xml: "the NameNode's host"


@dataclass(frozen=True, slots=True, kw_only=True)
class NameService:
    """One HDFS: a NameNode, or several of which one is active."""

    uri: str
    """`hdfs://host:port`, or `hdfs://<nameservice>`."""
    rpc: tuple[Address, ...]
    web: tuple[str, ...]
    """Base URLs of the NameNodes' HTTP servers, in the order in which they are tried."""
    nameservice: str | None = None
    """The logical name; None for a single NameNode that is addressed by host and port."""
    home_prefix: str = "/user"

    def __str__(self) -> str:
        return " or ".join(map(str, self.rpc))


def find_name_nodes(url: str, properties: Properties) -> NameService:
    """The NameNodes of an `hdfs://` URL.

    Args:
        url: `hdfs://host:port/...`, `hdfs://<nameservice>/...`; without an authority,
            `fs.defaultFS`.
        properties: The Hadoop configuration.

    Raises:
        ConfigurationError: The authority is missing, or the nameservice is incomplete.
    """
    authority = urlsplit(url).netloc
    if not authority:
        default = properties.get("fs.defaultFS") or ""
        authority = urlsplit(default).netloc
        if urlsplit(default).scheme.lower() != "hdfs" or not authority:
            raise ConfigurationError(
                f"{url} names no NameNode, and fs.defaultFS is {default or 'not set'}"
            )
    prefix = (properties.get("dfs.user.home.dir.prefix") or "/user").rstrip("/")
    ids = _split(properties.get(f"dfs.ha.namenodes.{authority}"))
    if not ids:
        try:
            address = Address.parse(authority.lower(), RPC_PORT)
        except ValueError as error:
            raise ConfigurationError(f"{url}: {error}") from error
        return NameService(
            uri=f"hdfs://{address}",
            rpc=(address,),
            web=_web(properties, {_single_suffix(properties): address}),
            home_prefix=prefix,
        )
    rpc = tuple(_rpc(properties, authority, node) for node in ids)
    return NameService(
        uri=f"hdfs://{authority}",
        rpc=rpc,
        web=_web(
            properties,
            {f".{authority}.{node}": address for address, node in zip(rpc, ids, strict=True)},
        ),
        nameservice=authority,
        home_prefix=prefix,
    )


def _single_suffix(properties: Properties) -> str:
    """The key's suffix if a single NameNode is configured under a nameservice."""
    services = _split(properties.get("dfs.nameservices"))
    return f".{services[0]}" if len(services) == 1 else ""


def name_node_options(properties: Properties) -> RpcOptions:
    """The requirements of connections to NameNodes, and the principal of NameNodes.

    Raises:
        ConfigurationError: The value of `hadoop.rpc.protection` is unknown.
    """
    return RpcOptions.configured(properties, expected_principal(PRINCIPAL, properties))


def _rpc(properties: Properties, nameservice: str, node: str) -> Address:
    key = f"dfs.namenode.rpc-address.{nameservice}.{node}"
    value = properties.get(key)
    if value is None:
        raise ConfigurationError(f"{key} is not set, but dfs.ha.namenodes.{nameservice} names it")
    try:
        return Address.parse(value, RPC_PORT)
    except ValueError as error:
        raise ConfigurationError(f"{key}: {error}") from error


def _web(properties: Properties, name_nodes: Mapping[str, Address]) -> tuple[str, ...]:
    """The URLs of NameNodes' web servers, by the suffixes of their keys.

    The cluster's version of Hadoop is unknown: if no address is configured, the port of Hadoop 3 is
    tried first, then that of Hadoop 2. Not over HTTP on a cluster with Kerberos: any user of the
    NameNode's host may hold the second port there, and requests have tokens in them.
    """
    tls = is_https_only(properties, "dfs")
    kind = "https" if tls else "http"
    newer, older = _WEB_PORTS[kind]
    first, second = [], []
    for suffix, rpc in name_nodes.items():
        key = f"dfs.namenode.{kind}-address"
        value = properties.get(key + suffix) or properties.get(key)
        try:
            address = Address.parse(value or _ANY_HOST, newer)
        except ValueError as error:
            raise ConfigurationError(f"{key}{suffix}: {error}") from error
        host = rpc.host if address.host == _ANY_HOST else address.host
        first.append(f"{kind}://{Address(host, address.port)}")
        if not value and (tls or not is_secure(properties)):
            second.append(f"{kind}://{Address(host, older)}")
    return (*first, *second)


def _split(value: str | None) -> list[str]:
    return [part.strip() for part in (value or "").split(",") if part.strip()]
