"""Who gets in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integrations.doctor.deployments import make_deployment
from yarnhub.integrations.doctor.access_control import check_acls, check_open
from yarnhub.integrations.doctor.finding import Grade

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("value", "grade"), [("true", Grade.OK), ("false", Grade.WARNING)])
async def test_acls(tmp_path: Path, value: str, grade: Grade) -> None:
    found = await check_acls(make_deployment(tmp_path, {"yarn.acl.enable": value}))
    assert found.grade is grade


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "[::1]"])
async def test_only_this_machine(tmp_path: Path, host: str) -> None:
    deployment = make_deployment(tmp_path, {"yarn.resourcemanager.address": f"{host}:8032"})
    deployment.active = 0
    assert (await check_open(deployment)).grade is Grade.OK


async def test_an_open_cluster(tmp_path: Path) -> None:
    values = {"yarn.resourcemanager.hostname": "rm.example.com"}
    deployment = make_deployment(tmp_path, values)
    deployment.active = 0
    found = await check_open(deployment)
    assert found.grade is Grade.WARNING
    assert "rm.example.com:8032 and as dr.who or any user with REST" in found.what

    values["yarn.webapp.enable-rest-app-submissions"] = "false"
    deployment = make_deployment(tmp_path, values)
    deployment.active = 0
    assert "REST" not in (await check_open(deployment)).what
