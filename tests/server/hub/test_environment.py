"""What a service takes from the hub's variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from certipy import Certipy

from yarnhub.server.hub.environment import read_hub_environment

if TYPE_CHECKING:
    from pathlib import Path

HUB = {
    "JUPYTERHUB_API_URL": "https://127.0.0.1:8081/hub/api",
    "JUPYTERHUB_API_TOKEN": "of the service",
    "JUPYTERHUB_SERVICE_NAME": "platform",
}


@pytest.fixture
def certificates(tmp_path: Path) -> dict[str, str]:
    """Variables of a hub with `internal_ssl`."""
    maker = Certipy(store_dir=str(tmp_path))
    maker.create_ca("services-ca")
    files = maker.create_signed_pair("platform", "services-ca")["files"]
    trusted = maker.trust_from_graph({"services-ca": ["services-ca"]})
    return {
        "JUPYTERHUB_SSL_KEYFILE": files["key"],
        "JUPYTERHUB_SSL_CERTFILE": files["cert"],
        "JUPYTERHUB_SSL_CLIENT_CA": trusted["services-ca"],
    }


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_service_listens_as_its_url_says(scheme: str, certificates: dict[str, str]) -> None:
    url = {"JUPYTERHUB_SERVICE_URL": f"{scheme}://127.0.0.1:8892"}
    found = read_hub_environment(HUB | certificates | url)
    assert found is not None
    assert found.client_tls is not None
    assert (found.server_tls is not None) == (scheme == "https")


def test_without_a_url_it_uses_the_certificates_that_it_has(certificates: dict[str, str]) -> None:
    found = read_hub_environment(HUB | certificates)
    assert found is not None
    assert found.server_tls is not None
