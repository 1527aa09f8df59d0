"""Resource types, priorities, preemption, hosts and racks, on a cluster with licences to give."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from e2e.walk import User, eventually
from yarnhub.cluster import HadoopCluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.cluster

LICENCES = {
    "yarn.resource-types": "example.com/licence",
    "yarn.nodemanager.resource-type.example.com/licence": "2",
    "yarn.cluster.max-application-priority": "10",
}
PREEMPTION = {
    "yarn.resourcemanager.scheduler.monitor.enable": "true",
    "yarn.resourcemanager.monitor.capacity.preemption.monitoring_interval": "500",
    "yarn.resourcemanager.monitor.capacity.preemption.max_wait_before_kill": "1000",
    "yarn.resourcemanager.monitor.capacity.preemption.natural_termination_factor": "1.0",
    "yarn.resourcemanager.monitor.capacity.preemption.total_preemption_per_round": "1.0",
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[HadoopCluster]:
    cluster = HadoopCluster(site={"yarn-site.xml": LICENCES | PREEMPTION})
    asyncio.run(cluster.start())
    try:
        yield cluster
    finally:
        asyncio.run(cluster.stop())


@pytest.fixture
def user(cluster: HadoopCluster, tmp_path: Path) -> User:
    return User(tmp_path, {**cluster.env, "SKEIN_CONFIG": str(tmp_path / ".skein")})


def submit(user: User, services: str, **fields: object) -> str:
    document = {"name": "app", **fields}
    head = "".join(f"{key}: {value}\n" for key, value in document.items())
    (user.folder / "app.yaml").write_text(f"{head}services:\n{services}")
    return user.skein("application", "submit", "app.yaml").stdout.strip()


def states(user: User, application: str) -> dict[str, str]:
    table = user.skein("container", "ls", application).stdout.splitlines()[1:]
    return {row.split()[1]: row.split()[2] for row in table}


def test_as_many_run_as_there_are_licences(user: User) -> None:
    application = submit(
        user,
        "  s:\n"
        "    instances: 3\n"
        "    resources: {memory: 64, vcores: 1, example.com/licence: 1}\n"
        "    script: sleep 100\n",
    )
    two = {"s_0": "RUNNING", "s_1": "RUNNING", "s_2": "REQUESTED"}
    eventually(lambda: states(user, application) == two, "two of three run")
    user.skein("container", "kill", application, "--id", "s_0")
    eventually(lambda: states(user, application).get("s_2") == "RUNNING", "the third runs")
    user.skein("application", "kill", application)


def test_who_has_priority_gets_the_licence_that_is_given_back(user: User) -> None:
    one = (
        "  s:\n"
        "    instances: {count}\n"
        "    resources: {{memory: 64, vcores: 1, example.com/licence: 1}}\n"
        "    script: sleep 100\n"
    )
    holder = submit(user, one.format(count=2))
    eventually(lambda: [*states(user, holder).values()] == ["RUNNING"] * 2, "both are taken")
    first = submit(user, one.format(count=1))
    eventually(lambda: states(user, first) == {"s_0": "REQUESTED"}, "the first one waits")
    second = submit(user, one.format(count=1), priority=5)
    eventually(lambda: states(user, second) == {"s_0": "REQUESTED"}, "so does the second")
    user.skein("container", "scale", holder, "--service", "s", "--number", "1")
    eventually(lambda: states(user, second) == {"s_0": "RUNNING"}, "the second one goes first")
    assert states(user, first) == {"s_0": "REQUESTED"}
    for application in (holder, first, second):
        user.skein("application", "kill", application)


def failures(user: User, application: str) -> list[str]:
    listed = user.skein("container", "ls", application, "--all", "--output", "json").stdout
    return [each["exit_message"] for each in json.loads(listed) if each["state"] == "FAILED"]


def test_what_is_preempted_is_started_again_and_does_not_count(user: User) -> None:
    # The first one holds the whole node; the other's queue has a right to more than half of it.
    place = "  s:\n    instances: {count}\n    resources: {{memory: 64, vcores: 1}}\n"
    script = "    script: sleep 100\n"
    large = submit(user, place.format(count=7) + script)
    eventually(lambda: [*states(user, large).values()].count("RUNNING") == 7, "it has the node")
    small = submit(user, place.format(count=2) + script, queue="apples")
    eventually(
        lambda: states(user, small) == {"s_0": "RUNNING", "s_1": "RUNNING"}, "it got some", 60
    )
    eventually(lambda: failures(user, large), "it hears of what was taken from it")
    assert all("preempted" in each for each in failures(user, large))
    active = states(user, large)
    assert len(active) == 7
    # No restarts are allowed: it would have failed, and does not.
    user.skein("application", "kill", small)
    eventually(lambda: [*states(user, large).values()] == ["RUNNING"] * 7, "all run again")
    user.skein("application", "kill", large)


def test_a_type_that_the_cluster_does_not_have_is_refused(user: User) -> None:
    (user.folder / "app.yaml").write_text(
        "services: {s: {resources: {memory: 64, vcores: 1, gpus: 1}, script: id}}"
    )
    refused = user.skein("application", "submit", "app.yaml", check=False)
    assert refused.returncode == 1
    assert "services.s.resources: this cluster has no resource type yarn.io/gpu" in refused.stderr
    assert "example.com/licence" in refused.stderr


def test_containers_come_where_the_specification_says(user: User) -> None:
    place = "    resources: {memory: 64, vcores: 1}\n    script: sleep 100\n"
    application = submit(
        user,
        f"  here:\n    nodes: [localhost]\n    instances: 2\n{place}"
        f"  elsewhere:\n    nodes: [no.such.host]\n{place}"
        f"  rack:\n    racks: [/default-rack]\n{place}"
        f"  anywhere:\n    nodes: [no.such.host]\n    relax_locality: true\n{place}",
    )
    wanted = {
        "anywhere_0": "RUNNING",
        "elsewhere_0": "REQUESTED",
        "here_0": "RUNNING",
        "here_1": "RUNNING",
        "rack_0": "RUNNING",
    }
    eventually(lambda: states(user, application) == wanted, "all but one run", deadline=60)
    user.skein("application", "kill", application)
