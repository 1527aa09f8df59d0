"""The services that a hub starts, before it starts them."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from yarnhub.cluster.ports import choose_ports
from yarnhub.integrations.doctor import services
from yarnhub.integrations.doctor.checks import CHECKS, run_checks
from yarnhub.integrations.doctor.deployment import Deployment, DoctorOptions
from yarnhub.integrations.doctor.finding import Grade
from yarnhub.integrations.doctor.hub_config import HubConfig

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.integrations.doctor.finding import Finding

NAMES = (
    "hub's configuration",
    "services",
    "services' folders",
    "services' ports",
    "platform's database",
)
CONFIG = """\
import os, yarnspawner
c = get_config()
os.environ["HADOOP_CONF_DIR"] = {conf!r}
c.JupyterHub.services = [{{"name": "idle-culler", "command": ["cull"]}}, {{"name": "external"}}]
c.KernelGateway.port = {port}
{more}
yarnspawner.add_services(
    c, __file__, ["gateway", "platform"], url="https://hub.example.com", state={state!r}
)
"""


@pytest.fixture
def port() -> int:
    return choose_ports(["gateway"], {})["gateway"]


async def look(folder: Path, port: int, more: str = "", **variables: str) -> dict[str, Finding]:
    """What the checks find for a hub with two services."""
    file = folder / "jupyterhub_config.py"
    state = str(folder / "state")
    file.write_text(CONFIG.format(conf=str(folder), port=port, more=more, state=state))
    options = DoctorOptions(environment={**os.environ, **variables}, hub_config=file)  # noqa: TID251
    checks = [each for each in CHECKS if each.name in NAMES]
    return {each.check: each async for each in run_checks(Deployment(options), checks)}


async def test_services_that_can_start(tmp_path: Path, port: int) -> None:
    found = await look(tmp_path, port)
    assert {each.grade for each in found.values()} == {Grade.OK}, found
    assert found["hub's configuration"].what.endswith("the hub starts gateway, platform")
    assert not (tmp_path / "state").exists()


async def test_a_service_that_is_not_installed(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = services.NEEDED["platform"]._replace(packages=("no_such_package",))
    monkeypatch.setitem(services.NEEDED, "platform", needed)
    found = (await look(tmp_path, port))["services"]
    assert found.grade is Grade.ERROR
    assert found.what == "not installed here: platform"
    assert found.mend == "`pip install 'yarnhub[platform]'`"


async def test_a_file_that_only_the_hub_can_read(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTH_SECRET", "of the hub")
    found = await look(tmp_path, port, "secret = os.environ['OAUTH_SECRET']")
    assert found["hub's configuration"].grade is Grade.OK
    assert found["services"].grade is Grade.ERROR
    assert "KeyError: 'OAUTH_SECRET', as the services read it" in found["services"].what
    assert "a file of their own" in found["services"].mend


async def test_a_cluster_that_is_not_configured(tmp_path: Path, port: int) -> None:
    more = "os.environ['HADOOP_CONF_DIR'] = '/no/such/folder'"
    found = (await look(tmp_path, port, more))["services"]
    assert found.grade is Grade.ERROR
    assert "/no/such/folder does not exist" in found.what


async def test_a_folder_that_others_can_read(tmp_path: Path, port: int) -> None:
    for name, mode in (("gateway", 0o700), ("platform", 0o755)):
        (tmp_path / "state" / name).mkdir(parents=True)
        (tmp_path / "state" / name).chmod(mode)
    found = (await look(tmp_path, port))["services' folders"]
    assert found.grade is Grade.ERROR
    assert found.what == f"other users have access to {tmp_path}/state/platform"


async def test_a_port_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        found = (await look(tmp_path, port))["services' ports"]
        assert found.grade is Grade.OK
        assert found.what == "in use by this account: gateway"
        monkeypatch.setattr(services, "_listeners", lambda _: {os.geteuid() + 1})
        found = (await look(tmp_path, port))["services' ports"]
    assert found.grade is Grade.ERROR
    assert f"another user listens on port {port}, which is gateway's" in found.what


async def test_a_database_that_does_not_respond(tmp_path: Path, port: int) -> None:
    url = f"postgresql://platform:secret@127.0.0.1:{port}/platform"
    found = (await look(tmp_path, port, f"c.Platform.database = {url!r}"))["platform's database"]
    assert found.grade is Grade.ERROR
    assert f"127.0.0.1:{port} cannot be reached: " in found.what
    assert "secret" not in found.line


async def test_a_database_that_responds(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        deployment = Deployment(DoctorOptions(environment={}))
        config = HubConfig(file=tmp_path, internal_ssl=True)
        deployment.hub = replace(config, database=listening.getsockname())
        assert (await services.check_database(deployment)).grade is Grade.OK
