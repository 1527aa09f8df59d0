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
    """

    def __init__(self, folder: Path, cluster: HadoopCluster, config: str) -> None:
        ports = choose_ports(["private", "web", "tcp"], {})
        self.address = f"http://localhost:{ports['web']}"  # the name in Kerberos principals
        self.proxy_address = f"gateway://127.0.0.1:{ports['tcp']}"
        folder.mkdir(parents=True)
        path = folder / "dask_gateway_config.py"
        path.write_text(CONFIG.format(**ports, token=secrets.token_hex(16)) + config)
        environment = {
            **cluster.env,
            "PATH": f"{BIN}{os.pathsep}{cluster.env.get('PATH', os.defpath)}",
            "DASK_GATEWAY_ENCRYPT_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
        }
        command = [str(BIN / "dask-gateway-server"), "-f", str(path)]
        super().__init__(folder, command, environment, f"{self.address}/api/health")


def services_keytab(cluster: HadoopCluster) -> Path:
    """The file with the keys of all services, `HTTP/localhost` among them."""
    return cluster.state / "kerberos" / "keytabs" / "services.keytab"
