"""The servers whose kernels `kernels.py` measures, and their client."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from jupyter_client.session import Session
from jupyter_server.services.kernels.connection.base import (
    deserialize_msg_from_ws_v1,
    serialize_msg_to_ws_v1,
)
from tornado.httpclient import HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import websocket_connect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Path(__file__).resolve().parent
PEER = [
    "jupyter_enterprise_gateway==3.3.0",
    "ipykernel<7",
    "skein==0.8.2",
    "protobuf<3.21",
    "setuptools<80",
]
PATIENCE = 600.0
"""Seconds for whatever is awaited."""
V1 = "v1.kernel.websocket.jupyter.org"
TOKEN = "secret"
ARGV = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
CONTAINER = {"memory": "2 GiB", "python": sys.executable}
EXTENSIONS = ("jupyterlab", "jupyter_lsp", "jupyter_server_terminals", "notebook_shim")


@dataclass
class Server:
    """A server of kernels.

    Attributes:
        http: A client of its REST API.
        process: It.
    """

    http: httpx.AsyncClient
    process: subprocess.Popen[bytes]

    async def start(self, name: str = "cluster") -> str:
        """Ask for a kernel; returns its id."""
        body = {"name": name, "env": {"KERNEL_USERNAME": "alice"}}
        answer = await self.http.post("api/kernels", json=body)
        return str(answer.raise_for_status().json()["id"])

    async def restart(self, kernel: str) -> None:
        """Restart a kernel."""
        (await self.http.post(f"api/kernels/{kernel}/restart")).raise_for_status()

    async def stop(self, kernel: str) -> None:
        """Shut a kernel down, until the server has forgotten it."""
        (await self.http.delete(f"api/kernels/{kernel}")).raise_for_status()
        async with asyncio.timeout(PATIENCE):
            while (await self.http.get(f"api/kernels/{kernel}")).status_code != 404:
                await asyncio.sleep(0.02)

    @contextlib.asynccontextmanager
    async def connected(self, kernel: str):
        """A connection to a kernel, as JupyterLab opens it."""
        session = Session()
        url = str(self.http.base_url).replace("http", "ws", 1)
        request = HTTPRequest(
            f"{url}api/kernels/{kernel}/channels?session_id={session.session}",
            headers=dict(self.http.headers),
            connect_timeout=PATIENCE,
            request_timeout=PATIENCE,
        )
        opened = await websocket_connect(request, subprotocols=[V1], max_message_size=1 << 30)
        try:
            yield Connection(session, opened)
        finally:
            opened.close()


class Connection:
    """A websocket to a kernel."""

    def __init__(self, session: Session, opened) -> None:
        self._session = session
        self._socket = opened
        self._v1 = opened.selected_subprotocol == V1

    async def execute(self, code: str) -> str:
        """Run a cell, and wait for all of its output and its reply; returns its result."""
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        message = self._session.msg("execute_request", content)
        if self._v1:
            packed = serialize_msg_to_ws_v1(message, "shell", self._session.pack)
            await self._socket.write_message(packed, binary=True)
        else:
            text = json.dumps(message | {"channel": "shell"}, default=str)
            await self._socket.write_message(text)
        result, left = "", {"execute_reply", "status"}
        while left:
            raw = await self._socket.read_message()
            assert raw is not None, f"closed: {self._socket.close_reason}"
            kind, parent, read = self._parts(raw)
            if parent != message["header"]["msg_id"]:
                continue
            if kind == "execute_result":
                result = read()["data"]["text/plain"]
            if kind == "execute_reply":
                assert read()["status"] == "ok", read()
            if kind == "execute_reply" or (
                kind == "status" and read()["execution_state"] == "idle"
            ):
                left.discard(kind)
        return result

    def _parts(self, raw):
        """A message's type, its parent, and what reads its content."""
        if not self._v1:
            message = json.loads(raw)
            parent = message["parent_header"].get("msg_id")
            return message["msg_type"], parent, lambda: message["content"]
        _, parts = deserialize_msg_from_ws_v1(raw)
        header, parent = map(json.loads, parts[:2])
        return header["msg_type"], parent.get("msg_id"), lambda: json.loads(parts[3])


# --- servers


