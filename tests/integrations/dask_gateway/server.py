"""dask-gateway's server as a program, for tests."""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hub.program import Program
from yarnhub.cluster.ports import choose_ports

if TYPE_CHECKING:
    from yarnhub.cluster import HadoopCluster

BIN = Path(sys.executable).parent
OURS = "yarnhub.integrations.dask_gateway.YarnBackend"
UPSTREAM = "dask_gateway_server.backends.yarn.YarnBackend"
CONFIG = """\
c.DaskGateway.address = "127.0.0.1:{private}"
c.Proxy.address = "127.0.0.1:{web}"
c.Proxy.tcp_address = "127.0.0.1:{tcp}"
c.Proxy.api_token = {token!r}
"""


class DaskGatewayServer(Program):
    """dask-gateway's server, with its proxy.

    Args:
        folder: Its working folder.
        cluster: Where its clusters run.
        config: Its configuration, except for addresses.
        programs: Where its command is.
        own_proxy: Whether it starts its proxy, which then ends with it: see `proxy`.
    """

    def __init__(
        self,
        folder: Path,
        cluster: HadoopCluster,
        config: str,
        programs: Path = BIN,
        *,
        own_proxy: bool = True,
    ) -> None:
        ports = choose_ports(["private", "web", "tcp"], {})
        self.address = f"http://localhost:{ports['web']}"  # the name in Kerberos principals
        self.proxy_address = f"gateway://127.0.0.1:{ports['tcp']}"
        folder.mkdir(parents=True)
        self._config = folder / "dask_gateway_config.py"
        self._addresses = CONFIG.format(**ports, token=secrets.token_hex(16))
        if not own_proxy:
            self._addresses += "c.Proxy.externally_managed = True\n"
        self.configure(config)
        environment = {
            **cluster.env,
            "PATH": f"{programs}{os.pathsep}{cluster.env.get('PATH', os.defpath)}",
            "DASK_GATEWAY_ENCRYPT_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
        }
        program = str(programs / "dask-gateway-server")
        health = f"{self.address}/api/health"
        self.proxy = Program(
            folder, [program, "proxy", "-f", str(self._config)], environment, health, "proxy.log"
        )
        """The proxy as a program of its own, which is ready if the server is."""
        private = f"http://127.0.0.1:{ports['private']}/api/health"
        command = [program, "-f", str(self._config)]
        super().__init__(folder, command, environment, health if own_proxy else private)

    def configure(self, config: str) -> None:
        """Have it another configuration, from its next start on."""
        self._config.write_text(self._addresses + config)


def services_keytab(cluster: HadoopCluster) -> Path:
    """The file with the keys of all services, `HTTP/localhost` among them."""
    return cluster.state / "kerberos" / "keytabs" / "services.keytab"
