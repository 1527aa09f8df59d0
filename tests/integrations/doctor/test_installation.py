"""The packages and programs on the hub's host."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from integrations.doctor.deployments import make_deployment
from yarnhub.integrations.doctor.finding import Grade
from yarnhub.integrations.doctor.installation import check_proxy, judge_owners, judge_versions

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.integrations.doctor.deployment import Deployment


@pytest.mark.parametrize("owners", [{}, {"skein": ["yarnhub"], "yarnspawner": ["yarnhub"]}])
def test_alone(owners: dict[str, list[str]]) -> None:
    assert judge_owners(owners).grade is Grade.OK


def test_two_owners() -> None:
    owners = {
        "skein": ["skein", "yarnhub"],
        "yarnspawner": ["yarnhub", "jupyterhub-yarnspawner"],
    }
    found = judge_owners(owners)
    assert found.grade is Grade.ERROR
    assert "skein also belongs to skein" in found.what
    assert "pip uninstall jupyterhub-yarnspawner skein" in found.mend


@pytest.mark.parametrize(
    ("hub", "culler", "grade"),
    [
        ("6.1.1", "2.0.0", Grade.OK),
        ("6.1.1", "", Grade.WARNING),
        ("5.3.0", "2.0.0", Grade.ERROR),
        ("", "", Grade.ERROR),
    ],
)
def test_versions(hub: str, culler: str, grade: Grade) -> None:
    versions = {"jupyterhub": hub, "jupyterlab": "4.6.6", "jupyterhub-idle-culler": culler}
    assert judge_versions(versions).grade is grade


def with_proxy(folder: Path, script: str) -> Deployment:
    command = folder / "configurable-http-proxy"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    deployment = make_deployment(folder, {})
    path = f"{folder}{os.pathsep}{os.defpath}"
    deployment.options = replace(deployment.options, environment={"PATH": path})
    return deployment


async def test_a_proxy(tmp_path: Path) -> None:
    found = await check_proxy(with_proxy(tmp_path, "echo 5.3.0"))
    assert found.grade is Grade.OK
    assert "configurable-http-proxy 5.3.0" in found.what


async def test_a_proxy_without_node(tmp_path: Path) -> None:
    found = await check_proxy(with_proxy(tmp_path, "echo env: node: No such file; exit 127"))
    assert found.grade is Grade.ERROR
    assert "node: No such file" in found.what


async def test_no_proxy(tmp_path: Path) -> None:
    deployment = make_deployment(tmp_path, {})
    deployment.options = replace(deployment.options, environment={"PATH": str(tmp_path)})
    found = await check_proxy(deployment)
    assert found.grade is Grade.WARNING
    assert "Node not found" in found.what
