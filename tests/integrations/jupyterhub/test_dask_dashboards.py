"""What a user's server sets for Dask, and what it shows."""

from __future__ import annotations

import pytest

from yarnhub.integrations.jupyterhub import dask_dashboards
from yarnhub.integrations.jupyterhub.dask_dashboards import prepare, routes

SERVER = {
    "JUPYTERHUB_SERVICE_PREFIX": "/user/alice/",
    "DASK_GATEWAY__ADDRESS": "https://hub.example.com/services/dask-gateway",
}


@pytest.fixture
def panel(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment with dask-labextension."""
    monkeypatch.setattr(dask_dashboards, "find_spec", lambda _: object())


def test_without_dask_nothing_is_set() -> None:
    variables = {"JUPYTERHUB_SERVICE_PREFIX": "/user/alice/"}
    prepare(variables)
    assert set(variables) == {"JUPYTERHUB_SERVICE_PREFIX"}
    assert routes("/user/alice/", variables) == []


@pytest.mark.usefixtures("panel")
def test_gateway_needs_no_arguments_and_dashboards_are_the_servers_pages() -> None:
    variables = dict(SERVER)
    prepare(variables)
    assert variables["DASK_GATEWAY__AUTH__TYPE"] == "jupyterhub"
    assert variables["DASK_LABEXTENSION__FACTORY__CLASS"] == "GatewayCluster"
    assert variables["DASK_GATEWAY__PUBLIC_ADDRESS"] == "/user/alice/proxy/dask-gateway"


@pytest.mark.usefixtures("panel")
def test_what_the_administrator_has_set_stays() -> None:
    own = {"DASK_GATEWAY__AUTH__TYPE": "kerberos", "DASK_GATEWAY__PUBLIC_ADDRESS": "https://x"}
    variables = SERVER | own
    prepare(variables)
    assert own.items() <= variables.items()
    assert routes("/user/alice/", variables) == []


def test_without_the_panel_dashboards_are_the_services_pages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dask_dashboards, "find_spec", lambda _: None)
    variables = dict(SERVER)
    prepare(variables)
    assert "DASK_GATEWAY__PUBLIC_ADDRESS" not in variables
    assert routes("/user/alice/", variables) == []