@contextlib.asynccontextmanager
async def yarnhub_gateway(folder: Path, env: Mapping[str, str], kernels: Path | None = None):
    """`yarnhub gateway`, as a service of a hub with one user.

    Args:
        folder: For itself.
        env: Its variables.
        kernels: The folder of its kernelspecs; None for one of its own.
    """
    folder.mkdir()
    if kernels is None:
        kernels = folder / "kernels"
        write_kernelspec(kernels, in_container())
    config = folder / "config.py"
    config.write_text(
        f"c.KernelGateway.folder = {str(folder / 'state')!r}\n"
        f"c.KernelGateway.kernelspec_folders = [{str(kernels)!r}]\n"
        "c.KernelGateway.application_master_host = 'localhost'\n"
    )
    port = free_port()
    async with stub_hub() as hub:
        variables = {
            **env,
            "SKEIN_CONFIG": str(folder / "skein"),
            "JUPYTERHUB_API_URL": hub,
            "JUPYTERHUB_API_TOKEN": "of the service",
            "JUPYTERHUB_SERVICE_NAME": "gateway",
            "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}",
        }
        command = [Path(sys.executable).with_name("yarnhub"), "gateway", "--config", config]
        async with running(command, variables, folder / "log", port) as server:
            yield server


@contextlib.asynccontextmanager
async def jupyter_server(folder: Path, env: Mapping[str, str]):
    """A user's own server, with kernels in containers (`cluster`) and beside it (`local`)."""
    folder.mkdir()
    write_kernelspec(folder / "data" / "kernels", in_container())
    write_kernelspec(folder / "data" / "kernels", {"argv": ARGV}, "local")
    config = folder / "jupyter_server_config.py"
    port = free_port()
    config.write_text(
        "from yarnhub.integrations.kernels import configure\n"
        "configure(c)\n"
        f"c.IdentityProvider.token = {TOKEN!r}\n"
        "c.ServerApp.allow_root = True\n"
        f"c.ServerApp.jpserver_extensions.update(dict.fromkeys({EXTENSIONS}, False))\n"
        f"c.ServerApp.port = {port}\n"
        "c.ServerApp.port_retries = 0\n"
        f"c.ServerApp.root_dir = {str(folder)!r}\n"
        f"c.YarnhubKernelManager.folder = {str(folder / 'kept')!r}\n"
        "c.YarnhubKernelManager.keep_kernels_on_stop = False\n"
        "c.ZMQChannelsWebsocketConnection.limit_rate = False\n"
    )
    folders = {f"JUPYTER_{each.upper()}_DIR": str(folder / each) for each in ("data", "runtime")}
    variables = {**env, **folders, "SKEIN_CONFIG": str(folder / "skein")}
    command = [sys.executable, "-m", "jupyter_server", "--config", config]
    async with running(command, variables, folder / "log", port) as server:
        yield server


@contextlib.asynccontextmanager
async def enterprise_gateway(
    folder: Path, python: Path, kernels: Path, env: Mapping[str, str], resource_manager: str
):
    """Enterprise Gateway.

    Args:
        folder: For itself.
        python: The interpreter of its environment.
        kernels: The folder of its kernelspecs.
        env: Its variables.
        resource_manager: The URL of the ResourceManager's pages.
    """
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "kernels").symlink_to(kernels)
    port = free_port()
    variables = {
        **env,
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "SKEIN_CONFIG": str(folder / "skein"),
        "EG_RESPONSE_IP": "127.0.0.1",
        "EG_PROHIBITED_LOCAL_IPS": "",
        "EG_KERNEL_LAUNCH_TIMEOUT": "390",
        "EG_AUTH_TOKEN": TOKEN,
    }
    gencerts = [python.with_name("skein"), "config", "gencerts", "--force"]
    subprocess.run(gencerts, env=variables, check=True, capture_output=True)
    command = [
        python.with_name("jupyter-enterprisegateway"),
        "--ip=127.0.0.1",
        f"--port={port}",
        "--port_retries=0",
        f"--EnterpriseGatewayApp.yarn_endpoint={resource_manager}",
    ]
    async with running(command, variables, folder / "log", port) as server:
        yield server


