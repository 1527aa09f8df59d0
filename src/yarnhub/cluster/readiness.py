"""Asking the daemons whether they are ready, over the JMX pages that all of them serve.

The pages answer without login, with Kerberos too, and are the same in Hadoop 3.3 and 3.4.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from yarnhub.cluster.ports import node_port
from yarnhub.cluster.security import HOST

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

TIMEOUT = 5.0
"""Seconds for one answer; a daemon that is being started may be slow on few cores."""

RUNNING_NODE = "RUNNING"


async def _read_bean(client: httpx.AsyncClient, port: int, bean: str) -> Mapping[str, Any]:
    """One bean of a daemon; empty when it does not answer, or does not know the bean yet."""
    import httpx

    url = f"http://{HOST}:{port}/jmx"
    try:
        answer = await client.get(url, params={"qry": f"Hadoop:{bean}"}, timeout=TIMEOUT)
        beans = answer.raise_for_status().json()["beans"]
    except (httpx.HTTPError, ValueError, KeyError):
        return {}
    # Any: what a bean holds is the daemon's affair.
    found: Mapping[str, Any] = beans[0] if beans else {}
    return found


class Readiness:
    """Asks the daemons of one cluster."""

    def __init__(self, client: httpx.AsyncClient, ports: Mapping[str, int]) -> None:
        self._client = client
        self._ports = ports

    async def name_node(self) -> bool:
        """Whether the NameNode takes changes."""
        port = self._ports["dfs.namenode.http-address"]
        status = await _read_bean(self._client, port, "service=NameNode,name=NameNodeStatus")
        if status.get("State") != "active":
            return False
        bean = await _read_bean(self._client, port, "service=NameNode,name=NameNodeInfo")
        return bean.get("Safemode") == ""

    async def data_node(self) -> bool:
        """Whether the DataNode is registered with the NameNode."""
        port = self._ports["dfs.datanode.http.address"]
        bean = await _read_bean(self._client, port, "service=DataNode,name=DataNodeInfo")
        actors = json.loads(bean.get("BPServiceActorInfo") or "[]")
        return bool(actors) and all(actor["ActorState"] == "RUNNING" for actor in actors)

    async def resource_manager(self) -> bool:
        """Whether the ResourceManager is active."""
        port = self._ports["yarn.resourcemanager.webapp.address"]
        metrics = "service=ResourceManager,name=ClusterMetrics"
        return "NumActiveNMs" in await _read_bean(self._client, port, metrics)

    async def registrations(self) -> dict[str, int]:
        """When each running node last said that it is well, by node id, in ms since 1970."""
        port = self._ports["yarn.resourcemanager.webapp.address"]
        bean = await _read_bean(self._client, port, "service=ResourceManager,name=RMNMInfo")
        nodes = json.loads(bean.get("LiveNodeManagers") or "[]")
        return {
            node["NodeId"]: node["LastHealthUpdate"]
            for node in nodes
            if node["State"] == RUNNING_NODE
        }

    async def node_manager(self, daemon: str, earlier: Mapping[str, int]) -> bool:
        """Whether a NodeManager is registered, and not only from before as in `earlier`."""
        node = f"{HOST}:{self._ports[node_port(daemon, 'yarn.nodemanager.address')]}"
        registered = (await self.registrations()).get(node)
        return registered is not None and registered != earlier.get(node)
