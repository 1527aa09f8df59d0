"""A process that holds the applications of many, and a container of one that does its worst."""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from appmaster.bootstrap import APPLICATION, CREDENTIALS
from appmaster.core.scenario import RESOURCES, application
from appmaster.fakes import FakeNodeManagers, FakeScheduler
from yarnhub.appmaster.core.application import Application
from yarnhub.appmaster.core.contexts import ContextBuilder
from yarnhub.appmaster.core.placement import Topology
from yarnhub.appmaster.shell.journal.file import FileJournal
from yarnhub.appmaster.shell.runner import Runner
from yarnhub.appmaster.shell.server.clients import ApplicationClients
from yarnhub.appmaster.shell.server.control import serve
from yarnhub.client.access.credentials import Credentials
from yarnhub.client.application.client import ApplicationClient
from yarnhub.control import bootstrap, environment
from yarnhub.control.bootstrap import server_name
from yarnhub.hadoop.wire.tokens import TokenStorage
from yarnhub.sessions.unmanaged_holder import BUDGETS
from yarnhub.spec import Service
from yarnhub.unmanaged.admission import SharedAdmission

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

HOSTILE = Path(__file__).parents[2] / "faults" / "hostile.py"
SECONDS = 3.0
TICK = 0.005


class Held:
    """An application as the hub holds it."""

    def __init__(self, number: int, folder: Path) -> None:
        self.id = f"application_1700000000000_{number:04}"
        self.credentials = Credentials.generate()
        self.pair = self.credentials.certificate, self.credentials.key
        spec = application(jupyterhub=Service(resources=RESOURCES, script="run"))
        self.core = Application(spec, "{}", Topology(racks={}), BUDGETS)
        scheduler = FakeScheduler()
        self.journal = folder / f"{self.id}.journal"
        self.runner = Runner(
            self.core,
            scheduler,
            FakeNodeManagers(scheduler),
            ContextBuilder(APPLICATION, "am:1", CREDENTIALS),
            lambda: asyncio.get_running_loop().time(),
            FileJournal(self.journal),
        )
        self.clients = ApplicationClients(self.runner.ask, BUDGETS)

    def container(self, folder: Path, port: int) -> dict[str, str]:
        """The variables of a container of it."""
        secrets = {bootstrap.CERTIFICATE: self.pair[0], bootstrap.KEY: self.pair[1]}
        tokens = folder / f"{self.id}.tokens"
        tokens.write_bytes(TokenStorage(secrets=secrets).write())
        return {
            environment.APPMASTER_ADDRESS: f"127.0.0.1:{port}",
            environment.APPLICATION_ID: self.id,
            "HADOOP_TOKEN_FILE_LOCATION": str(tokens),
        }


@contextlib.asynccontextmanager
async def held(*applications: Held) -> AsyncIterator[int]:
    found = {server_name(each.id): each for each in applications}
    async with serve(SharedAdmission(found.get), "127.0.0.1") as port, asyncio.TaskGroup() as group:
        running = [group.create_task(each.runner.run("hub", port)) for each in applications]
        for each in applications:
            await each.runner.begun.wait()
        yield port
        for task in running:
            task.cancel()


async def test_what_one_container_does_costs_the_others_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    alice, bob = Held(1, tmp_path), Held(2, tmp_path)
    async with asyncio.timeout(60), held(alice, bob) as port:
        before = resident()
        variables = alice.container(tmp_path, port)
        hostile = await asyncio.create_subprocess_exec(
            *("nice", sys.executable, str(HOSTILE), str(SECONDS)), env={**ours(), **variables}
        )
        # Seconds of this thread's own work, to which others on the machine add nothing.
        late: list[float] = []
        answers: list[float] = []
        async with ApplicationClient(bob.id, f"127.0.0.1:{port}", bob.credentials) as client:
            while hostile.returncode is None:
                began = time.thread_time()
                await asyncio.sleep(TICK)
                late.append(time.thread_time() - began)
                if len(late) % 10 == 0:
                    began = time.thread_time()
                    await client.get_containers()
                    answers.append(time.thread_time() - began)
        assert hostile.returncode == 0
        assert statistics.quantiles(late, n=100)[98] < 0.1, "the loop is not held up"
        assert statistics.quantiles(answers, n=100)[98] < 0.5, "bob's container is answered"
        assert resident() - before < 150 << 20
        assert alice.journal.stat().st_size < 1 << 20
        assert len(alice.core.services["jupyterhub"].instances) == 1
        assert len(alice.core.keys) == 0
    assert len(caplog.records) < 20, "nor does it fill the log"


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def ours() -> dict[str, str]:
    """What a process of the tests needs."""
    return {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path)}
