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
from yarnhub.integrations.doctor.config_program import address_of
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


THEIRS = """\
import yarnspawner
c.YarnSpawner.denied_users = {"guest", "intern", "hdfs", "root"}
c.YarnSpawner.cluster_user = lambda spawner: spawner.user.name.lower()
c.YarnSpawner.principal, c.YarnSpawner.keytab = "hub", "/etc/hub.keytab"
c.KernelGateway.cluster_user = c.Platform.cluster_user = str.lower
c.Platform.database = "postgresql://platform:S3cret@db/platform"
yarnspawner.add_services(c, __file__, ["gateway", "platform"], url="https://hub.example.com")
"""
OURS = """\
import os
os.environ["HADOOP_CONF_DIR"] = {conf!r}
load_subconfig({theirs!r})
c.GenericOAuthenticator.client_secret = os.environ["OAUTH_SECRET"]
"""


async def look_at_two(folder: Path, theirs: str = THEIRS, more: str = "") -> Finding:
    """What is found for a hub with a secret in its variables, which reads the services' file."""
    (folder / "services.py").write_text(theirs)
    file = folder / "jupyterhub_config.py"
    file.write_text(OURS.format(conf=str(folder), theirs=str(folder / "services.py")) + more)
    options = DoctorOptions(
        environment=dict(os.environ),  # noqa: TID251
        hub_config=file,
    )
    checks = [each for each in CHECKS if each.name in NAMES[:2]]
    return [each async for each in run_checks(Deployment(options), checks)][-1]


@pytest.fixture
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTH_SECRET", "of the hub")


@pytest.mark.usefixtures("_secret")
async def test_a_file_for_the_services_that_the_hub_reads(tmp_path: Path) -> None:
    found = await look_at_two(tmp_path)
    assert (found.check, found.grade) == ("services", Grade.OK), found
    assert found.what.endswith(f"can read {tmp_path}/services.py")


@pytest.mark.usefixtures("_secret")
@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("c.YarnSpawner.denied_users.add('eve')", ["c.YarnSpawner.denied_users"]),
        ("c.YarnSpawner.cluster_user = None", ["c.YarnSpawner.cluster_user"]),
        ("c.KernelGateway.denied_users = {'eve'}", ["c.KernelGateway.denied_users"]),
        ("c.Platform.limits_database = c.Platform.database = 'sqlite:////a'", ["c.Platform."]),
        ("c.KernelGateway.limits_database = 'sqlite:////a'", ["c.KernelGateway.limits_database"]),
        ("c.KernelGateway.user_limit = {'kernels': 1}", ["c.KernelGateway.user_limit"]),
        ("c.Platform.audit_log = '/var/log/audit'", ["c.Platform.audit_log"]),
        ("c.Platform.principal = 'platform'", ["c.Platform.principal"]),
    ],
)
async def test_settings_that_the_services_would_not_have(
    tmp_path: Path, line: str, settings: list[str]
) -> None:
    found = await look_at_two(tmp_path, more=line)
    assert found.grade is Grade.ERROR
    assert all(each in found.what for each in settings), found
    assert "S3cret" not in found.line


@pytest.mark.usefixtures("_secret")
async def test_a_file_for_the_services_that_only_the_services_read(tmp_path: Path) -> None:
    bare = tmp_path / "bare.py"
    bare.write_text("c.KernelGateway.user_limit = {'kernels': 1}")
    ours = THEIRS.replace("__file__", repr(str(bare)))
    ours = ours.replace('["gateway"', '["dask-gateway", "gateway"')
    ours = ours.replace(
        "c.Platform.cluster_user", "c.HubAuthenticator.cluster_user = c.Platform.cluster_user"
    )
    found = await look_at_two(tmp_path, ours)
    assert found.grade is Grade.ERROR
    lost = {
        "KernelGateway": ("denied_users", "cluster_user", "principal", "keytab", "limits_database"),
        "YarnBackend": ("denied_users", "principal", "keytab", "limits_database"),
        "HubAuthenticator": ("denied_users", "cluster_user"),
        "Platform": ("denied_users", "cluster_user", "principal", "database", "audit_log"),
    }
    for section, names in lost.items():
        for name in names:
            assert f"c.{section}.{name}" in found.what


async def test_a_file_whose_settings_depend_on_the_process(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENIED", "eve")
    more = "c.YarnSpawner.denied_users = {os.environ.get('DENIED', '')}"
    found = (await look(tmp_path, port, more))["services"]
    assert found.grade is Grade.ERROR
    assert "c.KernelGateway.denied_users" in found.what


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


@pytest.mark.parametrize(
    "password", ["S3cr/Zqx", "S3cr#Zqx", "S3cr@Zqx", "S3cr?Zqx", "S3cr:1@Zqx/"]
)
async def test_no_part_of_a_password_is_shown(tmp_path: Path, port: int, password: str) -> None:
    url = f"postgresql://platform:{password}@127.0.0.1:{port}/platform"
    for each in (url, f"postgresql://127.0.0.1:{port}/platform?password={password}"):
        found = await look(tmp_path, port, f"c.Platform.database = {each!r}")
        assert found["hub's configuration"].grade is Grade.OK, found
        assert not any("S3cr" in shown.line or "Zqx" in shown.line for shown in found.values())


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("postgresql://platform:S3cr/et@db/platform", ("db", 5432)),
        ("postgresql+psycopg://platform:S3cr#et@db:99/platform", ("db", 99)),
        ("postgresql://platform:S3cr%40et@[2001:db8::1]/platform", ("2001:db8::1", 5432)),
        ("postgresql://db/platform?password=S3cret", ("db", 5432)),
        ("postgresql://platform:S3cr@et@db/platform", None),
        ("postgresql://db:99/platform?password=S3cr@et", None),
        ("postgresql://db:S3cr/et", None),
        ("postgresql:///platform", None),
        ("sqlite:////var/platform.sqlite", None),
        ("", None),
    ],
)
def test_the_address_of_a_database(url: str, address: tuple[str, int] | None) -> None:
    assert address_of(url) == address


async def test_a_database_that_responds(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        deployment = Deployment(DoctorOptions(environment={}))
        config = HubConfig(file=tmp_path, internal_ssl=True)
        deployment.hub = replace(config, database=listening.getsockname())
        assert (await services.check_database(deployment)).grade is Grade.OK
