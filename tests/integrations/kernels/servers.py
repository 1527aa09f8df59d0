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
from jupyter_server.services.kernels.connection.base import (
    deserialize_msg_from_ws_v1,
    serialize_msg_to_ws_v1,
)
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
        model: dict[str, Any] = {}
        try:
            async with asyncio.timeout(30):
                while not true(model := await self.model(kernel_id)):
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            raise AssertionError(f"it stays {model}") from error
        return model

    async def until_gone(self, kernel_id: str) -> None:
        async with asyncio.timeout(30):
            while (await self.http.get(f"/api/kernels/{kernel_id}")).status_code != 404:
                await asyncio.sleep(0.02)

    @contextlib.asynccontextmanager
    async def client(
        self, kernel_id: str, session: str = "", subprotocol: str = ""
    ) -> AsyncIterator[Client]:
        client = Client(session or uuid.uuid4().hex, subprotocol)
        await client.connect(self, kernel_id)
        try:
            yield client
        finally:
            await client.close()


class Client:
    """A client of a kernel."""

    def __init__(self, session: str, subprotocol: str = "") -> None:
        self.session = Session(session=session)
        self.subprotocol = subprotocol
        self.seen: list[dict[str, Any]] = []
        self.gone = False

    async def connect(self, server: Server, kernel_id: str) -> None:
        port = server.http.base_url.port
        url = f"ws://127.0.0.1:{port}/api/kernels/{kernel_id}/channels"
        request = HTTPRequest(
            f"{url}?session_id={self.session.session}", headers={"Authorization": "token secret"}
        )
        protocols = [self.subprotocol] if self.subprotocol else None
        self.gone = False
        self.socket = await websocket_connect(request, subprotocols=protocols)

    async def send(
        self, kind: str, content: dict[str, Any], channel: str = "shell", buffers: Any = ()
    ) -> str:
        message = self.session.msg(kind, content)
        # The server is in this process: requests that it sends for us would have the same id.
        message["msg_id"] = message["header"]["msg_id"] = uuid.uuid4().hex
        if self.subprotocol:
            keys = ("header", "parent_header", "metadata", "content")
            parts = [self.session.pack(message[key]) for key in keys]
            packed = serialize_msg_to_ws_v1([*parts, *buffers], channel)
            await self.socket.write_message(packed, binary=True)
        else:
            text = json.dumps(message | {"channel": channel}, default=str)
            await self.socket.write_message(text)
        return str(message["header"]["msg_id"])

    def _read(self, raw: Any) -> dict[str, Any]:
        if not self.subprotocol:
            return dict(json.loads(raw))
        channel, parts = deserialize_msg_from_ws_v1(raw)
        header, parent, _, content = map(json.loads, parts[:4])
        return {
            "channel": channel, "header": header, "parent_header": parent, "content": content,
            "msg_type": header["msg_type"], "buffers": parts[4:],
        }  # fmt: skip

    async def run(self, code: str) -> str:
        content = {
            "code": code, "silent": False, "store_history": True, "allow_stdin": False,
            "stop_on_error": False,
        }  # fmt: skip
        return await self.send("execute_request", content)

    async def next(self) -> dict[str, Any] | None:
        """The next message; None if the websocket is closed."""
        raw = None if self.gone else await self.socket.read_message()
        if raw is None:
            self.gone = True
            return None
        message = self._read(raw)
        self.seen.append(message)
        return message

    async def until(
        self, true: Callable[[dict[str, Any]], object], deadline: float = 30
    ) -> dict[str, Any]:
        """The next message that is so; `seen` has all."""
        async with asyncio.timeout(deadline):
            while True:
                message = await self.next()
                assert message is not None, f"closed: {self.socket.close_code}"
                if true(message):
                    return message

    async def reply(self, number: str) -> dict[str, Any]:
        """The reply to a request, which may have come before those to earlier ones."""

        def is_reply(message: dict[str, Any]) -> bool:
            of_request = message["parent_header"].get("msg_id") == number
            return bool(of_request and message["channel"] == "shell")

        found = next(filter(is_reply, self.seen), None) or await self.until(is_reply)
        return dict(found["content"])

    async def ended(self, number: str) -> None:
        """The last message that a cell publishes; it may come before its reply."""

        def is_end(message: dict[str, Any]) -> bool:
            of_cell = message["parent_header"].get("msg_id") == number
            return bool(of_cell and message["content"].get("execution_state") == "idle")

        if not any(map(is_end, self.seen)):
            await self.until(is_end)

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

    async def close(self) -> None:
        self.socket.close()
        await self.closed()

    async def closed(self) -> tuple[int | None, str | None]:
        async with asyncio.timeout(30):
            while await self.next() is not None:
                pass
        return self.socket.close_code, self.socket.close_reason


def install_kernelspec(folder: Path, name: str = "cluster", **changes: Any) -> None:
    spec = folder / "kernels" / name
    spec.mkdir(parents=True, exist_ok=True)
    (spec / "kernel.json").write_text(json.dumps(KERNELSPEC | changes))


def settings(folder: Path) -> Config:
    """The settings of a server with its files in a folder."""
    config = Config()
    configure(config)
    config.YarnhubKernelManager.folder = str(folder / "kept")
    others = ("jupyterlab", "jupyter_lsp", "jupyter_server_terminals", "notebook_shim")
    config.ServerApp.jpserver_extensions.update(dict.fromkeys(others, False))
    config.ServerApp.update(
        {"root_dir": str(folder), "port": 0, "ip": "127.0.0.1", "allow_root": True}
    )
    config.ServerApp.open_browser = False
    config.IdentityProvider.token = "secret"
    config.KernelSpecManager.ensure_native_kernel = True
    return config


@contextlib.asynccontextmanager
async def serving(
    folder: Path, holder: type[FakeHolder] = FakeHolder, /, *, stop: bool = True, **traits: Any
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

    config = settings(folder)
    config.YarnhubKernelManager.update(traits)
    config.YarnhubKernelManager.holder_factory = make
    app = ServerApp(config=config)
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
            if stop:
                app.kernel_manager.keep_kernels_on_stop = False
            await app._cleanup()
            await app.http_server.close_all_connections()
            ServerApp.clear_instance()
