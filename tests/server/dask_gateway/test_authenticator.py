"""Who a request with a token of the hub is from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from aiohttp import web

from yarnhub.server.dask_gateway.authenticator import HubAuthenticator
from yarnhub.server.dask_gateway.identities import Identity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# dask-gateway finds the user by a plain name.
pytestmark = pytest.mark.filterwarnings("ignore::aiohttp.web_exceptions.NotAppKeyWarning")

OF_TOKENS = {
    "all": Identity(name="root", cluster_user="shared", groups=("staff",), admin=True),
    "few": Identity(name="bob", cluster_user="shared"),
}


@pytest.fixture
def authenticator(monkeypatch: pytest.MonkeyPatch) -> HubAuthenticator:
    for name, value in (
        ("API_URL", "http://127.0.0.1:8081/hub/api"),
        ("API_TOKEN", "of the service"),
        ("SERVICE_NAME", "dask-gateway"),
        ("SERVICE_PREFIX", "/services/dask-gateway/"),
    ):
        monkeypatch.setenv(f"JUPYTERHUB_{name}", value)

    async def of_token(token: str) -> Identity | None:
        return OF_TOKENS.get(token)

    authenticator = HubAuthenticator()
    identities: Any = SimpleNamespace(of_token=of_token)
    authenticator.identities = identities
    return authenticator


@pytest.fixture
async def client(authenticator: HubAuthenticator) -> AsyncIterator[httpx.AsyncClient]:
    """A program, whose requests are answered with who it is."""

    async def tell(request: web.Request) -> web.Response:
        user = request["user"]
        return web.json_response([user.name, user.admin, sorted(user.groups)])

    async def answer(request: web.Request) -> web.StreamResponse:
        return await authenticator.authenticate_and_handle(request, tell)

    app = web.Application()
    app.add_routes([web.get("/", answer)])
    runner = web.AppRunner(app, shutdown_timeout=5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            yield client
    finally:
        await runner.cleanup()


async def test_a_token_has_its_own_rights_only(client: httpx.AsyncClient) -> None:
    of_all, of_few = ({"Authorization": f"jupyterhub {each}"} for each in ("all", "few"))
    assert (await client.get("/", headers=of_all)).json() == ["shared", True, ["staff"]]
    for _ in range(2):  # the client sends the cookies that it has got
        assert (await client.get("/", headers=of_few)).json() == ["shared", False, []]


async def test_a_cookie_does_not_replace_a_token(client: httpx.AsyncClient) -> None:
    answer = await client.get("/", headers={"Authorization": "jupyterhub all"})
    assert not answer.cookies
    assert (await client.get("/")).status_code == 401
