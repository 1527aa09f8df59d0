"""The login of browsers at the hub, whatever framework serves it."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from server.fake_hub import SCOPE, FakeHub
from yarnhub.server.hub.api import HubAddress
from yarnhub.server.hub.oauth import HubOAuth, LoginRefusedError, OAuthClient

OF_HUB = HubAddress(api_url="http://hub/hub/api", api_token="service", scopes=frozenset({SCOPE}))
CLIENT = OAuthClient(
    hub_url="/hub/",
    client_id="service-x",
    callback="/services/x/oauth_callback",
    home="/services/x/",
)


@pytest.mark.parametrize(
    ("public", "headers", "secure"),
    [
        (None, {}, False),
        (None, {"X-Forwarded-Proto": "HTTPS, http"}, True),
        (None, {"X-Forwarded-Proto": "http, https"}, False),
        (True, {"X-Forwarded-Proto": "http"}, True),
        (False, {"X-Forwarded-Proto": "https"}, False),
    ],
)
async def test_cookies_are_for_https_only_if_browsers_use_it(
    public: bool | None, headers: dict[str, str], secure: bool
) -> None:
    async with httpx.AsyncClient() as client:
        oauth = HubOAuth(OF_HUB, replace(CLIENT, is_public_https=public), client)
        assert oauth.cookie_options(headers)["secure"] is secure


async def test_two_tabs_can_log_in_at_the_same_time() -> None:
    hub = FakeHub()
    async with httpx.AsyncClient(transport=httpx.MockTransport(hub.respond)) as client:
        oauth = HubOAuth(OF_HUB, CLIENT, client)
        tabs = [oauth.begin(f"/services/x/{each}", {}) for each in ("one", "two")]
        cookies = {each.cookie: each.value for each in tabs}
        for tab, page in zip(tabs, ("one", "two"), strict=True):
            query = httpx.URL(hub.authorize(tab.url, "a")).params
            login = await oauth.finish(query["code"], query["state"], cookies)
            assert (login.token, login.page) == ("a", f"/services/x/{page}")
            del cookies[login.cookie]


async def test_what_was_begun_with_another_secret_is_refused() -> None:
    hub = FakeHub()
    async with httpx.AsyncClient(transport=httpx.MockTransport(hub.respond)) as client:
        oauth = HubOAuth(OF_HUB, CLIENT, client)
        mine, stolen = oauth.begin("/services/x/", {}), oauth.begin("/services/x/", {})
        query = httpx.URL(hub.authorize(stolen.url, "a")).params
        with pytest.raises(LoginRefusedError, match="begun in another"):
            await oauth.finish(query["code"], query["state"], {stolen.cookie: mine.value})


async def test_logins_that_have_begun_fit_into_a_request() -> None:
    async with httpx.AsyncClient() as client:
        oauth = HubOAuth(OF_HUB, CLIENT, client)
        cookies: dict[str, str] = {}
        for number in range(100):
            page = f"/services/x/{number}?{'long' * 1000}"
            login = oauth.begin(page, cookies)
            cookies[login.cookie] = login.value
        assert sum(map(len, (*cookies, *cookies.values()))) < 5000


async def test_why_the_hub_refuses_a_login_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"error": "invalid_client"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(refuse)) as client:
        oauth = HubOAuth(OF_HUB, CLIENT, client)
        login = oauth.begin("/services/x/", {})
        state = httpx.URL(login.url).params["state"]
        with pytest.raises(LoginRefusedError, match="Log in again"):
            await oauth.finish("code", state, {login.cookie: login.value})
    assert "the hub refuses a login: 401 invalid_client" in caplog.text
