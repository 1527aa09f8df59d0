"""Who can read the metrics of a service: its own host, or who has the token for them."""

from __future__ import annotations

import hmac
import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING

from traitlets import Unicode
from traitlets.config import Configurable

from yarnhub.base.errors import ConfigurationError
from yarnhub.base.files import read_regular

if TYPE_CHECKING:
    from collections.abc import Mapping

REFUSAL = "Metrics are only available on this host, or with their token"
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
"""Headers of proxies, whose own address says nothing about the client's."""
_MAX_TOKEN = 4096


class MetricsAccess(Configurable):
    """The setting of all services that have metrics."""

    metrics_token_file = Unicode(
        "",
        help="""A file with the token for `/metrics`. Without it, metrics are only available on
        this host.""",
    ).tag(config=True)

    def metrics_token(self) -> str:
        """The token for metrics; empty if there is none.

        Raises:
            ConfigurationError: The file cannot be read, or is empty.
        """
        setting = f"{type(self).__name__}.metrics_token_file"
        if not self.metrics_token_file:
            return ""
        try:
            token = read_regular(Path(self.metrics_token_file), _MAX_TOKEN).decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{setting}: {error}") from error
        if not token:
            raise ConfigurationError(f"{setting}: the file is empty")
        return token


def may_read_metrics(headers: Mapping[str, str], client: str, token: str) -> bool:
    """Whether a request can read the metrics.

    Args:
        headers: Its headers, by names in any case.
        client: The IP address from which it comes.
        token: The token for metrics; empty if there is none.
    """
    given = headers.get("Authorization", "")
    if token:
        return any(
            hmac.compare_digest(given.encode(), f"{scheme} {token}".encode())
            for scheme in ("token", "Bearer")
        )
    if any(name in headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(client).is_loopback
    except ValueError:
        return False
