"""JupyterHub's own server on a held port: it tells it when it answers there, and proves itself."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from jupyterhub import __version__
from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from yarnhub.control.bootstrap import CERTIFICATE, KEY, named_secrets
from yarnhub.hadoop.wire.tokens import TokenStorage
from yarnhub.sessions.ports.held import ListenOptions, listen
from yarnhub.sessions.ports.proof import ImpostorError
from yarnhub.sessions.ports.server_check import check_server

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

LOG = "server.log"
Report = dict[str, Any]


class Hub(RequestHandler):
    """What a server asks of a hub before it is ready."""

    def initialize(self, told: asyncio.Future[Report]) -> None:
        self._told = told

    def get(self, path: str) -> None:
        place = {"addresses": ["127.0.0.1"], "first": 0, "last": 0}
        self.write(place if path == "yarnspawner" else {"version": __version__})

    def post(self, path: str) -> None:
        if path == "yarnspawner":
            self._told.set_result(json.loads(self.request.body))


@asynccontextmanager
async def hub(told: asyncio.Future[Report]) -> AsyncIterator[str]:
    held = listen(ListenOptions(addresses=("127.0.0.1",)))
    arguments: Any = {"told": told}
    server = HTTPServer(Application([("/hub/api/?(.*)", Hub, arguments)]))
    server.add_sockets(held.sockets)
    try:
        yield f"http://127.0.0.1:{held.number}/hub/api"
    finally:
        server.stop()
        await server.close_all_connections()


@asynccontextmanager
async def server(folder: Path, api: str, **more: str) -> AsyncIterator[Process]:
    tokens = folder / "container_tokens"
    secrets = {CERTIFICATE: b"", KEY: b"", **named_secrets({"variable:JUPYTERHUB_API_TOKEN": b"t"})}
    tokens.write_bytes(TokenStorage({}, secrets).write())
    log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "yarnspawner.singleuser", "--allow-root"),
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],  # noqa: TID251
            "HOME": str(folder),
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "YARNHUB_HDFS_FOLDER": "off",
            "SKEIN_APPMASTER_ADDRESS": "localhost:1",
            "SKEIN_APPLICATION_ID": "application_1_0001",
            "HADOOP_TOKEN_FILE_LOCATION": str(tokens),
            "JUPYTERHUB_API_URL": api,
            "JUPYTERHUB_BASE_URL": "/",
            "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-alice",
            "JUPYTERHUB_SERVICE_PREFIX": "/user/alice/",
            "JUPYTERHUB_SERVICE_URL": "http://:0/user/alice/",
            "JUPYTERHUB_USER": "alice",
            **more,
        },
        stderr=log,
    )
    try:
        yield process
    finally:
        os.close(log)
        if process.returncode is None:
            process.kill()
        await process.wait()


async def reported(told: asyncio.Future[Report], process: Process, log: Path) -> Report:
    async with asyncio.TaskGroup() as tasks:
        ended = tasks.create_task(process.wait())
        both: set[asyncio.Future[Any]] = {told, ended}
        await asyncio.wait(both, timeout=60, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
    assert told.done(), log.read_text()
    return told.result()


@pytest.mark.parametrize("mode", ["1", "0"], ids=["an extension", "a class of its own"])
async def test_it_tells_a_port_at_which_it_proves_itself(mode: str, tmp_path: Path) -> None:
    told = asyncio.get_running_loop().create_future()
    async with (
        hub(told) as api,
        server(tmp_path, api, JUPYTERHUB_SINGLEUSER_EXTENSION=mode) as process,
    ):
        port = (await reported(told, process, tmp_path / LOG))["port"]
        where = ("127.0.0.1", port)
        await check_server(*where, prefix="/user/alice/", token="t", tls=None)
        with pytest.raises(ImpostorError, match="server's token"):
            await check_server(*where, prefix="/user/alice/", token="other", tls=None)
        # All else is as JupyterHub has it: nobody gets in without the hub.
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as user:
            assert (await user.get("/user/alice/api/contents")).status_code == 403
            answer = await user.get("/user/alice/api")
            assert answer.headers["X-JupyterHub-Version"] == __version__
            assert (await user.get("/user/alice/api/yarnspawner?nonce=x")).status_code == 400


async def test_it_ends_if_the_hub_does_not_take_the_port(tmp_path: Path) -> None:
    told = asyncio.get_running_loop().create_future()
    told.set_result({})  # the handler fails therefore
    async with hub(told) as api, server(tmp_path, api) as process:
        async with asyncio.timeout(60):
            await process.wait()
        said = (tmp_path / LOG).read_text()
        assert "refused the port" in said
        assert process.returncode == 1


async def test_it_says_why_it_cannot_run(tmp_path: Path) -> None:
    told = asyncio.get_running_loop().create_future()
    nowhere = str(tmp_path / "nowhere")
    async with (
        hub(told) as api,
        server(tmp_path, api, JUPYTERHUB_ROOT_DIR=nowhere) as process,
    ):
        report = await reported(told, process, tmp_path / LOG)
        assert f"folder {nowhere} not found" in report["error"]
        assert await process.wait() == 1
