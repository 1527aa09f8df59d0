"""Who a request is from."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest
from tornado.httpclient import HTTPClientError

from server.fake_hub import SCOPE, FakeHub
from server.gateway.serving import gateway
from yarnhub.server.hub.api import HubAddress
from yarnhub.server.hub.login import HubLogin

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.jupyter

PATHS = [
    ("GET", "/api/kernels"),
    ("POST", "/api/kernels"),
    ("GET", "/api/kernelspecs"),
    ("GET", "/api/kernelspecs/python3"),
    ("GET", "/kernelspecs/python3/logo-64x64.png"),
]


async def test_a_request_without_a_token_is_refused(tmp_path: Path) -> None:
    async with gateway(tmp_path) as served:
        for method, path in PATHS:
            assert (await served.request("", method, path)).status_code == 403, path
        for headers in (
            {"X-Remote-User": "alice"},
            {"Cookie": "username-127-0-0-1=alice"},
            {"Authorization": "Basic YWxpY2U6YWxpY2U="},
            {"Authorization": "token"},
            {"Authorization": "token a b"},
            {"Authorization": "Negotiate YQ=="},
        ):
            answer = await served.request("", "GET", "/api/kernels", headers=headers)
            assert answer.status_code == 403, headers
        # Tokens in URLs end up in the logs of proxies.
        assert (await served.request("", "GET", "/api/kernels?token=a")).status_code == 403
        assert served.hub.requests == []


async def test_a_token_that_the_hub_refuses_is_refused(tmp_path: Path) -> None:
    async with gateway(tmp_path) as served:
        kernel = await served.start("a")
        for method, path in PATHS:
            assert (await served.request("other", method, path)).status_code == 403, path
        with pytest.raises(HTTPClientError) as refused:
            await served.websocket("other", kernel)
        assert refused.value.code == 403


async def test_the_tokens_of_services_and_of_other_scopes_are_refused(tmp_path: Path) -> None:
    async with gateway(tmp_path) as served:
        served.hub.users |= {"s": "service:culler"}
        served.hub.scopes |= {"b": ["self", "access:services!service=other"]}

        assert (await served.request("s", "GET", "/api/kernels")).status_code == 403
        assert (await served.request("b", "GET", "/api/kernels")).status_code == 403
        served.hub.scopes |= {"a": ["access:services"]}
        assert (await served.request("a", "GET", "/api/kernels")).status_code == 200
        assert SCOPE


async def test_while_the_hub_does_not_work_nothing_is_said_to_be_gone(tmp_path: Path) -> None:
    async with gateway(tmp_path) as served:
        kernel = await served.start("a")
        served.hub.broken = True

        answer = await served.request("a", "GET", f"/api/kernels/{kernel}")

        assert answer.status_code == 503
        assert "hub" in answer.json()["message"]


async def test_the_accounts_of_services_have_no_kernels(tmp_path: Path) -> None:
    async with gateway(tmp_path) as served:
        served.hub.users |= {"r": "Root", "x": "alice/admin", "y": "a\nb"}

        for token in ("r", "x", "y"):
            answer = await served.request(token, "POST", "/api/kernels")
            assert answer.status_code == 403


async def test_answers_of_the_hub_are_used_for_a_short_time(tmp_path: Path) -> None:
    async with gateway(tmp_path, fresh=60) as served:
        for _ in range(5):
            await served.request("a", "GET", "/api/kernels")

        assert served.hub.requests.count("/hub/api/user") == 1


async def test_a_revoked_token_is_refused_and_its_websockets_are_closed(tmp_path: Path) -> None:
    async with gateway(tmp_path) as served:
        kernel = await served.start("a")
        websocket = await served.websocket("a", kernel)
        service = served.service
        await service.websockets.close_invalid(service.identities.is_valid)
        assert len(service.websockets) == 1

        served.hub.broken = True  # unknown is not revoked
        await service.websockets.close_invalid(service.identities.is_valid)
        assert len(service.websockets) == 1
        served.hub.broken = False
        del served.hub.users["a"]
        await service.websockets.close_invalid(service.identities.is_valid)

        while await websocket.read_message() is not None:
            pass
        assert websocket.close_code == 1008
        assert (await served.request("a", "GET", "/api/kernels")).status_code == 403


async def test_a_page_of_another_site_cannot_start_anything(tmp_path: Path) -> None:
    # A browser would send a Kerberos ticket by itself; there is none here, and no cookie.
    async with gateway(tmp_path) as served:
        answer = await served.request(
            "", "POST", "/api/kernels", headers={"Origin": "http://evil.example"}
        )
        assert answer.status_code == 403
        allowed = await served.request(
            "a", "GET", "/api/kernels", headers={"Origin": "http://evil.example"}
        )
        assert "Access-Control-Allow-Origin" not in allowed.headers


async def test_a_name_leads_to_no_other_path_of_the_hub() -> None:
    hub = FakeHub(groups={"..": ["fruit"]})
    address = HubAddress(api_url="http://hub/hub/api", api_token="t", scopes=frozenset())
    async with httpx.AsyncClient(transport=httpx.MockTransport(hub.answer)) as client:
        assert await HubLogin(address, client).groups("..") == {"fruit"}


LOADED = """
import sys
from yarnhub.server.hub.api import HubAddress
from yarnhub.server.hub.login import HubLogin
HubLogin(HubAddress(api_url="http://hub/hub/api", api_token="", scopes=frozenset()), None)
sys.exit("jupyterhub.services.auth" not in sys.modules)
"""


def test_the_hub_is_imported_before_the_first_request() -> None:
    """It takes seconds, in which the service would not answer others."""
    subprocess.run([sys.executable, "-c", LOADED], check=True)
