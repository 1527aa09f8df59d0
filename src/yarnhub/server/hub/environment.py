"""What JupyterHub tells its services in their environment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from yarnhub.base.errors import ConfigurationError
from yarnhub.server.hub.api import HubAddress
from yarnhub.server.hub.oauth import OAuthClient

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class HubEnvironment:
    """What JupyterHub tells a service.

    Attributes:
        hub: The hub.
        oauth: The service as a client of its OAuth.
        ip: The address to listen on; empty if the hub does not set it.
        port: The port to listen on.
        prefix: What all paths start with; empty if the hub does not set it.
        client_tls: For requests to the hub, with `internal_ssl`.
        server_tls: For requests from the hub's proxy, with `internal_ssl` and a URL with HTTPS.
    """

    hub: HubAddress
    oauth: OAuthClient
    ip: str = ""
    port: int = 0
    prefix: str = ""
    client_tls: ssl.SSLContext | None = None
    server_tls: ssl.SSLContext | None = None

    def client(self) -> httpx.AsyncClient:
        """A client for requests to the hub; the caller closes it."""
        return httpx.AsyncClient(verify=self.client_tls or True, trust_env=False)


def read_hub_environment(variables: Mapping[str, str]) -> HubEnvironment | None:
    """What the variables of a service's process say; None if it is not one of a hub.

    Raises:
        ConfigurationError: A variable is missing or invalid.
    """
    environment = dict(variables)
    api_url = environment.get("JUPYTERHUB_API_URL", "")
    token = environment.get("JUPYTERHUB_API_TOKEN", "")
    if not api_url and not token:
        return None
    if not api_url or not token:
        raise ConfigurationError("set both JUPYTERHUB_API_URL and JUPYTERHUB_API_TOKEN, or neither")
    written = environment.get("JUPYTERHUB_SERVICE_URL", "")
    try:
        url = urlsplit(written)
        port = url.port or 0
    except ValueError as error:
        raise ConfigurationError(f"JUPYTERHUB_SERVICE_URL is not valid: {error}") from error
    prefix = environment.get("JUPYTERHUB_SERVICE_PREFIX", "")
    files = [environment.get(f"JUPYTERHUB_SSL_{name}", "") for name in _FILES]
    client_tls, server_tls = _contexts(*files) if all(files) else (None, None)
    return HubEnvironment(
        hub=HubAddress(api_url=api_url, api_token=token, scopes=_scopes(environment)),
        oauth=_oauth(environment, prefix),
        ip=url.hostname or "",
        port=port,
        prefix=prefix,
        client_tls=client_tls,
        server_tls=None if url.scheme == "http" else server_tls,
    )


_FILES = ("KEYFILE", "CERTFILE", "CLIENT_CA")


def _scopes(environment: Mapping[str, str]) -> frozenset[str]:
    """The scopes of which a user's token must have one."""
    written = environment.get("JUPYTERHUB_OAUTH_ACCESS_SCOPES", "")
    if written:
        try:
            scopes = json.loads(written)
        except ValueError as error:
            raise ConfigurationError("JUPYTERHUB_OAUTH_ACCESS_SCOPES is not valid JSON") from error
        if isinstance(scopes, list) and scopes:
            return frozenset(map(str, scopes))
    name = environment.get("JUPYTERHUB_SERVICE_NAME", "")
    if not name:
        raise ConfigurationError(
            "set JUPYTERHUB_SERVICE_NAME to the name of this service in c.JupyterHub.services"
        )
    return frozenset({f"access:services!service={name}"})


def _oauth(environment: Mapping[str, str], prefix: str) -> OAuthClient:
    """The service as a client of the hub; the defaults are those of JupyterHub's `HubOAuth`."""
    base = (environment.get("JUPYTERHUB_BASE_URL", "") or "/").rstrip("/")
    home = f"{prefix.rstrip('/')}/"
    name = environment.get("JUPYTERHUB_SERVICE_NAME", "")
    return OAuthClient(
        hub_url=f"{environment.get('JUPYTERHUB_HOST', '')}{base}/hub/",
        client_id=environment.get("JUPYTERHUB_CLIENT_ID", "") or f"service-{name}",
        callback=environment.get("JUPYTERHUB_OAUTH_CALLBACK_URL", "") or f"{home}oauth_callback",
        home=home,
        is_public_https=_is_public_https(environment),
    )


def _is_public_https(environment: Mapping[str, str]) -> bool | None:
    url = environment.get("JUPYTERHUB_PUBLIC_URL", "")
    return urlsplit(url).scheme == "https" if url else None


def _contexts(key: str, certificate: str, authority: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    import ssl

    contexts = []
    for purpose in (ssl.Purpose.SERVER_AUTH, ssl.Purpose.CLIENT_AUTH):
        try:
            context = ssl.create_default_context(purpose, cafile=authority)
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(f"The hub's certificates cannot be used: {error}") from error
        context.verify_mode = ssl.CERT_REQUIRED
        contexts.append(context)
    client, server = contexts
    return client, server
