"""The service: dask-gateway's server, set up by the variables of JupyterHub's services."""

from __future__ import annotations

import copy
import ipaddress
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from dask_gateway_server.app import DaskGateway
from dask_gateway_server.proxy import Proxy
from dask_gateway_server.routes import default_routes
from traitlets.config import Config

from yarnhub.base.errors import ConfigurationError
from yarnhub.integrations.dask_gateway.backend import YarnBackend
from yarnhub.server.dask_gateway.authenticator import HubAuthenticator
from yarnhub.server.dask_gateway.browser_login import BrowserLogin
from yarnhub.server.dask_gateway.dashboards import Dashboards
from yarnhub.server.dask_gateway.keys import read_keys
from yarnhub.server.dask_gateway.relay import Relay
from yarnhub.server.hub.oauth import HubOAuth

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarnhub.server.dask_gateway.keys import Keys

PROXY_PORT = 8786
"""Of Dask schedulers, by default."""


class HubDaskGateway(DaskGateway):
    """dask-gateway's server as a service of JupyterHub.

    It takes dask-gateway's configuration; what follows from the hub is set before it is read.
    """

    name = "yarnhub dask-gateway"
    subcommands: ClassVar[dict[str, Any]] = {}

    def initialize(self, argv: list[str] | None = None) -> None:
        """See `DaskGateway.initialize`.

        Raises:
            ConfigurationError: It is not a service of a hub, or the configuration has another
                authenticator or backend.
        """
        self.keys = read_keys(Path.cwd())
        self.update_config(defaults(os.environ, self.keys))  # noqa: TID251  # the service's own
        super().initialize(argv)
        if not isinstance(self.authenticator, HubAuthenticator):
            raise ConfigurationError(
                "leave c.DaskGateway.authenticator_class out: users of a hub have its tokens"
            )
        if not isinstance(self.backend, YarnBackend):
            raise ConfigurationError(
                "leave c.DaskGateway.backend_class out, or set it to "
                "'yarnhub.integrations.dask_gateway.YarnBackend': other backends have their proxy "
                "serve dashboards to everybody"
            )
        self.backend.proxy_serves_dashboards = False

    def load_config_file(self, filename: str, path: str | None = None) -> None:
        """See `DaskGateway.load_config_file`; the file can be the hub's own."""
        super().load_config_file(filename, path)
        self.config: Config = without_settings_of_hub(self.config)

    async def setup(self) -> None:
        """See `DaskGateway.setup`; adds the paths that the hub's proxy passes on."""
        authenticator: HubAuthenticator = self.authenticator
        hub = authenticator.hub
        oauth = HubOAuth(hub.hub, hub.oauth, authenticator.to_hub)
        login = BrowserLogin(oauth, authenticator.identities, self.keys.cookies)
        relay = Relay()
        prefix = hub.oauth.home
        for each in default_routes:
            self.app.router.add_route(each.method, f"{prefix.rstrip('/')}{each.path}", each.handler)
        self.app.add_routes(Dashboards(prefix, self.backend, login, relay).routes())
        self.app.on_shutdown.append(relay.close_websockets)
        self.app.cleanup_ctx.append(relay.running)
        await super().setup()

    def run_proxy(self) -> None:
        """Replace this process by dask-gateway's proxy, which does not end with the server."""
        proxy = Proxy(parent=self.backend, log=self.log, gateway_address=self.address)
        program, *arguments = proxy.get_start_command(is_child_process=False)
        variables = proxy.get_start_env()
        variables.pop("JUPYTERHUB_API_TOKEN", None)
        os.execve(program, [program, *arguments], variables)  # noqa: S606  # no shell


def defaults(variables: Mapping[str, str], keys: Keys) -> Config:
    """The configuration that follows from the hub; the administrator's file can change it.

    Args:
        variables: The variables of the service's process.
        keys: Its secrets.

    Raises:
        ConfigurationError: It is not a service of a hub, or tokens could be read on the network.
    """
    address = _address(variables)
    config = Config()
    config.DaskGateway.address = address
    config.DaskGateway.authenticator_class = HubAuthenticator
    config.DaskGateway.backend_class = YarnBackend
    config.DBBackendBase.db_url = "sqlite:///dask_gateway.sqlite"
    if "DASK_GATEWAY_ENCRYPT_KEYS" not in variables:
        config.DBBackendBase.db_encrypt_keys = [keys.database]
    config.Proxy.address = f":{PROXY_PORT}"
    config.Proxy.api_token = keys.proxy
    config.Proxy.gateway_url = f"http://{address}"
    return config


def without_settings_of_hub(config: Config) -> Config:
    """A configuration without what it has for JupyterHub's classes of the same names.

    In a file that is also the hub's, dask-gateway's `Proxy` is called `DaskProxy`.
    """
    own = copy.deepcopy(config)
    for name, kind in (("Authenticator", HubAuthenticator), ("Proxy", Proxy)):
        for unknown in set(own.get(name, ())) - set(kind.class_trait_names(config=True)):
            del own[name][unknown]
    own.Proxy.update(own.pop("DaskProxy", {}))
    return own


def _address(variables: Mapping[str, str]) -> str:
    """Where the hub's proxy connects to."""
    text = variables.get("JUPYTERHUB_SERVICE_URL", "")
    try:
        url = urlsplit(text)
        ip, port = ipaddress.IPv4Address(url.hostname or ""), url.port
    except ValueError:
        ip, port = None, None
    if ip is None or not ip.is_loopback or not port or not text.startswith("http://"):
        raise ConfigurationError(
            f"set JUPYTERHUB_SERVICE_URL to an address of this host, such as "
            f"http://127.0.0.1:8891, not {text!r}: tokens could be read on the network"
        )
    return f"{ip}:{port}"
