"""`yarnhub spark connect` with a service."""

from __future__ import annotations

import asyncio
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from server.gateway.user_servers.connect_servers import SERVER, only, spec
from server.gateway.user_servers.holding import until_true
from server.gateway.user_servers.serving import running
from server.gateway.user_servers.specs import install
from yarnhub.cli.main import main
from yarnhub.client.explain.reasons import Diagnostics
from yarnhub.kernels.connect import ConnectServer
from yarnhub.kernels.kernel import KernelState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from server.gateway.user_servers.serving import Running

pytestmark = pytest.mark.jupyter


@pytest.fixture
async def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    install(tmp_path, "spark", spec(connect=True))
    async with running(tmp_path) as service:
        monkeypatch.setenv("YARNHUB_GATEWAY_URL", service.url)
        monkeypatch.delenv("YARNHUB_GATEWAY_CA", raising=False)
        monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "a")
        monkeypatch.setenv("SKEIN_CONFIG", str(tmp_path / "config"))
        yield service


async def connect(*words: str) -> int:
    return await asyncio.to_thread(main, ["spark", "connect", *words])


async def test_it_waits_in_words_and_prints_what_to_paste(
    service: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.stub.accepts.clear()
    told = ""

    def says(text: str) -> bool:
        nonlocal told
        told += capsys.readouterr().err
        return text in told

    async with asyncio.TaskGroup() as group:
        command = group.create_task(connect())
        await until_true(lambda: service.stub.starts == 1)
        service.stub.accepts.set()
        await until_true(lambda: says("Spark is starting on n1."))
        reason = Diagnostics("the queue root.default is full")
        only(service).change(state=KernelState.WAITING, node="", waits_for=reason)
        await until_true(lambda: says("the queue root.default is full"))
        only(service).server = SERVER
        only(service).change(state=KernelState.RUNNING, node="n1")
    assert command.result() == 0
    printed = capsys.readouterr()
    (file,) = (tmp_path / "config").glob("spark-connect-127.0.0.1-*.pem")
    assert printed.out.splitlines() == [
        f"export SPARK_REMOTE={shlex.quote(SERVER.remote)}",
        f"export GRPC_DEFAULT_SSL_ROOTS_FILE_PATH={file}",
    ]
    assert SERVER.token not in told + printed.err
    assert file.read_text() == SERVER.certificate
    assert file.stat().st_mode & 0o777 == 0o600

    assert await connect() == 0  # it runs
    assert capsys.readouterr() == (printed.out, "")
    assert len(service.stub.held) == 1
    assert await connect("--stop") == 0
    assert service.stub.held == {}
    assert await connect("--stop") == 1
    assert "You have no Spark Connect server." in capsys.readouterr().err


async def test_services_of_one_host_have_certificates_of_their_own(
    service: Running, tmp_path: Path
) -> None:
    install(tmp_path / "second", "spark", spec(connect=True))
    async with running(tmp_path / "second") as second:
        for each, certificate in ((service, "PEM 1"), (second, "PEM 2")):
            async with asyncio.TaskGroup() as group:
                command = group.create_task(connect("--gateway", each.url))
                await until_true(lambda: each.stub.held)  # noqa: B023  # ends before the next one
                only(each).server = replace(SERVER, certificate=certificate)
            assert command.result() == 0
    files = (tmp_path / "config").glob("spark-connect-*.pem")
    assert sorted(file.read_text() for file in files) == ["PEM 1", "PEM 2"]


async def test_one_that_ends_while_it_starts_is_an_error(
    service: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    async with asyncio.TaskGroup() as group:
        command = group.create_task(connect("--kernelspec", "spark"))
        await until_true(lambda: service.stub.held)
        only(service).server = ConnectServer(error="Spark's driver ran out of memory.")
        only(service).change(state=KernelState.ENDED)
    assert command.result() == 1
    printed = capsys.readouterr()
    assert "Spark's driver ran out of memory." in printed.err
    assert printed.out == ""


async def test_a_token_in_a_file(
    service: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_text("b\n")
    async with asyncio.TaskGroup() as group:
        command = group.create_task(connect("--token-file", str(tmp_path / "token")))
        await until_true(lambda: service.stub.held)
        only(service).server = SERVER
    assert command.result() == 0
    assert only(service).request.owner == "bob"
    (tmp_path / "token").write_text(" ")
    assert await connect("--token-file", str(tmp_path / "token")) == 1
    assert "the file is empty" in capsys.readouterr().err


async def test_bad_input(
    service: Running, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await connect("--kernelspec", "nosuch") == 1
    assert "There is no kernelspec 'nosuch'" in capsys.readouterr().err
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "x")
    assert await connect() == 1
    assert "responds with status 403" in capsys.readouterr().err
    assert await connect("--gateway", "gateway") == 1
    assert "not a URL of a kernel service" in capsys.readouterr().err
    monkeypatch.delenv("YARNHUB_GATEWAY_URL")
    assert await connect() == 1
    assert "--gateway, or YARNHUB_GATEWAY_URL, must be the URL" in capsys.readouterr().err
    assert service.stub.held == {}
