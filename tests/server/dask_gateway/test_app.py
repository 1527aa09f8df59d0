"""What the service takes from the hub, and what its configuration can change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dask_gateway_server.proxy import Proxy

from yarnhub.base.errors import ConfigurationError
from yarnhub.server.dask_gateway.app import HubDaskGateway, defaults
from yarnhub.server.dask_gateway.keys import read_keys

if TYPE_CHECKING:
    from pathlib import Path

HUB = {
    "JUPYTERHUB_API_URL": "http://127.0.0.1:8081/hub/api",
    "JUPYTERHUB_API_TOKEN": "of the service",
    "JUPYTERHUB_SERVICE_NAME": "dask-gateway",
    "JUPYTERHUB_SERVICE_PREFIX": "/services/dask-gateway/",
    "JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:8891",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The service's working folder."""
    monkeypatch.chdir(tmp_path)
    for name, value in HUB.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def configured(folder: Path, text: str) -> HubDaskGateway:
    path = folder / "config.py"
    path.write_text(text)
    app = HubDaskGateway()
    app.initialize(["-f", str(path)])
    return app


def test_it_needs_no_configuration(folder: Path) -> None:
    app = configured(folder, "")
    assert app.address == "127.0.0.1:8891"
    assert app.backend.db_url == "sqlite:///dask_gateway.sqlite"
    assert not app.backend.stop_clusters_on_shutdown
    assert not app.backend.proxy_serves_dashboards
    assert app.authenticator.hub.oauth.client_id == "service-dask-gateway"
    assert app.authenticator.hub.hub.scopes == {"access:services!service=dask-gateway"}


def test_the_configuration_wins(folder: Path) -> None:
    app = configured(
        folder,
        "c.DBBackendBase.db_url = 'sqlite:////var/dask.sqlite'\n"
        "c.HubAuthenticator.cluster_user = str.upper\n",
    )
    assert app.backend.db_url == "sqlite:////var/dask.sqlite"
    assert app.authenticator.cluster_user("alice") == "ALICE"


def test_the_file_can_be_the_hub_s(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    app = configured(
        folder,
        "c.Authenticator.allowed_users = {'alice'}\n"
        "c.Proxy.should_start = False\n"
        "c.ConfigurableHTTPProxy.api_url = 'http://127.0.0.1:8001'\n"
        "c.DaskProxy.address = '127.0.0.1:9786'\n",
    )
    assert Proxy(parent=app.backend, log=app.log).address == "127.0.0.1:9786"
    assert "not recognized" not in capfd.readouterr().err


def test_dask_gateway_s_own_file_is_taken(folder: Path) -> None:
    app = configured(folder, "c.Proxy.address = '127.0.0.1:9786'\n")
    assert Proxy(parent=app.backend, log=app.log).address == "127.0.0.1:9786"


@pytest.mark.parametrize(
    "text",
    [
        "c.DaskGateway.authenticator_class = 'dask_gateway_server.auth.SimpleAuthenticator'",
        "c.DaskGateway.backend_class = 'dask_gateway_server.backends.local.UnsafeLocalBackend'",
    ],
)
def test_what_would_let_others_in_is_refused(folder: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"leave c\.DaskGateway"):
        configured(folder, text)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://0.0.0.0:8891",
        "http://hub.example.com:8891",
        "http://127.0.0.1",
        "x",
        "http://[::",
    ],
)
def test_tokens_do_not_cross_the_network(folder: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match="JUPYTERHUB_SERVICE_URL"):
        defaults(HUB | {"JUPYTERHUB_SERVICE_URL": url}, read_keys(folder))


def test_without_a_hub_it_does_not_start(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN"):
        monkeypatch.delenv(name)
    with pytest.raises(ConfigurationError, match="service of JupyterHub"):
        configured(folder, "")
