"""ResourceManagers that do not respond, and versions with vulnerabilities."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from hadoop.server import answer, failure, serving
from integrations.doctor.deployments import make_deployment
from integrations.doctor.pages import serve_pages
from yarnhub.cluster.ports import choose_ports
from yarnhub.hadoop.codec import encode
from yarnhub.integrations.doctor.finding import Grade
from yarnhub.integrations.doctor.resource_manager import check, check_version, known_vulnerabilities
from yarnhub.yarn.records.cluster import YarnClusterMetrics
from yarnhub.yarn.records.resource_manager import GetClusterMetricsResponse

if TYPE_CHECKING:
    from pathlib import Path

    from hadoop.server import Call

STANDBY = "org.apache.hadoop.ipc.StandbyException"


async def test_no_resource_manager(tmp_path: Path) -> None:
    port = choose_ports(["rm"], {})["rm"]
    deployment = make_deployment(tmp_path, {"yarn.resourcemanager.address": f"127.0.0.1:{port}"})
    found = await check(deployment)
    assert found.grade is Grade.ERROR
    assert f"127.0.0.1:{port}" in found.what
    assert "firewall" in found.mend


async def test_neither_of_a_pair(tmp_path: Path) -> None:
    ports = choose_ports(["rm1", "rm2"], {})
    values = {f"yarn.resourcemanager.address.{name}": f"127.0.0.1:{ports[name]}" for name in ports}
    values["yarn.resourcemanager.ha.enabled"] = "true"
    values["yarn.resourcemanager.ha.rm-ids"] = "rm1,rm2"
    found = await check(make_deployment(tmp_path, values))
    assert found.grade is Grade.ERROR
    assert all(f"127.0.0.1:{port}" in found.what for port in ports.values())


def active(call: Call) -> bytes:
    metrics = YarnClusterMetrics(num_node_managers=3, num_active_nms=2)
    return answer(call.call_id, encode(GetClusterMetricsResponse(cluster_metrics=metrics)))


def standby(call: Call) -> bytes:
    return failure(call.call_id, STANDBY, "Operation category READ is not supported")


def pair(*addresses: object) -> dict[str, str]:
    values = {
        f"yarn.resourcemanager.address.rm{number}": str(address)
        for number, address in enumerate(addresses, start=1)
    }
    return values | {
        "yarn.resourcemanager.ha.enabled": "true",
        "yarn.resourcemanager.ha.rm-ids": "rm1,rm2",
    }


async def test_a_pair(tmp_path: Path) -> None:
    async with serving(standby) as first, serving(active) as second:
        deployment = make_deployment(tmp_path, pair(first.address, second.address))
        found = await check(deployment)
    assert found.grade is Grade.OK
    assert found.what == (
        f"{first.address} is on standby; {second.address} is active, with 2 of 3 nodes"
    )
    assert deployment.active == 1


async def test_one_of_a_pair(tmp_path: Path) -> None:
    gone = f"127.0.0.1:{choose_ports(['rm'], {})['rm']}"
    async with serving(active) as first:
        deployment = make_deployment(tmp_path, pair(first.address, gone))
        found = await check(deployment)
    assert found.grade is Grade.WARNING
    assert gone in found.what
    assert deployment.active == 0


def standby_page(state: str) -> dict[str, str]:
    info = {"clusterInfo": {"state": "STARTED", "haState": state, "hadoopVersion": "3.4.2"}}
    return {"/ws/v1/cluster/info": json.dumps(info)}


@pytest.mark.parametrize(
    ("state", "grade"), [("STANDBY", Grade.OK), ("ACTIVE", Grade.WARNING), ("", Grade.WARNING)]
)
async def test_one_on_standby_opens_no_port_for_clients(
    tmp_path: Path, state: str, grade: Grade
) -> None:
    closed = f"127.0.0.1:{choose_ports(['rm'], {})['rm']}"
    async with serving(active) as first, serve_pages(standby_page(state)) as page:
        values = pair(first.address, closed)
        values["yarn.resourcemanager.webapp.address.rm1"] = "127.0.0.1:1"
        values["yarn.resourcemanager.webapp.address.rm2"] = page
        found = await check(make_deployment(tmp_path, values))
    assert found.grade is grade
    assert (f"{closed} is on standby" in found.what) is (grade is Grade.OK)


async def test_a_cluster_without_nodes(tmp_path: Path) -> None:
    def lonely(call: Call) -> bytes:
        metrics = YarnClusterMetrics(num_node_managers=2, num_lost_nms=2)
        return answer(call.call_id, encode(GetClusterMetricsResponse(cluster_metrics=metrics)))

    async with serving(lonely) as manager:
        deployment = make_deployment(
            tmp_path, {"yarn.resourcemanager.address": str(manager.address)}
        )
        found = await check(deployment)
    assert found.grade is Grade.WARNING
    assert "is active, with 0 of 2 nodes" in found.what
    assert "start the NodeManagers" in found.mend
    assert deployment.active == 0, "the rest can be looked at"


async def test_none_of_a_pair_is_active(tmp_path: Path) -> None:
    async with serving(standby) as first, serving(standby) as second:
        found = await check(make_deployment(tmp_path, pair(first.address, second.address)))
    assert found.grade is Grade.ERROR
    assert "is on standby" in found.what


async def test_one_that_hangs(tmp_path: Path) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as hanging:
        host, port = hanging.sockets[0].getsockname()
        deployment = make_deployment(tmp_path, {"yarn.resourcemanager.address": f"{host}:{port}"})
        deployment.response_timeout = 0.05
        found = await check(deployment)
    assert found.grade is Grade.ERROR
    assert "within 0.05 s" in found.what


@pytest.mark.parametrize(
    ("version", "holes"),
    [
        ("3.3.0", ["CVE-2021-33036"]),
        ("3.3.1", ["CVE-2023-26031", "CVE-2021-33036"]),
        ("3.3.4", ["CVE-2023-26031"]),
        ("3.3.4.7.1.9-1", ["CVE-2023-26031"]),
        ("3.3.5", []),
        ("3.2.2", ["CVE-2021-33036"]),
        ("3.4.2", []),
        ("trunk", []),
    ],
)
def test_vulnerabilities(version: str, holes: list[str]) -> None:
    assert [each.partition(" ")[0] for each in known_vulnerabilities(version)] == holes


def pages(version: str) -> dict[str, str]:
    properties = [{"key": "yarn.acl.enable", "value": "true"}]
    return {
        "/ws/v1/cluster/info": json.dumps({"clusterInfo": {"hadoopVersion": version}}),
        "/conf": json.dumps({"properties": properties}),
    }


async def test_the_version_and_the_configuration(tmp_path: Path) -> None:
    async with serve_pages(pages("3.3.4")) as address:
        deployment = make_deployment(tmp_path, {"yarn.resourcemanager.webapp.address": address})
        deployment.active = 0
        found = await check_version(deployment)
    assert found.grade is Grade.WARNING
    assert "CVE-2023-26031" in found.what
    assert deployment.rm_conf.get("yarn.acl.enable") == "true"
    assert address in deployment.rm_source


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({}, "404"),
        ({"/ws/v1/cluster/info": "<html>"}, "without JSON"),
        ({"/ws/v1/cluster/info": "{}"}, "'clusterInfo'"),
        ({"/ws/v1/cluster/info": "[]"}, "is it a ResourceManager"),
    ],
)
async def test_another_server_responds(
    tmp_path: Path, answers: dict[str, str], reason: str
) -> None:
    async with serve_pages(answers) as address:
        deployment = make_deployment(tmp_path, {"yarn.resourcemanager.webapp.address": address})
        deployment.active = 0
        found = await check_version(deployment)
    assert found.grade is Grade.NOT_CHECKED
    assert reason in found.what
    assert deployment.rm_source == "the files"
