"""Whether the daemons are ready, according to the JMX pages that all of them serve.

The pages need no login, even with Kerberos, and are the same from Hadoop 2.10 to 3.5. Only whether
a ResourceManager is active comes from its REST API, as its JMX page has it since 3.3 only.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

from yarnhub.cluster.errors import DaemonError
from yarnhub.cluster.ports import (
    HOST,
    name_node_port,
    node_port,
    resource_manager_port,
)
from yarnhub.cluster.processes.process import is_alive

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    import httpx

    from yarnhub.cluster.processes.process import Process

PAGE_TIMEOUT = 5.0
"""Seconds for one response; a daemon that is starting may be slow on few cores."""

NODE_RUNNING = "RUNNING"
ACTIVE, STANDBY = "ACTIVE", "STANDBY"
WEB_ADDRESS = "yarn.resourcemanager.webapp.address"
LOG_TAIL_LINES = 20
"""Lines of a log in the error for its daemon."""
POLL_INTERVAL = 0.1
"""Seconds between two checks whether a daemon is ready."""


class Readiness:
    """Checks the daemons of one cluster."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        ports: Mapping[str, int],
        resource_managers: Sequence[str],
        *,
        tls: bool,
    ) -> None:
        self._scheme = "https" if tls else "http"
        self._client = client
        self._ports = ports
        self._resource_managers = resource_managers

    async def name_node(self, daemon: str) -> bool:
        """Whether a NameNode is active and writable, or on standby."""
        return await self._name_node_state(daemon) == "standby" or await self.is_active(daemon)

    async def is_active(self, daemon: str) -> bool:
        """Whether a NameNode is active and not in safe mode."""
        if await self._name_node_state(daemon) != "active":
            return False
        bean = await self._name_node_bean(daemon, "NameNodeInfo")
        return bean.get("Safemode") == ""

    async def _name_node_state(self, daemon: str) -> str | None:
        return (await self._name_node_bean(daemon, "NameNodeStatus")).get("State")

    async def _name_node_bean(self, daemon: str, name: str) -> Mapping[str, Any]:
        server = name_node_port(daemon, "dfs.namenode.http-address")
        return await self._bean(server, f"service=NameNode,name={name}")

    async def _bean(self, server: str, bean: str) -> Mapping[str, Any]:
        """One bean of a daemon; empty if it does not respond or does not have the bean yet."""
        beans = (await self._page(server, "/jmx", {"qry": f"Hadoop:{bean}"})).get("beans")
        # Any: the content depends on the daemon.
        found: Mapping[str, Any] = beans[0] if beans else {}
        return found

    async def _page(
        self, server: str, path: str, query: Mapping[str, str]
    ) -> Mapping[str, Any]:  # Any: as above
        """A page of JSON; empty if the daemon does not respond."""
        import httpx

        url = f"{self._scheme}://{HOST}:{self._ports[server]}{path}"
        try:
            response = await self._client.get(url, params=query, timeout=PAGE_TIMEOUT)
            page: Mapping[str, Any] = response.raise_for_status().json()
        except (httpx.HTTPError, ValueError):
            return {}
        return page

    async def router(self) -> bool:
        """Whether the Router of a federation has found the cluster."""
        page = await self._page("yarn.router.webapp.address", "/ws/v1/cluster/metrics", {})
        nodes: int = page.get("clusterMetrics", {}).get("activeNodes", 0)
        return nodes > 0

    async def data_node(self) -> bool:
        """Whether the DataNode is registered with the NameNode."""
        server = "dfs.datanode.http.address"
        bean = await self._bean(server, "service=DataNode,name=DataNodeInfo")
        actors = json.loads(bean.get("BPServiceActorInfo") or "[]")
        return bool(actors) and all(actor["ActorState"] == "RUNNING" for actor in actors)

    async def resource_manager(self, daemon: str) -> bool:
        """Whether a ResourceManager is active, or on standby while the other one is active."""
        states = await self._resource_manager_states()
        return states[daemon] in {ACTIVE, STANDBY} and ACTIVE in states.values()

    async def active_resource_manager(self) -> str | None:
        """The active ResourceManager; None if none is active."""
        states = await self._resource_manager_states()
        return next((daemon for daemon, state in states.items() if state == ACTIVE), None)

    async def _resource_manager_states(self) -> dict[str, str]:
        return {
            daemon: await self._resource_manager_state(daemon) for daemon in self._resource_managers
        }

    async def _resource_manager_state(self, daemon: str) -> str:
        server = resource_manager_port(daemon, WEB_ADDRESS)
        page = await self._page(server, "/ws/v1/cluster/info", {})
        state: str = page.get("clusterInfo", {}).get("haState", "")
        return state

    async def registrations(self) -> dict[str, int]:
        """The time of each running node's last health report, by node ID, in ms since 1970."""
        active = await self.active_resource_manager()
        if active is None:
            return {}
        server = resource_manager_port(active, WEB_ADDRESS)
        bean = await self._bean(server, "service=ResourceManager,name=RMNMInfo")
        nodes = json.loads(bean.get("LiveNodeManagers") or "[]")
        return {
            node["NodeId"]: node["LastHealthUpdate"]
            for node in nodes
            if node["State"] == NODE_RUNNING
        }

    async def node_manager(self, daemon: str, earlier: Mapping[str, int]) -> bool:
        """Whether a NodeManager has registered since `earlier`, a result of `registrations`."""
        node = f"{HOST}:{self._ports[node_port(daemon, 'yarn.nodemanager.address')]}"
        registered = (await self.registrations()).get(node)
        return registered is not None and registered != earlier.get(node)


def log_tail(path: Path, lines: int = LOG_TAIL_LINES) -> str:
    """The last lines of a log; empty if it does not exist."""
    try:
        text = path.read_bytes()[-64 * 1024 :].decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


async def wait_until_ready(
    daemon: str,
    process: Process,
    *,
    log: Path,
    ready: Callable[[], Awaitable[bool]],
    deadline: float,
) -> None:
    """Wait until a daemon is ready.

    Cancelling leaves the daemon as it is.

    Raises:
        DaemonError: It exited, or was not ready within `deadline` seconds.
    """
    end = time.monotonic() + deadline
    while not await ready():
        if not is_alive(process):
            raise DaemonError(daemon, "exited while it was starting", log, log_tail(log))
        if time.monotonic() > end:
            raise DaemonError(daemon, f"is not ready after {deadline:g} s", log, log_tail(log))
        await asyncio.sleep(POLL_INTERVAL)
