"""Where the kernel service is, for servers whose kernels it holds."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from yarnhub.base.errors import AuthenticationError, ConfigurationError
from yarnhub.kernels import service_protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

URL = "YARNHUB_GATEWAY_URL"
CA = "YARNHUB_GATEWAY_CA"
TOKEN = "JUPYTERHUB_API_TOKEN"  # noqa: S105  # the name of a variable


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """Where the kernel service is.

    Attributes:
        url: Its URL, `https://...`; may have a path.
        token: Returns the user's token; called for each request, as tokens are renewed.
        ca: A file with the certificates (PEM) by which the service's certificate is verified;
            empty for those of the system.
        ticket: Whether requests have the user's Kerberos ticket instead of a token.
    """

    url: str
    token: Callable[[], str] = field(repr=False)
    ca: str = ""
    ticket: bool = False

    @property
    def root(self) -> str:
        """What the URLs of all requests begin with, without a slash at the end."""
        return f"{self.url.rstrip('/')}/{service_protocol.ROOT}"

    def headers(self) -> dict[str, str]:
        """The headers of each request.

        Raises:
            AuthenticationError: There is no token.
        """
        token = self.token()
        if not token:
            raise AuthenticationError("there is no token for the kernel service")
        return {"Authorization": f"token {token}"}

    async def proof(self) -> dict[str, str]:
        """The headers of a request, also with a ticket, for which a KDC may be asked.

        Raises:
            AuthenticationError: There is neither a token nor a ticket.
        """
        if not self.ticket:
            return self.headers()
        from yarnhub.hadoop.security.kerberos import TicketCache
        from yarnhub.hadoop.security.negotiate import Negotiation

        host = urlsplit(self.url).hostname or ""
        negotiation = await asyncio.to_thread(Negotiation, TicketCache(), host)
        name, value = await negotiation.header()
        return {name: value}

    def tls(self) -> ssl.SSLContext:
        """The TLS settings.

        Raises:
            ConfigurationError: The URL or the file is not valid.
        """
        if not self.url.startswith(("http://", "https://")):
            raise ConfigurationError(f"not a URL of a kernel service: {self.url[:200]!r}")
        try:
            return ssl.create_default_context(cafile=self.ca or None)
        except OSError as error:  # ssl.SSLError is one
            why = error.strerror or str(error)
            raise ConfigurationError(f"cannot read certificates from {self.ca}: {why}") from error


def settings_from_environment(variables: Mapping[str, str]) -> GatewaySettings:
    """The settings in the variables of a user's server.

    Args:
        variables: `YARNHUB_GATEWAY_URL`, `YARNHUB_GATEWAY_CA`, and `JUPYTERHUB_API_TOKEN`, which
            is read for each request.

    Raises:
        ConfigurationError: There is no URL.
    """
    url = variables.get(URL, "")
    if not url:
        raise ConfigurationError(f"set {URL} to the URL of the kernel service")
    return GatewaySettings(
        url=url, ca=variables.get(CA, ""), token=lambda: variables.get(TOKEN, "")
    )
