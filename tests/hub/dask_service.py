"""A hub with dask-gateway as a service, as the page on Dask says.

Configurations and commands are the page's own, with a test's paths, addresses and tokens.
"""

from __future__ import annotations

import re
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

from docs.blocks import PROJECT, example_of
from hub.hub import USERS, Hub
from hub.on_yarn import yarn_config
from hub.program import Program
from yarnhub.cluster.ports import choose_ports

if TYPE_CHECKING:
    import httpx

    from yarnhub.cluster import HadoopCluster

PAGE = PROJECT / "docs" / "howto" / "dask.md"
BIN = Path(sys.executable).parent
SETTINGS = """
c.Proxy.address = "127.0.0.1:{proxy}"
c.YarnBackend.cluster_heartbeat_period = 2
c.YarnClusterConfig.scheduler_cmd = "{python} -m distributed.cli.dask_scheduler"
c.YarnClusterConfig.worker_cmd = "{python} -m distributed.cli.dask_worker"
c.YarnClusterConfig.scheduler_memory = c.YarnClusterConfig.worker_memory = "512 M"
"""
LOGIN = """
c.YarnBackend.principal = "jupyterhub"
c.YarnBackend.keytab = "{keytab}"
"""


class HubWithDask(Hub):
    """A hub, with the service and dask-gateway's proxy as programs of their own next to it.

    Args:
        folder: For all of it.
        cluster: Where users' servers and Dask clusters run.
        python: What runs them, on every node.
    """

    def __init__(self, folder: Path, cluster: HadoopCluster, python: Path) -> None:
        ports = choose_ports(["service", "proxy"], {})
        address = f"http://127.0.0.1:{ports['service']}"
        token = secrets.token_hex(16)
        of_page = example_of(
            PAGE,
            "c.JupyterHub.services = [",
            {
                "http://127.0.0.1:8891": address,
                '"https://hub.example.com/services/dask-gateway"': "c.JupyterHub.bind_url + "
                '"services/dask-gateway"',
                "gateway://hub.example.com:8786": f"gateway://127.0.0.1:{ports['proxy']}",
            },
        )
        config = (
            "c.JupyterHub.last_activity_interval = 2  # how often a new proxy is looked for\n"
            "ours = c.JupyterHub.services, c.JupyterHub.load_roles\n"
            f"{of_page}c.JupyterHub.services += ours[0]\nc.JupyterHub.load_roles += ours[1]\n"
            f"{yarn_config(cluster, python)}"
        )
        super().__init__(folder / "hub", {**cluster.env, "DASK_GATEWAY_TOKEN": token}, config)
        self.service_url = f"{self.url}/services/dask-gateway"
        self.proxy_address = f"gateway://127.0.0.1:{ports['proxy']}"
        variables = example_of(
            PAGE,
            "JUPYTERHUB_API_URL=",
            {
                "http://127.0.0.1:8081": self.direct_url,
                "<the service's token>": token,
                "http://127.0.0.1:8891": address,
            },
        )
        environment = {
            **cluster.env,
            **dict(line.split("=", 1) for line in variables.splitlines()),
        }
        settings = example_of(PAGE, "c.Proxy.externally_managed", {}) + SETTINGS.format(
            proxy=ports["proxy"], python=python
        )
        if cluster.options.kerberos:
            settings += LOGIN.format(keytab=cluster.keytab("jupyterhub"))
        state = folder / "dask-gateway"
        state.mkdir(parents=True)
        path = state / "dask_gateway_config.py"
        path.write_text(settings)
        (command,) = re.findall(r"(?m)^ExecStart=(.* dask-gateway .*)", PAGE.read_text("utf-8"))
        words = command.replace("/opt/jupyterhub/bin", str(BIN)).replace(
            "/etc/jupyterhub", str(state)
        )
        health = f"{address}/services/dask-gateway/api/health"
        self.service = Program(state, words.split(), environment, health, log="service.log")
        self.dask_proxy = Program(
            state,
            [*words.split(), "--only-proxy"],
            environment,
            f"http://127.0.0.1:{ports['proxy']}/api/health",
            log="proxy.log",
        )

    async def __aenter__(self) -> Self:
        try:
            await self.service.start()
            await self.dask_proxy.start()
            return await super().__aenter__()
        except BaseException:
            await self._stop_services()
            raise

    async def __aexit__(self, *_: object) -> None:
        await self._stop_services()
        await super().__aexit__()

    async def _stop_services(self) -> None:
        await self.dask_proxy.stop()
        await self.service.stop()

    async def clusters(self, user: str) -> list[str]:
        """The names of a user's clusters that have not ended."""
        return list((await self._request("GET", user)).json())

    async def end_clusters(self) -> None:
        """End what would run on: clusters outlive the service."""
        for user in USERS:
            while found := await self.clusters(user):
                for name in found:
                    await self._request("DELETE", user, name)

    async def _request(self, method: str, user: str, name: str = "") -> httpx.Response:
        headers = {"Authorization": f"jupyterhub {await self.token_of(user)}"}
        url = f"{self.service_url}/api/v1/clusters/{name}"
        answer = await self.api.request(method, url, headers=headers)
        return answer.raise_for_status()
