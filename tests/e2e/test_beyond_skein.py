"""What a specification can say beyond skein's, on a real cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.walk import User, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
