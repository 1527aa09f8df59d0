"""The configuration's files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integrations.doctor.deployments import make_deployment
from yarnhub.base.errors import ConfigurationError
from yarnhub.integrations.doctor.configuration import check
from yarnhub.integrations.doctor.finding import Grade

if TYPE_CHECKING:
    from pathlib import Path

VALUES = {"yarn.resourcemanager.hostname": "rm.example.com"}


async def test_a_good_one(tmp_path: Path) -> None:
    deployment = make_deployment(tmp_path, VALUES)
    found = await check(deployment)
    assert found.grade is Grade.OK
    assert "rm.example.com:8032" in found.what
    assert deployment.configuration.get("yarn.resourcemanager.hostname") == "rm.example.com"


async def test_a_file_is_missing(tmp_path: Path) -> None:
    deployment = make_deployment(tmp_path, VALUES)
    (tmp_path / "core-site.xml").unlink()
    found = await check(deployment)
    assert found.grade is Grade.WARNING
    assert f"{tmp_path} has no core-site.xml" in found.what


async def test_nobody_says_where_the_cluster_is(tmp_path: Path) -> None:
    found = await check(make_deployment(tmp_path, {}))
    assert found.grade is Grade.WARNING
    assert "yarn.resourcemanager.hostname" in found.mend


async def test_bad_xml_is_named_with_its_line(tmp_path: Path) -> None:
    deployment = make_deployment(tmp_path, VALUES)
    (tmp_path / "yarn-site.xml").write_text("<configuration>\n<property>\n</configuration>\n")
    with pytest.raises(ConfigurationError, match=r"yarn-site.xml is not XML: .*line 3"):
        await check(deployment)


async def test_no_folder(tmp_path: Path) -> None:
    deployment = make_deployment(tmp_path, VALUES)
    for each in tmp_path.iterdir():
        each.unlink()
    tmp_path.rmdir()
    with pytest.raises(ConfigurationError, match=r"Hadoop configuration folder .* does not exist"):
        await check(deployment)
