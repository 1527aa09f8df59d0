"""The ApplicationMaster is killed, and the next one goes on with what runs."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.walk import SKEIN, User, eventually, kill_master, log_in, masters, of_application

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster

SPEC = """\
name: takeover
max_attempts: 2
services:
  s:
    instances: 2
    max_restarts: -1
    resources: {{memory: 64, vcores: 1}}
    files: {{data.txt: data.txt}}
    script: |
      echo $SKEIN_CONTAINER_ID >> {started}
      exec sleep 600
"""


@pytest.fixture(params=["simple", "kerberos"])
def user(request: pytest.FixtureRequest, tmp_path: Path) -> User:
    # Not an async one: a cluster that begins here runs a loop of its own.
    if request.param == "kerberos":
        cluster = request.getfixturevalue("kerberos_cluster")
        return asyncio.run(log_in(cluster, "alice", tmp_path / "a"))
    cluster = request.getfixturevalue("hadoop_cluster")
    return User(tmp_path, {**cluster.env, "SKEIN_CONFIG": str(tmp_path / ".skein")})


@pytest.fixture
def notes() -> Iterator[Path]:
    """A file that every OS user may write."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder) / "notes"


@pytest.fixture
def application(user: User, notes: Path) -> Iterator[str]:
    """An application whose containers note that they have started."""
    (user.folder / "data.txt").write_text("x")
    (user.folder / "app.yaml").write_text(SPEC.format(started=notes))
    application = user.skein("application", "submit", "app.yaml").stdout.strip()
    eventually(lambda: len(started(notes)) == 2, "two run", deadline=60)
    yield application
    user.skein("application", "kill", application, check=False)


def started(notes: Path) -> list[str]:
    return sorted(notes.read_text().split()) if notes.exists() else []


def answers(user: User, application: str) -> bool:
    return user.skein("kv", "ls", application, check=False).returncode == 0


def containers(user: User, application: str) -> dict[str, str]:
    table = user.skein("container", "ls", application, "--all").stdout.splitlines()[1:]
    return {row.split()[1]: row.split()[2] for row in table}


def test_containers_keys_and_owners_outlive_their_master(
    user: User, application: str, notes: Path
) -> None:
    user.skein("kv", "put", application, "--key", "k", "--value", "v")
    large = "x" * 100_000
    user.run("sh", "-c", f"printf %s $0 | {SKEIN} kv put {application} --key large", large)

    kill_master(application)
    eventually(lambda: answers(user, application), "the next attempt answers", deadline=60)
    assert user.skein("kv", "get", application, "--key", "k").stdout == "v\n"
    assert user.skein("kv", "get", application, "--key", "large").stdout == large + "\n"
    assert containers(user, application) == {"s_0": "RUNNING", "s_1": "RUNNING"}
    user.skein("container", "kill", application, "--id", "s_1")
    user.skein("container", "scale", application, "--service", "s", "--number", "2")
    eventually(lambda: len(started(notes)) == 3, "a third one runs", deadline=60)
    assert started(notes) == ["s_0", "s_1", "s_2"], "none was started twice"

    user.skein("application", "shutdown", application)
    status = user.skein("application", "status", application).stdout
    assert "FINISHED    SUCCEEDED" in status
    eventually(lambda: not of_application(application), "all of it has ended")


def test_without_a_further_attempt_an_application_ends_with_its_master(
    hadoop_cluster: HadoopCluster, tmp_path: Path
) -> None:
    user = User(tmp_path, {**hadoop_cluster.env, "SKEIN_CONFIG": str(tmp_path / ".skein")})
    (tmp_path / "app.yaml").write_text(
        "name: once\nservices:\n  s: {resources: {memory: 64, vcores: 1}, script: exec sleep 600}\n"
    )
    application = user.skein("application", "submit", "app.yaml").stdout.strip()
    user.skein("kv", "put", application, "--key", "k", "--value", "v")
    (master,) = masters(application)
    os.kill(master, signal.SIGKILL)
    assert user.skein("application", "wait", application, check=False).returncode == 1
    assert "FAILED" in user.skein("application", "status", application).stdout
    eventually(lambda: not of_application(application), "its containers have ended")


def test_an_application_that_fails_is_tried_anew(
    hadoop_cluster: HadoopCluster, tmp_path: Path
) -> None:
    user = User(tmp_path, {**hadoop_cluster.env, "SKEIN_CONFIG": str(tmp_path / ".skein")})
    runs = tmp_path / "runs"
    (tmp_path / "app.yaml").write_text(
        "name: again\n"
        "max_attempts: 2\n"
        "services:\n"
        "  s: {resources: {memory: 64, vcores: 1}, script: exec sleep 600}\n"
        "master:\n"
        f"  script: 'echo $CONTAINER_ID >> {runs}; [ $(wc -l < {runs}) = 2 ]'\n"
    )
    application = user.skein("application", "submit", "app.yaml").stdout.strip()
    user.skein("application", "wait", application)
    assert len(runs.read_text().split()) == 2
    status = user.skein("application", "status", application).stdout
    assert "FINISHED    SUCCEEDED" in status
    eventually(lambda: not of_application(application), "nothing of the first attempt is left")
