"""The REST API for Spark Connect; `yarnhub.kernels.service_protocol` describes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tornado import web

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.kernels import service_protocol
from yarnhub.server.gateway.user_servers.rest import ApiHandler

if TYPE_CHECKING:
    from yarnhub.server.gateway.user_servers.spark_connect import SparkConnect

_MEMBERS = frozenset({"kernelspec", "env"})


class ConnectHandler(ApiHandler):
    """`spark-connect`: the user's own server. There is no way to name another user's."""

    @property
    def servers(self) -> SparkConnect:
        """All servers."""
        servers: SparkConnect = self.settings["spark_connect"]
        return servers

    @web.authenticated
    async def get(self) -> None:
        """Answer with the server, and its token if it is ready."""
        await self.run(self._get)

    @web.authenticated
    async def post(self) -> None:
        """Start it; the body may have `kernelspec`, and `env` with variables `KERNEL_*`."""
        await self.run(self._start)

    @web.authenticated
    async def delete(self) -> None:
        """Stop it."""
        await self.run(self.servers.stop, self.user, self.origin)

    async def _get(self) -> bytes:
        self.set_header("Cache-Control", "no-store")
        return service_protocol.dump_connect(await self.servers.get(self.user, self.origin))

    async def _start(self) -> bytes:
        body = self.body()
        if unknown := sorted(body.keys() - _MEMBERS):
            raise RemoteProtocolError(f"unknown members of the body: {', '.join(unknown)[:100]}")
        name = body.get("kernelspec", "")
        plain = json.dumps({"name": name, "env": body.get("env", {})})
        start = service_protocol.load_start(plain.encode())
        self.set_header("Cache-Control", "no-store")
        found = await self.servers.start(self.user, start.name, start.env, self.origin)
        return service_protocol.dump_connect(found)
