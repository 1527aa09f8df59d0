"""A Jupyter server with our managers in this process, and its clients."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
from jupyter_client.session import Session
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect
from traitlets.config import Config

from integrations.kernels.fake_holder import FakeHolder
from yarnhub.integrations.kernels import configure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

KERNELSPEC = {
    "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
    "display_name": "Python in a container",
    "language": "python",
    "interrupt_mode": "signal",
    "env": {"FROM_KERNELSPEC": "yes"},
    "metadata": {"kernel_provisioner": {"provisioner_name": "yarnhub", "config": {}}},
}


@dataclass
class Server:
    """A server and its fake holder."""

    app: Any
    http: httpx.AsyncClient
    holders: list[FakeHolder] = field(default_factory=list)

    @property
    def manager(self) -> Any:
        return self.app.kernel_manager

    @property
    def holder(self) -> FakeHolder:
        return self.holders[-1]

    async def start(self, **body: Any) -> dict[str, Any]:
        response = await self.http.post("/api/kernels", json={"name": "cluster", **body})
        assert response.status_code == 201, response.text
        return dict(response.json())

    async def model(self, kernel_id: str) -> dict[str, Any]:
        response = await self.http.get(f"/api/kernels/{kernel_id}")
        response.raise_for_status()
        return dict(response.json())

    async def until(self, kernel_id: str, true: Callable[[dict[str, Any]], object]) -> Any:
        """The kernel's model, when it is so."""
        async with asyncio.timeout(30):
            while not true(model := await self.model(kernel_id)):
                await asyncio.sleep(0.02)
        return model

    async def until_gone(self, kernel_id: str) -> None:
        async with asyncio.timeout(30):
            while (await self.http.get(f"/api/kernels/{kernel_id}")).status_code != 404:
                await asyncio.sleep(0.02)

    @contextlib.asynccontextmanager
    async def client(self, kernel_id: str, session: str = "") -> AsyncIterator[Client]:
        client = Client(session or uuid.uuid4().hex)
        await client.connect(self, kernel_id)
        try:
            yield client
        finally:
            client.socket.close()


class Client:
    """A client of a kernel that speaks the protocol without a subprotocol."""

    def __init__(self, session: str) -> None:
        self.session = Session(session=session)
        self.seen: list[dict[str, Any]] = []

    async def connect(self, server: Server, kernel_id: str) -> None:
        port = server.http.base_url.port
        url = f"ws://127.0.0.1:{port}/api/kernels/{kernel_id}/channels"
        request = HTTPRequest(
            f"{url}?session_id={self.session.session}", headers={"Authorization": "token secret"}
        )
        self.socket = await websocket_connect(request)

    async def send(self, kind: str, content: dict[str, Any], channel: str = "shell") -> str:
        message = self.session.msg(kind, content)
        await self.socket.write_message(json.dumps(message | {"channel": channel}, default=str))
        return str(message["header"]["msg_id"])

    async def run(self, code: str) -> str:
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        return await self.send("execute_request", content)

    async def until(
        self, true: Callable[[dict[str, Any]], object], deadline: float = 30
    ) -> dict[str, Any]:
        """The next message that is so; `seen` has all."""
        async with asyncio.timeout(deadline):
            while True:
                raw = await self.socket.read_message()
                assert raw is not None, f"closed: {self.socket.close_code}"
                message = json.loads(raw)
                self.seen.append(message)
                if true(message):
                    return dict(message)

    async def reply(self, number: str) -> dict[str, Any]:
        found = await self.until(
            lambda each: each["channel"] == "shell" and each["parent_header"]["msg_id"] == number
        )
        return dict(found["content"])

    async def result(self, code: str) -> str:
        """What an expression is."""
        number = await self.run(code)
        found = await self.until(
            lambda each: (
                each["msg_type"] in ("execute_result", "error")
                and each["parent_header"].get("msg_id") == number
            )
        )
        assert found["msg_type"] == "execute_result", found["content"]
        return str(found["content"]["data"]["text/plain"])

    async def closed(self) -> tuple[int | None, str | None]:
        async with asyncio.timeout(30):
            while await self.socket.read_message() is not None:
                pass
        return self.socket.close_code, self.socket.close_reason


def install_kernelspec(folder: Path, name: str = "cluster", **changes: Any) -> None:
    spec = folder / "kernels" / name
    spec.mkdir(parents=True, exist_ok=True)
    (spec / "kernel.json").write_text(json.dumps(KERNELSPEC | changes))


@contextlib.asynccontextmanager
async def serving(
    folder: Path, holder: type[FakeHolder] = FakeHolder, *, stop: bool = True, **traits: Any
) -> AsyncIterator[Server]:
    """A server.

    Args:
        folder: Its folder; a later server with the same one finds its kernels again.
        holder: The class of its holder.
        stop: Whether it is stopped at the end, or loses all at once.
        traits: Settings of the kernel manager.
    """
    install_kernelspec(folder / "data")
    holders: list[FakeHolder] = []

    def make(own: Path) -> FakeHolder:
        holders.append(holder(own))
        return holders[-1]

    config = Config()
    configure(config)
    config.YarnhubKernelManager.update({"folder": str(folder / "kept"), **traits})
    config.YarnhubKernelManager.holder_factory = make
    others = ("jupyterlab", "jupyter_lsp", "jupyter_server_terminals", "notebook_shim")
    config.ServerApp.jpserver_extensions.update(dict.fromkeys(others, False))
    config.IdentityProvider.token = "secret"
    config.KernelSpecManager.ensure_native_kernel = True
    app = ServerApp(
        config=config, root_dir=str(folder), port=0, ip="127.0.0.1", allow_root=True,
        open_browser=False,
    )  # fmt: skip
    app.init_signal = lambda: None
    app.initialize(argv=[], new_httpserver=True)
    http = httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{app.port}",
        headers={"Authorization": "token secret"},
        timeout=30,
    )
    async with http:
        try:
            yield Server(app, http, holders)
        finally:
            app.kernel_manager.keep_kernels_on_stop = not stop
            await app._cleanup()
            ServerApp.clear_instance()
