"""A hub that starts all services itself, from one configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from hub.hub import Hub
from hub.kernel_service import install_kernelspec, jupyter_folders
from hub.on_yarn import yarn_config
from yarnhub.cluster.ports import choose_ports

if TYPE_CHECKING:
    from pathlib import Path

    from environments.build_site import Site
    from yarnhub.cluster import HadoopCluster

# The rest is as the services' configurations are by default.
SERVICES = """
c.KernelGateway.port = {gateway}
c.DaskGateway.address = "127.0.0.1:{dask}"
c.DaskProxy.address = "127.0.0.1:{schedulers}"
c.YarnClusterConfig.scheduler_cmd = "{python} -m distributed.cli.dask_scheduler"
c.YarnClusterConfig.worker_cmd = "{python} -m distributed.cli.dask_worker"
c.YarnClusterConfig.scheduler_memory = c.YarnClusterConfig.worker_memory = "512 M"
c.Platform.port = {platform}
c.Platform.build_site = "{site}"
{more}
yarnspawner.add_services(
    c,
    __file__,
    ["gateway", "dask-gateway", "platform"],
    url=c.JupyterHub.bind_url,
    state="{state}",
)
"""
_START = 180.0
"""Seconds for the hub and all its services, on a machine that does much else."""


class HubWithServices(Hub):
    """A hub with kernels, Dask clusters and the platform.

    Args:
        folder: For all of it.
        cluster: Where all runs.
        python: What runs users' servers, kernels and Dask clusters, on every node.
        site: What builds of environments need.
        more: More lines of its configuration, before the services are added.
    """

    def __init__(
        self, folder: Path, cluster: HadoopCluster, python: Path, site: Site, more: str = ""
    ) -> None:
        services = SERVICES.format(
            **choose_ports(["gateway", "dask", "schedulers", "platform"], {}),
            python=python,
            site=site.file,
            state=folder / "services",
            more=more,
        )
        own = folder / "jupyter"
        own.mkdir(parents=True)
        install_kernelspec(own, python.parent.parent)
        super().__init__(
            folder / "hub",
            {**cluster.env, **jupyter_folders(own)},
            f"{yarn_config(cluster, python)}{services}",
        )

    async def start(self) -> None:
        """Start the hub, which starts its services, and wait until it answers."""
        await self._hub.start(_START)

    async def client_of(self, user: str) -> httpx.AsyncClient:
        """Requests of a user to all services."""
        return httpx.AsyncClient(
            base_url=f"{self.url}/services",
            headers={"Authorization": f"token {await self.token_of(user)}"},
            timeout=60,
            trust_env=False,
        )
