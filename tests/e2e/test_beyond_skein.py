"""What a specification can say beyond skein's, on a real cluster."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.walk import User, eventually, log_in
from yarnhub.cluster.ports import choose_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnhub.cluster import HadoopCluster

pytestmark = pytest.mark.cluster

HEAD = "name: app\nservices:\n"
SMALL = "    resources: {memory: 64, vcores: 1}\n"


class Submitter(User):
    """A user who cleans up behind himself."""

    def submit(self, text: str) -> str:
        (self.folder / "app.yaml").write_text(text)
        application = self.skein("application", "submit", "app.yaml").stdout.strip()
        with (self.folder / "submitted").open("a") as submitted:
            submitted.write(f"{application}\n")
        return application


@pytest.fixture
def user(hadoop_cluster: HadoopCluster, tmp_path: Path) -> Iterator[Submitter]:
    env = {**hadoop_cluster.env, "SKEIN_CONFIG": str(tmp_path / ".skein")}
    submitter = Submitter(tmp_path, env)
    yield submitter
    for application in (tmp_path / "submitted").read_text().split():
        submitter.skein("application", "kill", application, check=False)


def test_a_timeout_ends_an_application_and_says_so(user: Submitter) -> None:
    application = user.submit(f"timeout: 4 s\n{HEAD}  s:\n{SMALL}    script: sleep 100\n")
    ended = user.skein("application", "wait", application, check=False)
    assert ended.returncode == 1
    assert "exceed" in ended.stderr
    assert "lifetime" in ended.stderr


def test_a_container_has_what_yarn_reads_of_docker(user: Submitter) -> None:
    # This cluster has no Docker and runs it as a process; the variables are all that YARN gets.
    shown = user.folder / "shown"
    user.submit(
        f"{HEAD}  s:\n{SMALL}"
        "    docker: {image: 'python:3.12', mounts: ['/data:/data:ro'], network: host}\n"
        f"    script: env > {shown}.part; mv {shown}.part {shown}\n"
    )
    eventually(shown.exists, "it ran")
    told = [line for line in shown.read_text().splitlines() if "CONTAINER_RUNTIME" in line]
    assert sorted(told) == [
        "YARN_CONTAINER_RUNTIME_DOCKER_CONTAINER_NETWORK=host",
        "YARN_CONTAINER_RUNTIME_DOCKER_IMAGE=python:3.12",
        "YARN_CONTAINER_RUNTIME_DOCKER_MOUNTS=/data:/data:ro",
        "YARN_CONTAINER_RUNTIME_TYPE=docker",
    ]


def containers(user: User, application: str) -> dict[str, tuple[str, bool]]:
    """State and readiness of all containers, by name."""
    listed = user.skein("container", "ls", application, "--all", "--output", "json").stdout
    return {each["id"]: (each["state"], each["ready"]) for each in json.loads(listed)}


SAVES = (
    "trap '{work}; echo saved > {saved}; exit 0' TERM; touch {up}.$SKEIN_CONTAINER_ID; "
    "while :; do sleep 0.1; done"
)


def saver(user: User, work: str = "sleep 2") -> tuple[Path, Path, str]:
    """A service that takes two seconds, or some work, to save it when it is asked to end."""
    user.folder.chmod(0o777)  # containers may be of another OS user
    up, saved = user.folder / "up", user.folder / "saved"
    script = SAVES.format(work=work, up=up, saved=saved)
    service = f"  s:\n    grace_period: 60 s\n{SMALL}    script: {json.dumps(script)}\n"
    return user.folder / "up.s_0", saved, service


def test_a_killed_container_has_time_to_save_its_work(user: Submitter) -> None:
    go = user.folder / "go"
    up, saved, service = saver(user, f"until [ -e {go} ]; do sleep 0.1; done")
    application = user.submit(f"{HEAD}{service}    instances: 2\n    max_restarts: -1\n")
    eventually(up.exists, "it runs", deadline=60)
    eventually(lambda: containers(user, application)["s_1"][0] == "RUNNING", "so does the other")
    user.skein("container", "kill", application, "--id", "s_0")
    assert not saved.exists()
    assert containers(user, application)["s_0"] == ("RUNNING", True)
    go.touch()
    eventually(lambda: containers(user, application)["s_0"] == ("KILLED", False), "it has ended")
    assert saved.read_text() == "saved\n"
    assert containers(user, application)["s_1"][0] == "RUNNING"


def test_a_shutdown_waits_for_work_to_be_saved(user: Submitter) -> None:
    up, saved, service = saver(user)
    application = user.submit(f"{HEAD}{service}")
    eventually(up.exists, "it runs", deadline=60)
    user.skein("application", "shutdown", application)
    user.skein("application", "wait", application)
    assert saved.read_text() == "saved\n"
    assert "FINISHED    SUCCEEDED" in user.skein("application", "status", application).stdout


async def test_other_users_containers_have_time_too(
    kerberos_cluster: HadoopCluster, tmp_path: Path
) -> None:
    alice = await log_in(kerberos_cluster, "alice", tmp_path)
    folder = tmp_path
    while folder != Path(tempfile.gettempdir()):  # pytest's own keep others out
        folder.chmod(0o755)
        folder = folder.parent
    up, saved, service = saver(alice)
    (alice.folder / "app.yaml").write_text(f"{HEAD}{service}")
    application = alice.skein("application", "submit", "app.yaml").stdout.strip()
    try:
        eventually(up.exists, "it runs", deadline=60)
        alice.skein("application", "shutdown", application)
        alice.skein("application", "wait", application)
        assert saved.read_text() == "saved\n"
    finally:
        alice.skein("application", "kill", application, check=False)


def test_failures_are_replaced_ever_later(user: Submitter) -> None:
    times = user.folder / "times"
    application = user.submit(
        f"{HEAD}  s:\n    max_restarts: 2\n    restart_delay: 1.5 s\n{SMALL}"
        f"    script: date +%s.%N >> {times}; exit 3\n"
    )
    ended = user.skein("application", "wait", application, check=False)
    assert "s_2" in ended.stderr
    first, second, third = map(float, times.read_text().split())
    assert second - first >= 1.5
    assert third - second >= 3


def test_dependents_start_when_a_port_answers_and_a_key_is_set(user: Submitter) -> None:
    port, go = choose_ports(["web"], {})["web"], user.folder / "go"
    application = user.submit(
        f"{HEAD}"
        f"  web:\n    ready: {{port: {port}}}\n{SMALL}"
        f"    script: until [ -e {go} ]; do sleep 0.1; done; "
        f"exec {sys.executable} -m http.server {port} --bind 127.0.0.1\n"
        f"  keyed:\n    depends: [web]\n    ready: {{key: 'up/{{container_id}}'}}\n{SMALL}"
        "    script: sleep 100\n"
        f"  last:\n    depends: [keyed]\n{SMALL}    script: sleep 100\n"
    )
    eventually(lambda: "web_0" in containers(user, application), "it is there")
    waiting = containers(user, application)
    assert [waiting["web_0"][1], waiting["keyed_0"]] == [False, ("WAITING", False)]
    go.touch()
    eventually(lambda: containers(user, application)["keyed_0"] == ("RUNNING", False), "it serves")
    assert containers(user, application)["web_0"] == ("RUNNING", True)
    assert containers(user, application)["last_0"] == ("WAITING", False)
    user.skein("kv", "put", application, "--key", "up/keyed_0", "--value", "")
    eventually(lambda: containers(user, application)["last_0"] == ("RUNNING", True), "it is ready")
    assert containers(user, application)["keyed_0"] == ("RUNNING", True)
