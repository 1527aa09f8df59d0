"""Where the NameNodes of an HDFS listen, from its URL and the Hadoop configuration.

Source: hdfs-default.xml; org.apache.hadoop.hdfs.DFSUtilClient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from yarnhub.base.errors import ConfigurationError
from yarnhub.hadoop.address import Address

if TYPE_CHECKING:
    from yarnhub.hadoop.properties import Properties

PRINCIPAL = "dfs.namenode.kerberos.principal"
RPC_PORT = 8020
HTTP_PORT = 9870
HTTPS_PORT = 9871
_ANY_HOST = "0.0.0.0"  # noqa: S104  # what hdfs-default.xml says: "the NameNode's host"


@dataclass(frozen=True, slots=True, kw_only=True)
class NameService:
    """One HDFS: a NameNode, or several of which one is active."""

    uri: str
    """`hdfs://host:port`, or `hdfs://<nameservice>`."""
    rpc: tuple[Address, ...]
    web: tuple[str, ...]
    """Base URLs of the NameNodes' HTTP servers, in the order of `rpc`."""
    nameservice: str | None = None
    """The logical name; None for a single NameNode that is addressed by host and port."""
    home_prefix: str = "/user"

    @property
    def secure(self) -> bool:
        """Whether WebHDFS is by HTTPS."""
        return any(url.startswith("https:") for url in self.web)

    def __str__(self) -> str:
        return " or ".join(map(str, self.rpc))


def find_name_nodes(url: str, properties: Properties) -> NameService:
    """The NameNodes that an `hdfs://` URL means.

    Args:
        url: `hdfs://host:port/...`, `hdfs://<nameservice>/...`; without an authority
            `fs.defaultFS` is meant.
        properties: The Hadoop configuration.

    Raises:
        ConfigurationError: The authority is missing, or the nameservice is not complete.
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
            web=(_web(properties, address, _single_suffix(properties)),),
            home_prefix=prefix,
        )
    rpc = tuple(_rpc(properties, authority, node) for node in ids)
    return NameService(
        uri=f"hdfs://{authority}",
        rpc=rpc,
        web=tuple(
            _web(properties, address, f".{authority}.{node}")
            for address, node in zip(rpc, ids, strict=True)
        ),
        nameservice=authority,
        home_prefix=prefix,
    )


def _single_suffix(properties: Properties) -> str:
    """The key's ending where a single NameNode is configured under a nameservice."""
    services = _split(properties.get("dfs.nameservices"))
    return f".{services[0]}" if len(services) == 1 else ""


def _rpc(properties: Properties, nameservice: str, node: str) -> Address:
    key = f"dfs.namenode.rpc-address.{nameservice}.{node}"
    value = properties.get(key)
    if value is None:
        raise ConfigurationError(f"{key} is missing: dfs.ha.namenodes.{nameservice} names it")
    try:
        return Address.parse(value, RPC_PORT)
    except ValueError as error:
        raise ConfigurationError(f"{key}: {error}") from error


def _web(properties: Properties, rpc: Address, suffix: str) -> str:
    secure = (properties.get("dfs.http.policy") or "").upper() == "HTTPS_ONLY"
    kind, port = ("https", HTTPS_PORT) if secure else ("http", HTTP_PORT)
    key = f"dfs.namenode.{kind}-address"
    value = properties.get(key + suffix) or properties.get(key) or f"{_ANY_HOST}:{port}"
    try:
        address = Address.parse(value, port)
    except ValueError as error:
        raise ConfigurationError(f"{key}{suffix}: {error}") from error
    if address.host == _ANY_HOST:
        address = Address(rpc.host, address.port)
    return f"{kind}://{address}"


def _split(value: str | None) -> list[str]:
    return [part.strip() for part in (value or "").split(",") if part.strip()]
