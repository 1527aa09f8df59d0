"""The CA of a site's HTTPS servers, from its configuration."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from yarnhub.base.errors import ConfigurationError
from yarnhub.client.access.truststore import read_truststore
from yarnhub.control import bootstrap
from yarnhub.control import json as control_json
from yarnhub.hadoop.conf import Configuration, is_https_only
from yarnhub.hadoop.token_file import read_token_file
from yarnhub.hadoop.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.hadoop.trust import TrustSource

_ALLOW_ALL = "ALLOW_ALL"
_RELOAD_INTERVAL = 60.0
"""Seconds; Java looks every 10 s whether a truststore has changed (`reload.interval`)."""
_MAX_CERTIFICATES = 1 << 20
"""Bytes of certificates that travel with an application: the ResourceManager keeps them."""


@dataclass(frozen=True, slots=True)
class SiteTrust:
    """The sources of trusted certificates, in order of precedence; call it to read them.

    Attributes:
        file: `YARNHUB_CA_FILE`: a PEM file, or a truststore without a password.
        token_file: A container's token file, which has the submitter's certificates.
        site_file: Like `file`, from the site's configuration: `yarnhub.ca-file`.
        folder: The folder of `ssl_client`.
        ssl_client: Hadoop's own file for this.
        any_host: Whether the site accepts certificates of other hosts.
    """

    file: Path | None = None
    token_file: Path | None = None
    site_file: Path | None = None
    folder: Path | None = None
    ssl_client: str = "ssl-client.xml"
    any_host: bool = False

    @classmethod
    def of(
        cls, environment: Mapping[str, str], configuration: Configuration, folder: Path
    ) -> SiteTrust:
        """From an environment and a site's configuration; no file is read yet."""
        verifier = configuration.get("hadoop.ssl.hostname.verifier") or ""
        return cls(
            file=_path(environment.get("YARNHUB_CA_FILE")),
            token_file=_path(environment.get("HADOOP_TOKEN_FILE_LOCATION")),
            site_file=_path(configuration.get("yarnhub.ca-file")),
            folder=folder,
            ssl_client=configuration.get("hadoop.ssl.client.conf") or "ssl-client.xml",
            any_host=verifier.strip().upper() == _ALLOW_ALL,
        )

    def __call__(self) -> Trust:
        """The trusted certificates; read again once a minute, since a hub outlives certificates.

        Raises:
            ConfigurationError: A configured file cannot be read, or has no certificate.
        """
        return _read(self, int(time.monotonic() / _RELOAD_INTERVAL))


def travelling(configuration: Configuration, trust: TrustSource) -> Trust | None:
    """The part that an application's processes need; None if they need nothing.

    Raises:
        ConfigurationError: There are too many certificates.
    """
    default = configuration.get("fs.defaultFS") or ""
    https = any(is_https_only(configuration, part) for part in ("dfs", "yarn"))
    if not https and not default.startswith("swebhdfs:"):
        return None
    found = trust()
    if len(found.certificates) > _MAX_CERTIFICATES:
        raise ConfigurationError(
            f"the truststore's certificates are {len(found.certificates)} bytes, and"
            f" {_MAX_CERTIFICATES} is"
            f" the limit for an application: set YARNHUB_CA_FILE to a PEM file with "
            "the cluster's CA alone"
        )
    return None if found == Trust() else found


@functools.lru_cache(maxsize=64)
def _read(site: SiteTrust, _period: int) -> Trust:
    if site.file is not None:
        return Trust(read_truststore(site.file, None), site.any_host)
    if site.token_file is not None and (brought := _brought(site.token_file)):
        return brought
    if site.site_file is not None:
        return Trust(read_truststore(site.site_file, None), site.any_host)
    return Trust(_truststore(site), site.any_host)


def _brought(token_file: Path) -> Trust | None:
    try:
        secrets = read_token_file(token_file).secrets
    except OSError as error:
        raise ConfigurationError(
            f"the token file {token_file} cannot be read: {error.strerror}"
        ) from error
    packed = secrets.get(bootstrap.TRUST)
    return None if packed is None else control_json.load(Trust, packed)


def _truststore(site: SiteTrust) -> str:
    """The settings of ssl-client.xml; empty if it names no truststore.

    Source: ssl-client.xml.example, org.apache.hadoop.security.ssl.FileBasedKeyStoresFactory.
    """
    if site.folder is None or not (site.folder / site.ssl_client).is_file():
        return ""
    client = Configuration.load(site.folder, files=(site.ssl_client,))
    path = _path(client.get("ssl.client.truststore.location"))
    if path is None:
        return ""
    try:
        return read_truststore(path, client.get("ssl.client.truststore.password"))
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{site.folder / site.ssl_client}, ssl.client.truststore.location: {error}; if it "
            "cannot be repaired, set YARNHUB_CA_FILE to a PEM file with the cluster's CA"
        ) from error


def _path(text: str | None) -> Path | None:
    text = (text or "").strip()
    if text.startswith("file:"):
        text = unquote(urlsplit(text).path)
    return Path(text) if text else None
