"""A kernel that is a Spark Connect server, computing in the driver's own JVM."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integrations.spark.connect_client import REFUSED, run_client, variables
from integrations.spark.driver.started_kernel import Answers, StartedKernel, started
from yarnhub.kernels.connect import ConnectServer, issue

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.spark, pytest.mark.jupyter, pytest.mark.timeout(300)]

SETTINGS = {"spark.master": "local[2]"}
HOST = "127.0.0.1"


class Served:
    """A server that a kernel's process serves.

    Attributes:
        kernel: The kernel.
        answers: The launcher's part.
    """

    def __init__(self, kernel: StartedKernel, answers: Answers) -> None:
        certificate, key = issue(HOST, dt.datetime.now(dt.UTC))
        self.kernel = kernel
        self.answers = answers
        self.certificate = certificate.decode()
        answers.pair = certificate + key

    async def server(self) -> ConnectServer:
        """Wait until it has reported where it listens."""
        async with asyncio.timeout(120):
            while not self.answers.connect:
                assert self.kernel.process.poll() is None, self.kernel.log
                await asyncio.sleep(0.1)
        report = self.answers.connect[0]
        assert "error" not in report, report
        return ConnectServer(host=HOST, certificate=self.certificate, **report)

    async def ended(self) -> int:
        """Wait for the end of its process; returns its exit code."""
        return await asyncio.to_thread(self.kernel.process.wait, 200)


@pytest.fixture
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    idle = getattr(request, "param", "")
    (tmp_path / "container").mkdir()
    answers = Answers(tmp_path / "container")
    try:
        container = tmp_path / "container"
        with started(container, SETTINGS, None, {"connect": "0-0", "connect_idle": idle}) as kernel:
            yield Served(kernel, answers)
    finally:
        answers.close()


def jvms(folder: Path) -> list[int]:
    """The JVMs that run in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            here = (path / "cwd").resolve() == folder
            if here and b"java" in (path / "cmdline").read_bytes():
                found.append(int(path.name))
        except OSError:
            continue
    return found


async def test_a_client_needs_the_token_and_the_certificate(served: Served, tmp_path: Path) -> None:
    server = await served.server()
    env = variables(tmp_path, server.remote, server.certificate)
    code, printed = await run_client(env)
    assert (code, printed.splitlines()[-1:]) == (0, ["499999500000"]), printed

    for token in ("", ";token=" + "x" * 43):
        remote = server.remote.partition(";token=")[0] + token
        code, printed = await run_client({**env, "SPARK_REMOTE": remote})
        assert code == REFUSED, printed
        assert "UNAUTHENTICATED" in printed

    # It is in no command line, no environment, no log and no file that others can read.
    secret = server.token.encode()
    (jvm,) = jvms(served.kernel.folder)
    for pid in (jvm, served.kernel.process.pid):
        for name in ("cmdline", "environ"):
            assert secret not in Path(f"/proc/{pid}/{name}").read_bytes()
    for file in served.kernel.folder.rglob("*"):
        if file.is_file() and not file.is_symlink() and file.suffix != ".zip":
            assert secret not in file.read_bytes(), file


async def test_python_of_a_client_runs_at_the_server(served: Served, tmp_path: Path) -> None:
    server = await served.server()
    code = """
from pyspark.sql.functions import udf
add = udf(lambda x: x + 1, "long")
print(spark.range(3).select(add("id").alias("n")).collect()[2].n)
try:
    spark.sparkContext
except Exception as error:
    print(type(error).__name__)
"""
    env = variables(tmp_path, server.remote, server.certificate)
    status, printed = await run_client(env, code)
    assert (status, printed.splitlines()[-2:]) == (0, ["3", "PySparkAttributeError"]), printed


async def test_the_process_ends_with_the_jvm_and_says_why(served: Served) -> None:
    await served.server()
    (jvm,) = jvms(served.kernel.folder)
    os.kill(jvm, signal.SIGKILL)
    assert await served.ended() == 1
    (_, report) = served.answers.connect
    assert report["error"].startswith("Spark's driver was ended by SIGKILL")
    assert "The next use" not in report["error"]
    assert "end-applications" in served.answers.asked
    assert jvms(served.kernel.folder) == []


@pytest.mark.waits
@pytest.mark.parametrize("served", ["40"], indirect=True)
async def test_one_that_is_not_used_ends(served: Served, tmp_path: Path) -> None:
    server = await served.server()
    env = variables(tmp_path, server.remote, server.certificate)
    # A connection that is open is no use.
    code = "spark.range(1).count()\nopen('used', 'w').close()\nimport time; time.sleep(600)"
    async with asyncio.TaskGroup() as group:
        client = group.create_task(run_client(env, code, seconds=250))
        assert await served.ended() == 0
        assert not client.done()
        client.cancel()
    assert (tmp_path / "used").exists()
    assert served.answers.connect[-1] == {
        "error": "The Spark Connect server has ended because it was not used.",
        "generation": 1,
    }
    assert "busy" in served.answers.asked
    assert jvms(served.kernel.folder) == []


async def test_a_kernel_that_cannot_serve_says_why(tmp_path: Path) -> None:
    (tmp_path / "container").mkdir()
    answers = Answers(tmp_path / "container")
    try:
        with socket.create_server((HOST, 0)) as taken:
            port = taken.getsockname()[1]
            with started(
                tmp_path / "container", SETTINGS, None, {"connect": f"{port}-{port}"}
            ) as kernel:
                assert await Served(kernel, answers).ended() == 1
    finally:
        answers.close()
    (report,) = answers.connect
    assert report["error"].startswith(f"No port of {port}-{port} is free on this node")
    assert jvms(tmp_path / "container") == []
