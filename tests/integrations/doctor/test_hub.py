"""The hub's own configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from yarnhub.integrations.doctor import hub
from yarnhub.integrations.doctor.checks import CHECKS, run_checks
from yarnhub.integrations.doctor.deployment import Deployment, DoctorOptions
from yarnhub.integrations.doctor.finding import Grade

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.integrations.doctor.finding import Finding


async def look(file: Path, text: str, name: str = "connections to servers") -> Finding:
    """What one of the checks of a configuration finds."""
    file.write_text(text)
    deployment = Deployment(DoctorOptions(environment={}, hub_config=file))
    checks = [each for each in CHECKS if each.name in ("hub's configuration", name)]
    return [each async for each in run_checks(deployment, checks)][-1]


async def test_it_warns_where_servers_prove_nothing(tmp_path: Path) -> None:
    file = tmp_path / "jupyterhub_config.py"
    found = await look(file, "c.JupyterHub.port = 8000\n")
    assert found.grade is Grade.WARNING
    assert f"internal_ssl is off in {file}" in found.what
    assert "c.JupyterHub.internal_ssl = True" in found.mend


async def test_it_is_well_where_they_do(tmp_path: Path) -> None:
    (tmp_path / "more.py").write_text("c.JupyterHub.internal_ssl = True\n")
    text = "c = get_config()\nprint(1)\nload_subconfig('more.py')\n"
    found = await look(tmp_path / "jupyterhub_config.py", text)
    assert found.grade is Grade.OK


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("c.x = ", "SyntaxError"),
        ("raise KeyError('HUB')", "KeyError: 'HUB'"),
        (
            "import yarnspawner\nyarnspawner.add_services(c, __file__, ['kernels'])",
            "'kernels' is not one of",
        ),
    ],
)
async def test_a_file_that_cannot_be_read(text: str, said: str, tmp_path: Path) -> None:
    found = await look(tmp_path / "config.py", text, "hub's configuration")
    assert found.grade is Grade.ERROR
    assert said in found.what


async def test_without_a_file_it_says_how_to_name_it() -> None:
    found = await hub.check(Deployment(DoctorOptions(environment={})))
    assert found.grade is Grade.NOT_CHECKED
    assert "--hub-config" in found.what
