"""ResourceManagers that are not there, and versions with holes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from integrations.doctor.pages import serve_pages
from integrations.doctor.sites import make_site
from yarnhub.cluster.ports import choose_ports
from yarnhub.integrations.doctor.finding import Grade
from yarnhub.integrations.doctor.resource_manager import check, check_version, known_holes

if TYPE_CHECKING:
    from pathlib import Path


async def test_nobody_there(tmp_path: Path) -> None:
    port = choose_ports(["rm"], {})["rm"]
    site = make_site(tmp_path, {"yarn.resourcemanager.address": f"127.0.0.1:{port}"})
    found = await check(site)
    assert found.grade is Grade.ERROR
    assert f"127.0.0.1:{port}" in found.what
    assert "firewall" in found.mend


async def test_neither_of_a_pair(tmp_path: Path) -> None:
    ports = choose_ports(["rm1", "rm2"], {})
    values = {f"yarn.resourcemanager.address.{name}": f"127.0.0.1:{ports[name]}" for name in ports}
    values["yarn.resourcemanager.ha.enabled"] = "true"
    values["yarn.resourcemanager.ha.rm-ids"] = "rm1,rm2"
    found = await check(make_site(tmp_path, values))
    assert found.grade is Grade.ERROR
    assert all(f"127.0.0.1:{port}" in found.what for port in ports.values())


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
def test_holes(version: str, holes: list[str]) -> None:
    assert [each.partition(" ")[0] for each in known_holes(version)] == holes


def pages(version: str) -> dict[str, str]:
    properties = [{"key": "yarn.acl.enable", "value": "true"}]
    return {
        "/ws/v1/cluster/info": json.dumps({"clusterInfo": {"hadoopVersion": version}}),
        "/conf": json.dumps({"properties": properties}),
    }


async def test_it_tells_its_version_and_its_rules(tmp_path: Path) -> None:
    async with serve_pages(pages("3.3.4")) as address:
        site = make_site(tmp_path, {"yarn.resourcemanager.webapp.address": address})
        site.active = 0
        found = await check_version(site)
    assert found.grade is Grade.WARNING
    assert "CVE-2023-26031" in found.what
    assert site.rules.get("yarn.acl.enable") == "true"
    assert address in site.rules_from


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({}, "404"),
        ({"/ws/v1/cluster/info": "<html>"}, "no JSON"),
        ({"/ws/v1/cluster/info": "{}"}, "'clusterInfo'"),
        ({"/ws/v1/cluster/info": "[]"}, "is it a ResourceManager"),
    ],
)
async def test_somebody_else_answers(tmp_path: Path, answers: dict[str, str], reason: str) -> None:
    async with serve_pages(answers) as address:
        site = make_site(tmp_path, {"yarn.resourcemanager.webapp.address": address})
        site.active = 0
        found = await check_version(site)
    assert found.grade is Grade.NOT_CHECKED
    assert reason in found.what
    assert site.rules_from == "the files"