def peer_kernelspec(
    skein: Path, python: Path, launcher: Path, env: Mapping[str, str]
) -> dict[str, object]:
    """A kernelspec of Enterprise Gateway with kernels that skein starts, and its own launcher.

    Args:
        skein: The folder of skein's configuration.
        python: The interpreter of Enterprise Gateway's environment.
        launcher: Its launcher of kernels.
        env: Variables for skein.
    """
    proxy = "enterprise_gateway.services.processproxies.yarn.YarnClusterProcessProxy"
    names = ("kernel-id", "response-address", "public-key", "port-range")
    placeholders = [f"{{{name.replace('-', '_')}}}" for name in names]
    options = [
        word
        for name, value in zip(names, placeholders, strict=True)
        for word in (f"--{name}", value)
    ]
    kept = ("PATH", "HADOOP_CONF_DIR", "JAVA_HOME")
    return {
        "argv": [str(python), str(HERE / "kernels_peer.py"), str(python), str(launcher), *options,
                 "--cluster-type", "none"],
        "env": {name: env[name] for name in kept} | {"SKEIN_CONFIG": str(skein)},
        "metadata": {"process_proxy": {"class_name": proxy}},
    }  # fmt: skip


def install_peer(folder: Path) -> tuple[Path, Path]:
    """Install Enterprise Gateway; returns its interpreter and its launcher of kernels."""
    base = next(p for p in ("/usr/bin/python3.11", sys.executable) if Path(p).exists())
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "-q", "--python", base, folder], check=True)
    python = folder / "bin" / "python"
    subprocess.run([uv, "pip", "install", "-q", "--python", python, "pip", *PEER], check=True)
    # Only the source distribution has the launcher.
    download = ["pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", folder]
    hatchling = ["--only-binary", "hatchling"]
    subprocess.run([python, "-m", *download, *hatchling, PEER[0]], check=True)
    (archive,) = folder.glob("*.tar.gz")
    subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)
    (launcher,) = folder.glob("*/etc/kernel-launchers/python/scripts/launch_ipykernel.py")
    return python, launcher


@contextlib.asynccontextmanager
async def running(command: Sequence[str | Path], env: Mapping[str, str], log: Path, port: int):
    """A server that runs for as long as the block."""
    with (
        log.open("wb") as file,
        subprocess.Popen(command, env=env, cwd=log.parent, stdout=file, stderr=file) as process,
    ):
        headers = {"Authorization": f"token {TOKEN}"}
        url = f"http://127.0.0.1:{port}/"
        async with httpx.AsyncClient(
            base_url=url, headers=headers, timeout=PATIENCE, trust_env=False
        ) as http:
            try:
                await answering(http, process, log)
                yield Server(http, process)
            except BaseException:
                print(log.read_text(errors="replace")[-4000:], file=sys.stderr)
                raise
            finally:
                process.terminate()
                await asyncio.to_thread(process.wait, PATIENCE)


async def answering(http: httpx.AsyncClient, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server answers."""
    async with asyncio.timeout(PATIENCE):
        while True:
            assert process.poll() is None, log.read_text()
            with contextlib.suppress(httpx.TransportError):
                if (await http.get("api/kernelspecs")).is_success:
                    return
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def stub_hub():
    """What a hub says of a token; yields the URL of its API."""

    class Hub(RequestHandler):
        def get(self) -> None:
            scopes = ["access:services!service=gateway"]
            self.write({"kind": "user", "name": "alice", "groups": [], "scopes": scopes})

    server = HTTPServer(Application([(".*", Hub)]))
    (listening,) = bind_sockets(0, "127.0.0.1")
    server.add_socket(listening)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/hub/api"
    finally:
        server.stop()
        await server.close_all_connections()


def write_kernelspec(folder: Path, spec: dict[str, object], name: str = "cluster") -> None:
    """Write a kernelspec."""
    (folder / name).mkdir(parents=True)
    text = json.dumps({"display_name": name, "language": "python", **spec})
    (folder / name / "kernel.json").write_text(text)


def in_container() -> dict[str, object]:
    """A kernelspec of ours."""
    provisioner = {"provisioner_name": "yarnhub", "config": CONTAINER}
    return {"argv": ARGV, "metadata": {"kernel_provisioner": provisioner}}


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def environment(cluster: Mapping[str, str]) -> dict[str, str]:
    """The variables of servers on a cluster."""
    return {**os.environ, **cluster}
