"""Spark Connect servers, as their holder sees them."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kernels.contract import dead, kernel_request, running
from kernels.launcher.container import silent_kernel
from kernels.processes import ProcessKernelHolder
from yarnhub.base.errors import RemoteProtocolError
from yarnhub.base.tls_pair import load_pair
from yarnhub.control import json
from yarnhub.kernels.connect import ConnectServer, checked, issue
from yarnhub.kernels.programs import CONNECT
from yarnhub.kernels.protocol import ConnectReport
from yarnhub.kernels.records import KernelRecord, KernelRecords

if TYPE_CHECKING:
    from pathlib import Path

    from kernels.processes import Cluster
    from yarnhub.client.access.settings import Settings
    from yarnhub.kernels.kernel import Kernel
    from yarnhub.kernels.request import KernelRequest

TOKEN = "t" * 43
NOW = dt.datetime.now(dt.UTC)
REPORTS = """
import time
def ask(**report):
    report["generation"] = int(os.environ["YARNHUB_GENERATION"])
    line = json.dumps({"ask": "connect", "connect": report}).encode() + b"\\n"
    while True:
        try:
            asking = socket.socket(socket.AF_UNIX)
            asking.connect(os.environ["YARNHUB_REQUESTS"])
            asking.sendall(line)
            answer = asking.makefile("rb").read()
            if answer and b"cannot be reached" not in answer:
                return answer
        except OSError:
            time.sleep(0.05)
os.chdir("/")
"""


def served(*reports: dict[str, object], code: int = 0) -> KernelRequest:
    """A kernel that reports, writes the answers into its container's folder, and may end."""
    lines = [REPORTS]
    lines += [f"answer = ask(**{report!r})" for report in reports]
    lines += [
        "with open(os.environ['YARNHUB_CONTAINER'] + '/answer', 'wb') as file:",
        "    file.write(answer)",
        f"sys.exit({code})" if code else "time.sleep(1000)",
    ]
    argv = silent_kernel("\n".join(lines))
    return replace(kernel_request(argv[0]), argv=argv, program=CONNECT)


async def reported(kernel: Kernel) -> ConnectServer:
    async with asyncio.timeout(60):
        while (found := kernel.connect) is None:
            await asyncio.sleep(0.02)
    return found


@pytest.mark.parametrize(
    ("host", "remote"),
    [
        ("node1", f"sc://node1:15002/;use_ssl=true;token={TOKEN}"),
        ("fd00::1", f"sc://[fd00::1]:15002/;use_ssl=true;token={TOKEN}"),
    ],
)
def test_what_a_client_connects_to(host: str, remote: str) -> None:
    server = ConnectServer(host=host, port=15002, token=TOKEN)
    assert server.remote == remote
    assert TOKEN not in repr(server)


@pytest.mark.parametrize(
    "report",
    [
        ConnectReport(),
        ConnectReport(port=0, token=TOKEN),
        ConnectReport(port=70_000, token=TOKEN),
        ConnectReport(port=1, token="short"),
        ConnectReport(port=1, token="t" * 201),
        ConnectReport(port=1, token=TOKEN + ";use_ssl=false"),
    ],
)
def test_what_cannot_be_used_is_refused(report: ConnectReport) -> None:
    with pytest.raises(RemoteProtocolError):
        checked(report)


def test_a_reason_is_cleaned_and_cut() -> None:
    found = checked(ConnectReport(port=1, token=TOKEN, error="\x1b[31mred" + "x" * 10_000))
    assert found.error.startswith("redxx")
    assert len(found.error) == 2000
    assert (found.port, found.token) == (0, "")


@pytest.mark.parametrize("host", ["node1.example.com", "192.0.2.1", "fd00::1"])
def test_a_certificate_is_for_its_host_only(host: str) -> None:
    certificate, key = issue(host, NOW)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_pair(server, certificate, key)

    def shakes_hands(name: str) -> bool:
        client = ssl.create_default_context(cadata=certificate.decode())
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends = [
            client.wrap_bio(to_client, to_server, server_hostname=name),
            server.wrap_bio(to_server, to_client, server_side=True),
        ]
        for _ in range(3):
            for end in ends:
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
                except ssl.SSLCertVerificationError:
                    return False
        return True

    assert shakes_hands(host)
    assert not shakes_hands("node2.example.com")


