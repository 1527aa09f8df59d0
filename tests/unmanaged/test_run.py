"""`skein application run`: the command is the ApplicationMaster, and ends with it."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from e2e.walk import SKEIN, User, eventually, log_in
from unmanaged.held import alive
from yarnhub.client.access.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster

RUN = ("application", "run", "--host", "localhost")


@pytest.fixture
def user(hadoop_cluster: HadoopCluster, tmp_path: Path) -> User:
    return User(tmp_path, {**hadoop_cluster.env, "SKEIN_CONFIG": str(tmp_path / ".skein")})


def write(user: User, script: str) -> str:
    service = {"resources": {"memory": 64, "vcores": 1}, "script": script}
    path = user.folder / "spec.json"
    path.write_text(json.dumps({"name": "run", "services": {"s": service}}))
    return str(path)


def test_it_ends_with_the_application_and_as_it_does(user: User) -> None:
    good = user.skein(*RUN, write(user, "exit 0"))
    (application,) = good.stdout.split()
    # YARN shows it as running for a moment longer than its ApplicationMaster does.
    user.skein("application", "wait", application)
    assert "SUCCEEDED" in user.skein("application", "status", application).stdout
    bad = user.skein(*RUN, write(user, "exit 7"), check=False)
    assert bad.returncode == 1
    assert "s_0 ended. Exit code 7" in bad.stderr
    assert len(bad.stderr.strip().splitlines()) == 1


def test_what_is_wrong_with_the_specification_is_told(user: User) -> None:
    path = user.folder / "spec.json"
    path.write_text('{"master": {"script": "date"}}')
    wrong = user.skein(*RUN, str(path), check=False)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith(f"Error: In file '{path}', master.script: an unmanaged")


async def test_with_kerberos_the_cluster_runs_the_application_master(
    kerberos_cluster: HadoopCluster, tmp_path: Path
) -> None:
    alice = await log_in(kerberos_cluster, "alice", tmp_path / "alice")
    good = await asyncio.to_thread(alice.skein, *RUN, write(alice, "exit 0"))
    (application,) = good.stdout.split()
    shown = await asyncio.to_thread(alice.skein, "application", "status", application)
    assert "SUCCEEDED" in shown.stdout
    bad = await asyncio.to_thread(alice.skein, *RUN, write(alice, "exit 7"), check=False)
    assert bad.returncode == 1
    assert "s_0 ended. Exit code 7" in bad.stderr
    assert len(bad.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_whoever_ends_it_ends_the_application(
    user: User, number: signal.Signals, code: int
) -> None:
    started = user.folder / "started"
    command = [str(SKEIN), *RUN, write(user, f"touch {started}; sleep 100")]
    with subprocess.Popen(command, env=dict(user.env), stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        application = run.stdout.readline().strip()
        eventually(started.exists, "the script runs", 60)
        run.send_signal(number)
    assert run.returncode == code
    user.skein("application", "wait", application, check=False)  # as above
    assert application not in asyncio.run(alive(Settings.from_environment(user.env)))
    assert "KILLED" in user.skein("application", "status", application).stdout
