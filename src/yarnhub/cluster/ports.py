"""Ports for the servers of a cluster."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from typing import TYPE_CHECKING

from yarnhub.cluster.daemon_names import name_node_id
from yarnhub.cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from yarnhub.cluster.daemon_names import DaemonNames

FIRST_PORT, LAST_PORT = 12000, 32000
"""Below Linux's range for outgoing connections (32768 and up).

Any client may take a port of that range before the server starts, or while it is down.
"""

ADDRESS = "127.0.0.1"
HOST = "localhost"
"""The name of all servers: principals, node IDs and tokens must use the same one."""
KDC = "kdc"
ZOOKEEPER = "zookeeper"
KEY_SERVER = "kms"
NAMESERVICE = "yarnhub"
"""The nameservice of a pair of NameNodes."""
NAME_NODE_SERVERS = ("dfs.namenode.rpc-address", "dfs.namenode.http-address")
DATA_NODE_SERVERS = (
    "dfs.datanode.address",
    "dfs.datanode.ipc.address",
    "dfs.datanode.http.address",
)
RESOURCE_MANAGER_SERVERS = (
    "yarn.resourcemanager.address",
    "yarn.resourcemanager.scheduler.address",
    "yarn.resourcemanager.resource-tracker.address",
    "yarn.resourcemanager.admin.address",
    "yarn.resourcemanager.webapp.address",
)
ROUTER_SERVERS = (
    "yarn.router.clientrm.address",
    "yarn.router.rmadmin.address",
    "yarn.router.webapp.address",
)
NODE_SERVERS = (
    "yarn.nodemanager.address",
    "yarn.nodemanager.localizer.address",
    "yarn.nodemanager.webapp.address",
    "yarn.nodemanager.amrmproxy.address",
)

WEB_WITH_TLS = {
    "dfs.namenode.http-address": "dfs.namenode.https-address",
    "dfs.datanode.http.address": "dfs.datanode.https.address",
    "yarn.resourcemanager.webapp.address": "yarn.resourcemanager.webapp.https.address",
    "yarn.nodemanager.webapp.address": "yarn.nodemanager.webapp.https.address",
    "yarn.router.webapp.address": "yarn.router.webapp.https.address",
}
"""The address properties of web servers with HTTP, and with HTTPS."""


def address_property(name: str, *, tls: bool) -> str:
    """The property with a server's address.

    Args:
        name: The key of its port.
        tls: Whether web servers use HTTPS.
    """
    for plain, secure in WEB_WITH_TLS.items() if tls else ():
        if name == plain or name.startswith(f"{plain}."):  # of one of a pair
            return name.replace(plain, secure)
    return name


def node_port(daemon: str, server: str) -> str:
    """The key of a NodeManager's port."""
    return f"{daemon}/{server}"


def name_node_port(daemon: str, server: str) -> str:
    """The key of a NameNode's port: the name of Hadoop's property."""
    name = name_node_id(daemon)
    return f"{server}.{NAMESERVICE}.{name}" if name else server


def resource_manager_port(daemon: str, server: str) -> str:
    """The key of a ResourceManager's port: the name of Hadoop's property, in a pair with its ID."""
    number = daemon.partition("-")[2]
    return f"{server}.rm{number}" if number else server


def port_names(daemons: DaemonNames) -> list[str]:
    """The keys of all ports of a cluster: the names of Hadoop's properties."""
    names = [
        name_node_port(daemon, server)
        for daemon in daemons.name_nodes
        for server in NAME_NODE_SERVERS
    ]
    managers = [
        resource_manager_port(daemon, server)
        for daemon in daemons.resource_managers
        for server in RESOURCE_MANAGER_SERVERS
    ]
    nodes = [
        node_port(daemon, server) for daemon in daemons.node_managers for server in NODE_SERVERS
    ]
    election = [ZOOKEEPER] if len(daemons.resource_managers) > 1 or daemons.routers else []
    routers = ROUTER_SERVERS if daemons.routers else ()
    return [*names, *DATA_NODE_SERVERS, *managers, *routers, *nodes, KDC, KEY_SERVER, *election]


def choose_ports(names: Sequence[str], earlier: Mapping[str, int]) -> dict[str, int]:
    """Choose a free port for each name, the earlier one if it is still free.

    Raises:
        ClusterError: Too few ports are free.
    """
    chosen: dict[str, int] = {}
    with contextlib.ExitStack() as held:
        for name in names:
            tries = random.sample(range(FIRST_PORT, LAST_PORT), 200)
            if name in earlier:
                tries.insert(0, earlier[name])
            for port in tries:
                server = socket.socket()
                held.callback(server.close)
                server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                with contextlib.suppress(OSError):
                    server.bind((ADDRESS, port))
                    server.listen()  # with SO_REUSEADDR, two sockets may both be bound
                    chosen[name] = port
                    break
            else:
                raise ClusterError(f"no free port between {FIRST_PORT} and {LAST_PORT} for {name}")
    return chosen


async def accepts_connections(port: int) -> bool:
    """Whether a server listens at a port."""
    try:
        async with asyncio.timeout(1):
            _, writer = await asyncio.open_connection(ADDRESS, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
