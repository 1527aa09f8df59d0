"""The configuration that a hub begins with."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jupyterhub.app
import pytest
from jupyterhub.auth import Authenticator
from jupyterhub.proxy import ConfigurableHTTPProxy
from traitlets.config.loader import PyFileConfigLoader

import yarnspawner
from yarnhub.integrations.dask_gateway import YarnBackend
from yarnhub.integrations.jupyterhub.config_file import Facts, render
from yarnhub.server.gateway.traits import KernelGateway
from yarnhub.server.platform.traits import Platform

if TYPE_CHECKING:
    from pathlib import Path

CLASSES: dict[str, Any] = {
    "JupyterHub": jupyterhub.app.JupyterHub,
    "YarnSpawner": yarnspawner.YarnSpawner,
    "Authenticator": Authenticator,
    "ConfigurableHTTPProxy": ConfigurableHTTPProxy,
    "KernelGateway": KernelGateway,
    "YarnBackend": YarnBackend,
    "Platform": Platform,
}
BARE = Facts(conf_dir="/etc/hadoop/conf", host="hub.example.com", secure=False)
SECURE = replace(BARE, secure=True, unknown=("ResourceManager: cannot connect to rm:8032",))
FULL = replace(
    BARE,
    secure=True,
    principal="hub@EXAMPLE.COM",
    keytab="/etc/hub.keytab",
    queues=("root.b", "root.default"),
    memory=1536,
    vcores=4,
)


def load(facts: Facts, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HADOOP_CONF_DIR", "")  # which it sets
    file = folder / "jupyterhub_config.py"
    file.write_text(render(facts))
    return PyFileConfigLoader(str(file)).load_config()


@pytest.mark.parametrize("facts", [BARE, SECURE, FULL], ids=["bare", "secure", "full"])
def test_every_name_in_it_exists(facts: Facts) -> None:
    named = re.findall(r"\bc\.(\w+)\.(\w+)", render(facts))
    assert len(named) > 20
    for owner, trait in named:
        assert CLASSES[owner].class_traits(config=True).get(trait), f"{owner}.{trait}"


@pytest.mark.parametrize("facts", [BARE, SECURE, FULL], ids=["bare", "secure", "full"])
def test_it_is_a_configuration(
    facts: Facts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load(facts, tmp_path, monkeypatch)
    assert config.JupyterHub.spawner_class == "yarnspawner.YarnSpawner"
    assert config.JupyterHub.cleanup_servers is False
    assert config.JupyterHub.hub_connect_ip == "hub.example.com"


def test_what_is_known_stands_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spawner = load(FULL, tmp_path, monkeypatch).YarnSpawner
    assert spawner.principal == "hub@EXAMPLE.COM"
    assert spawner.keytab == "/etc/hub.keytab"
    assert spawner.queue == "root.default"
    assert spawner.mem_limit == "1536 M"


def test_what_is_not_known_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(SECURE, tmp_path, monkeypatch)
    assert "principal" not in config.YarnSpawner
    assert config.YarnSpawner.queue == "default"
    text = render(SECURE)
    assert "# - ResourceManager: cannot connect to rm:8032" in text
    assert "# Unknown: the hub's principal" in text
    assert "# Unknown: the queues" in text
    assert "# Unknown: the largest container" in text


def test_nobody_may_log_in_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(FULL, tmp_path, monkeypatch)
    assert config.Authenticator.allowed_users == set()
    assert "allow_all" not in config.Authenticator


@pytest.mark.parametrize("host", ["hub.example.com", "10.0.0.1"])
def test_all_prove_themselves_to_each_other(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = load(replace(FULL, host=host), tmp_path, monkeypatch).JupyterHub
    assert hub.internal_ssl is True
    kind = "IP" if host[0].isdigit() else "DNS"
    assert hub.trusted_alt_names == [f"{kind}:{host}"]
    culler = hub.services[0]["command"]
    assert f"--internal-certs-location={hub.internal_certs_location}" in culler


@pytest.mark.parametrize("facts", [BARE, SECURE, FULL], ids=["bare", "secure", "full"])
def test_its_lines_are_short(facts: Facts) -> None:
    assert max(map(len, render(facts).splitlines())) <= 100


@pytest.mark.parametrize("odd", ['a"b', "a\\b", "a\nb", "ä'b"])
def test_odd_names(odd: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spawner = load(replace(FULL, keytab=odd), tmp_path, monkeypatch).YarnSpawner
    assert spawner.keytab == odd


def test_services_are_those_that_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = replace(FULL, installed=frozenset({"gateway", "platform"}))
    hub = load(some, tmp_path, monkeypatch).JupyterHub
    assert [each["name"] for each in hub.services] == ["idle-culler", "gateway", "platform"]
    assert {each["name"] for each in hub.load_roles} == {
        *("idle-culler", "user", "server", "look-up-groups"),
    }
    assert "pip install 'yarnhub[dask-gateway]'" in render(some)


def test_a_service_is_one_step_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HADOOP_CONF_DIR", "")
    file = tmp_path / "jupyterhub_config.py"
    file.write_text(render(FULL).replace('# "dask-gateway"', '"dask-gateway"'))
    config = PyFileConfigLoader(str(file)).load_config()
    assert [each["name"] for each in config.JupyterHub.services] == ["idle-culler", "dask-gateway"]
    assert config.YarnBackend.keytab == FULL.keytab
    assert config.YarnSpawner.environment == {
        "DASK_GATEWAY__ADDRESS": "https://hub.example.com/services/dask-gateway",
        "DASK_GATEWAY__PROXY_ADDRESS": "gateway://hub.example.com:8786",
    }
