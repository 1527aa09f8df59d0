"""A server whose users log in with Kerberos tickets, and its users."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import httpx

from e2e.tickets import Tickets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from integrations.dask_gateway.server import DaskGatewayServer
    from yarnhub.cluster import HadoopCluster

OURS = "yarnhub.integrations.dask_gateway.KerberosAuthenticator"
CONFIG = """
from dask_gateway_server.options import Options, Mapping
c.DaskGateway.backend_class = "yarnhub.integrations.dask_gateway.YarnBackend"
c.YarnBackend.keytab, c.YarnBackend.principal = {keytab!r}, "dask"
c.DaskGateway.authenticator_class = {authenticator!r}
c.KerberosAuthenticator.keytab = {services!r}
c.YarnClusterConfig.scheduler_memory = "256 M"
c.YarnClusterConfig.scheduler_cmd = ["sleep", "600", "#"]
"""


@contextlib.asynccontextmanager
async def tickets(
    cluster: HadoopCluster, server: DaskGatewayServer, name: str
) -> AsyncIterator[httpx.AsyncClient]:
    """The REST API as a user with a ticket."""
    async with httpx.AsyncClient(
        base_url=f"{server.address}/api/v1/clusters/",
        auth=Tickets(name, cluster.keytab(name)),
        trust_env=False,
        timeout=60,
    ) as http:
        yield http