async def test_a_server_is_found_again_with_its_address(
    cluster: Cluster, settings: Settings, tmp_path: Path
) -> None:
    async with ProcessKernelHolder(cluster, settings, tmp_path / "kernels") as holder:
        kernel = await holder.start(served({"port": 15002, "token": TOKEN}))
        server = await reported(kernel)
        assert (server.host, server.port, server.token) == ("localhost", 15002, TOKEN)
        folder = cluster.containers[kernel.application_id].folder
        async with asyncio.timeout(60):
            while not (folder / "answer").exists() or not (folder / "answer").read_bytes():
                await asyncio.sleep(0.02)
        head, _, pair = (folder / "answer").read_bytes().partition(b"\n")
        assert head.startswith(b'{"error":"","size":')
        assert pair.startswith(server.certificate.encode())
        file = tmp_path / "kernels" / "kernels" / f"{kernel.id}.json"
        assert file.stat().st_mode & 0o777 == 0o600
        assert b"PRIVATE KEY" not in file.read_bytes()
    async with ProcessKernelHolder(cluster, settings, tmp_path / "kernels") as holder:
        (found,) = holder.kernels()
        assert await reported(found) == server
        await running(found, await found.restart())
        async with asyncio.timeout(60):
            while (again := found.connect) is None or again == server:
                await asyncio.sleep(0.02)
        assert again.generation == 2


async def test_an_address_that_cannot_be_kept_is_reported_again(
    cluster: Cluster, settings: Settings, tmp_path: Path
) -> None:
    lines = [
        REPORTS,
        "folder = os.environ['YARNHUB_CONTAINER']",
        "while not os.path.exists(folder + '/go'): time.sleep(0.02)",
        "answer = b''",
        "while b'PRIVATE KEY' not in answer:",
        f"    answer = ask(port=15002, token={TOKEN!r})",
        "    with open(folder + '/answers', 'ab') as file: file.write(answer)",
        "time.sleep(1000)",
    ]
    request = served()
    request = replace(request, argv=silent_kernel("\n".join(lines)))
    async with ProcessKernelHolder(cluster, settings, tmp_path / "kernels") as holder:
        kernel = await holder.start(request)
        await running(kernel)
        file = tmp_path / "kernels" / "kernels" / f"{kernel.id}.json"
        file.rename(tmp_path / "moved")
        file.mkdir()  # nothing can be written there
        folder = cluster.containers[kernel.application_id].folder
        (folder / "go").touch()
        async with asyncio.timeout(60):
            while not (folder / "answers").exists() or not (folder / "answers").read_bytes():
                await asyncio.sleep(0.02)
        first = (folder / "answers").read_bytes()
        assert b"the address of the Spark Connect server was not kept" in first
        assert kernel.connect is None
        file.rmdir()
        server = await reported(kernel)
    async with ProcessKernelHolder(cluster, settings, tmp_path / "kernels") as holder:
        assert await reported(holder.kernels()[0]) == server


async def test_a_container_ends_with_its_server_and_the_reason_remains(
    cluster: Cluster, settings: Settings, tmp_path: Path
) -> None:
    async with ProcessKernelHolder(cluster, settings, tmp_path / "kernels") as holder:
        kernel = await holder.start(
            served({"port": 15002, "token": TOKEN}, {"error": "Spark's driver ended."}, code=3)
        )
        outcome = (await dead(kernel)).outcome
        assert outcome is not None
        assert outcome.exit_code == 3
        assert kernel.connect == ConnectServer(error="Spark's driver ended.")


async def test_other_kernels_cannot_report_a_server(
    cluster: Cluster, settings: Settings, tmp_path: Path
) -> None:
    request = replace(served({"port": 15002, "token": TOKEN}), program="")
    async with ProcessKernelHolder(cluster, settings, tmp_path / "kernels") as holder:
        kernel = await holder.start(request)
        folder = cluster.containers[kernel.application_id].folder
        async with asyncio.timeout(60):
            while not (folder / "answer").exists() or not (folder / "answer").read_bytes():
                await asyncio.sleep(0.02)
        assert b"this kernel is not a Spark Connect server" in (folder / "answer").read_bytes()
        assert kernel.connect is None


def test_records_of_kernels_without_a_server_are_as_before(tmp_path: Path) -> None:
    record = KernelRecord(request=kernel_request("/python"), key="key", created=1.0)
    assert b'"connect"' not in json.dump(record)
    records = KernelRecords(tmp_path / "records")
    records.read()
    server = ConnectServer(host="node1", port=1, token=TOKEN)
    records.keep(replace(record, connect=server))
    assert records.read()[0].connect == server
