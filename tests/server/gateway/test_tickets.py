"""The service without a hub: users have Kerberos tickets, and a plain client of the REST API."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import httpx
import pytest

from e2e.tickets import Tickets
from e2e.walk import eventually
from hub.kernel_service import BIN, install_kernelspec, jupyter_folders
from hub.program import Program
from server.gateway.kernel_client import KernelClient
from yarnhub.cluster.ports import choose_ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster

CONFIG = """\
c = get_config()
c.KernelGateway.folder = {state!r}
c.KernelGateway.principal = "jupyterhub"
c.KernelGateway.keytab = {keytab!r}
c.KernelGateway.spnego_keytab = {services!r}
c.KernelGateway.spnego_host = "localhost"
c.KernelGateway.application_master_host = "localhost"
c.KernelGateway.port = {port}
"""


@pytest.fixture
async def service(
    kerberos_cluster: HadoopCluster,
    shared_python: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Program]:
    monkeypatch.setenv("KRB5_CONFIG", kerberos_cluster.env["KRB5_CONFIG"])
    port = choose_ports(["gateway"], {})["gateway"]
    folder = tmp_path / "gateway"
    folder.mkdir()
    (folder / "gateway_config.py").write_text(
        CONFIG.format(
            state=str(folder / "state"),
            keytab=str(kerberos_cluster.keytab("jupyterhub")),
            services=str(kerberos_cluster.state / "kerberos" / "keytabs" / "services.keytab"),
            port=port,
        )
    )
    install_kernelspec(folder, shared_python.parent.parent)
    command = [str(BIN / "yarnhub"), "gateway", "--config", str(folder / "gateway_config.py")]
    environment = {**kerberos_cluster.env, **jupyter_folders(folder)}
    url = f"http://localhost:{port}/api"
    async with Program(folder, command, environment, url) as program:
        yield program


def test_nobody_is_served_without_a_ticket(service: Program) -> None:
    for headers in ({}, {"Authorization": "token a"}, {"Authorization": "Negotiate YQ=="}):
        answer = httpx.get(f"{service.url}/kernels", headers=headers, trust_env=False)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Negotiate"


def test_a_plain_client_with_tickets(service: Program, kerberos_cluster: HadoopCluster) -> None:
    alice, bob = (Tickets(user, kerberos_cluster.keytab(user)) for user in ("alice", "bob"))
    with httpx.Client(base_url=service.url, auth=alice, timeout=60, trust_env=False) as http:
        answer = http.post("/kernels", json={"name": "science", "env": {"KERNEL_USERNAME": "bob"}})
        assert answer.status_code == 403
        assert http.get("/kernels").json() == []
        answer = http.post("/kernels", json={"name": "science", "env": {"KERNEL_X": "1"}})
        assert answer.status_code == 201, answer.text
        kernel = f"/kernels/{answer.json()['id']}"
        assert http.get(kernel, auth=bob).status_code == 404
        try:
            walk(http, kernel, alice)
        finally:
            assert http.delete(kernel).status_code == 204
        eventually(lambda: http.get(kernel).status_code == 404, "it ends", deadline=60)
    said = (service.folder / "state" / "audit.jsonl").read_text().splitlines()
    events = [(each["event"], each["actor"]) for each in map(json.loads, said)]
    assert ("refuse", "bob") in events
    done = ["refuse", "start", "interrupt", "restart", "stop"]
    assert [name for name, actor in events if actor == "alice" and name != "connect"] == done


async def test_the_command_for_spark_connect_has_the_users_ticket(
    service: Program, kerberos_cluster: HadoopCluster, tmp_path: Path
) -> None:
    def connect(ticket: Path) -> str:
        done = subprocess.run(
            [BIN / "yarnhub", "spark", "connect", "--gateway", service.url.removesuffix("/api")],
            env={**kerberos_cluster.env, "KRB5CCNAME": str(ticket)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stdout) == (1, "")
        return done.stderr

    await kerberos_cluster.kinit("alice", tmp_path / "ticket")
    # It has been authenticated: its kernelspecs are looked up.
    assert "There is no kernelspec for Spark Connect" in connect(tmp_path / "ticket")
    assert "ticket" in connect(tmp_path / "none")


def walk(http: httpx.Client, kernel: str, alice: Tickets) -> None:
    """Run, interrupt and restart."""
    url = f"{http.base_url}".rstrip("/") + kernel
    client = KernelClient(url, alice.header())
    name = "import os, pwd; print(pwd.getpwuid(os.getuid()).pw_name, os.environ['KERNEL_X'])"
    assert client.execute(name) == "alice 1\n"
    code = "x = 1\nimport time\nprint('on', end='', flush=True)\nwhile True: time.sleep(0.1)"
    request = client.send(code)
    client.until_printed(request)
    eventually(lambda: http.get(kernel).json()["execution_state"] == "busy", "it runs", deadline=60)
    assert http.post(f"{kernel}/interrupt").status_code == 204
    assert client.output(request) == "KeyboardInterrupt"
    assert client.execute("x") == "1"
    client.close()
    assert http.post(f"{kernel}/restart").status_code == 200
    client = KernelClient(url, alice.header())
    assert client.execute("'x' in globals()") == "False"
    client.close()
