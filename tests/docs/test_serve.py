"""What the page on one configuration for everything says of it."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from traitlets.config.loader import PyFileConfigLoader

from docs.blocks import PROJECT, example_of
from yarnhub.cli.main import parser
from yarnhub.integrations.dask_gateway import YarnBackend
from yarnhub.integrations.doctor.hub_config import read_hub_config
from yarnhub.server.gateway.traits import KernelGateway
from yarnhub.server.platform.traits import Platform

if TYPE_CHECKING:
    from pathlib import Path

PAGE = PROJECT / "docs" / "howto" / "serve.md"
SERVICES = {
    "gateway": "http://127.0.0.1:8890",
    "dask-gateway": "http://127.0.0.1:8891",
    "platform": "http://127.0.0.1:8892",
}


def load(folder: Path, *lines: str) -> Any:
    """The page's statement, with other blocks of the page before it."""
    file = folder / "jupyterhub_config.py"
    blocks = [example_of(PAGE, line, {}) for line in (*lines, "yarnspawner.add_services(")]
    file.write_text("\n".join(blocks))
    return PyFileConfigLoader(str(file)).load_config()


def test_the_configuration_of_the_page_is_taken(tmp_path: Path) -> None:
    hub = load(tmp_path).JupyterHub
    assert {each["name"]: each["url"] for each in hub.services} == SERVICES
    assert all(
        each["command"][-1] == f"/var/lib/jupyterhub/services/{each['name']}"
        for each in hub.services
    )


async def test_a_file_with_a_secret_reads_the_file_of_the_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTH_CLIENT_SECRET", "of the hub")
    theirs, ours = tmp_path / "services.py", tmp_path / "jupyterhub_config.py"
    theirs.write_text(example_of(PAGE, "yarnspawner.add_services(", {}))
    block = example_of(PAGE, "load_subconfig(", {"/etc/jupyterhub/services.py": str(theirs)})
    ours.write_text(block)
    config = PyFileConfigLoader(str(ours)).load_config()
    assert config.GenericOAuthenticator.client_secret == "of the hub"
    of_hub = await read_hub_config(ours)
    of_services = await read_hub_config(theirs, {})
    assert {each.name: each.file for each in of_hub.services} == dict.fromkeys(SERVICES, theirs)
    assert of_services.shared == of_hub.shared


def test_a_service_for_some_users(tmp_path: Path) -> None:
    roles = load(tmp_path, "c.JupyterHub.load_roles").JupyterHub.load_roles
    (user,) = [each["scopes"] for each in roles if each["name"] == "user"]
    assert "access:services!service=platform" in user
    assert "access:services!service=gateway" not in user


@pytest.mark.parametrize("kind", [KernelGateway, YarnBackend, Platform])
def test_the_settings_of_the_page_are_taken(kind: Any, tmp_path: Path) -> None:
    config = load(tmp_path, "c.KernelGateway.user_limit")
    assert set(config[kind.__name__]) <= set(kind.class_trait_names(config=True))
    kind(config=config)  # refuses what a setting does not take
    assert {each["name"]: each["url"] for each in config.JupyterHub.services} == SERVICES
    address = config.YarnSpawner.environment["DASK_GATEWAY__PROXY_ADDRESS"]
    assert address == "gateway://hub.example.com:8786"


def test_the_unit_of_the_hub_starts_it() -> None:
    unit = (PROJECT / "docs" / "howto" / "hub.md").read_text("utf-8")
    (command,) = re.findall(r"(?m)^ExecStart=\S+/yarnhub (.*)", unit)
    parsed = parser().parse_args(shlex.split(command))
    assert (parsed.command, str(parsed.config)) == (
        *("serve", "/etc/jupyterhub/jupyterhub_config.py"),
    )
