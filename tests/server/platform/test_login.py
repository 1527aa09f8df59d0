"""The login of browsers, and what proves that a request is one of our pages'."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from server.platform.browsing import form_token, ids
from yarnhub.server.platform.pages.login import COOKIE

if TYPE_CHECKING:
    from server.platform.serving import Platform

MAX_COOKIES = 10_000
"""Characters: Node.js, and so the hub's proxy, refuses headers of more than 16 KiB together."""


async def test_a_browser_logs_in_at_the_hub_and_comes_back_to_its_page(served: Platform) -> None:
    number = served.yarn.submit(name="nap")
    await served.seen()
    browser = served.browser()
    page = await served.visit("/applications?user=alice", "a", browser)
    assert page.status_code == 200
    assert str(page.url) == "http://platform/hub/applications?user=alice"
    assert ids(page) == [str(number)]
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert (await browser.get("/hub/")).status_code == 200


async def test_the_cookie_is_for_this_service_only_and_no_script_reads_it(
    served: Platform,
) -> None:
    browser = served.browser()
    asked = await browser.get("/hub/applications")
    begun = asked.headers["Set-Cookie"]
    back = await browser.get(served.hub.authorize(asked.headers["Location"], "a"))
    for cookie in (begun, *back.headers.get_list("Set-Cookie")):
        assert "HttpOnly" in cookie
        assert "Path=/hub/" in cookie
        assert "SameSite=lax" in cookie
        assert "Secure" not in cookie
    https = {"X-Forwarded-Proto": "https"}
    asked = await served.browser().get("/hub/applications", headers=https)
    assert "Secure" in asked.headers["Set-Cookie"]


async def test_a_login_of_another_browser_is_refused(served: Platform) -> None:
    asked = await served.browser().get("/hub/applications")
    back = served.hub.authorize(asked.headers["Location"], "b")
    refused = await served.browser().get(back)
    assert refused.status_code == 403
    assert "begun in another browser" in refused.text
    assert len(served.service.sessions) == 0


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/applications?text=a%20b%26c", "/hub/applications?text=a%20b%26c"),
        ("/applications/x%20y%25z", "/hub/applications/x%20y%25z"),
        ("/applications?text=" + "%C3%A4" * 400, "/hub/applications"),
    ],
)
async def test_any_address_is_kept_during_a_login(served: Platform, path: str, wanted: str) -> None:
    browser = served.browser()
    asked = await browser.get(f"/hub{path}")
    back = await browser.get(served.hub.authorize(asked.headers["Location"], "a"))
    assert back.headers["Location"] == wanted


@pytest.mark.parametrize("wanted", ["//evil.example/", "https://evil.example/", "/hub\\evil", "/x"])
async def test_a_login_leads_to_pages_of_the_service_only(served: Platform, wanted: str) -> None:
    import base64

    browser = served.browser()
    asked = await browser.get("/hub/applications")
    (cookie,) = list(browser.cookies.jar)
    kept = base64.urlsafe_b64decode(cookie.value or "").decode().rpartition(" ")[0]
    changed = base64.urlsafe_b64encode(f"{kept} {wanted}".encode()).decode()
    browser.cookies.set(cookie.name, changed, domain=cookie.domain, path=cookie.path)
    back = await browser.get(served.hub.authorize(asked.headers["Location"], "a"))
    assert back.status_code == 303
    assert back.headers["Location"] == "/hub/"


async def test_logins_that_are_begun_while_the_hub_is_away_do_not_fill_the_browser(
    served: Platform,
) -> None:
    browser = served.browser()
    begun = []
    for number in range(100):
        begun.append(await browser.get(f"/hub/applications?text={number}"))
        sent = "; ".join(f"{each.name}={each.value}" for each in browser.cookies.jar)
        assert len(sent) < MAX_COOKIES
    begun.append(await browser.get(f"/hub/applications?text={'x' * 1900}"))
    for asked in begun[-2:]:  # the latest ones, as of tabs that are open
        back = await browser.get(served.hub.authorize(asked.headers["Location"], "a"))
        assert back.status_code == 303


async def test_a_code_works_once(served: Platform) -> None:
    browser = served.browser()
    asked = await browser.get("/hub/applications")
    cookies = dict(browser.cookies)
    back = served.hub.authorize(asked.headers["Location"], "a")
    assert (await browser.get(back)).status_code == 303
    browser.cookies.update(cookies)
    refused = await browser.get(back)
    assert refused.status_code == 403
    assert "Log in again" in refused.text


@pytest.mark.parametrize(("token", "words"), [("unknown", "may not access"), ("r", "root")])
async def test_who_may_not_use_the_service_is_told_and_not_sent_around(
    served: Platform, token: str, words: str
) -> None:
    browser = served.browser()
    asked = await browser.get("/hub/applications")
    refused = await browser.get(served.hub.authorize(asked.headers["Location"], token))
    assert refused.status_code == 403
    assert words in refused.text


async def test_a_revoked_login_leads_to_the_hub_again(served: Platform) -> None:
    browser = served.browser()
    await served.visit("/applications", "a", browser)
    del served.hub.users["a"]
    assert (await browser.get("/hub/applications")).status_code == 302
    scripted = await browser.get("/hub/applications", headers={"HX-Request": "true"})
    assert scripted.status_code == 401
    assert scripted.headers["HX-Refresh"] == "true"


async def test_logging_out_ends_the_login_here_and_at_the_hub(served: Platform) -> None:
    browser = served.browser()
    page = await served.visit("/applications", "a", browser)
    out = await browser.post("/hub/logout", data={"form_token": form_token(page)})
    assert out.headers["Location"] == "/logout"
    assert len(served.service.sessions) == 0
    assert (await browser.get("/hub/applications")).status_code == 302


async def test_a_token_in_a_header_opens_no_page(served: Platform) -> None:
    answer = await served.browser().get("/hub/applications", headers={"Authorization": "token a"})
    assert answer.status_code == 302


async def test_a_cookie_opens_no_api(served: Platform) -> None:
    browser = served.browser()
    await served.visit("/applications", "a", browser)
    assert (await browser.get("/hub/api/v1/applications")).status_code == 401


async def test_a_form_without_a_login_leads_to_where_it_was(served: Platform) -> None:
    number = served.yarn.submit()
    browser = served.browser()
    lost = await browser.post(f"/hub/applications/{number}/kill", data={"form_token": "x"})
    assert (lost.status_code, lost.headers["Location"]) == (303, f"/hub/applications/{number}")
    out = await browser.post("/hub/logout", data={"form_token": "x"})
    assert (out.status_code, out.headers["Location"]) == (303, "/logout")
    assert served.recorded() == []


async def test_a_form_works_after_another_tab_has_logged_in(served: Platform) -> None:
    browser = served.browser()
    first = await served.visit("/applications", "a", browser)
    browser.cookies.delete(COOKIE)
    second = await served.visit("/applications", "a", browser)
    assert form_token(first) == form_token(second)
    bobs = await served.visit("/applications", "b")
    assert form_token(bobs) != form_token(first)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
        ({"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
        ({"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}, 403),
        ({"Sec-Fetch-Mode": "same-origin", "X-Page-Token": "wrong"}, 403),
        ({"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 403),
    ],
)
async def test_scripts_of_notebook_servers_do_not_read_pages(
    served: Platform, headers: dict[str, str], status: int
) -> None:
    browser = served.browser()
    await served.visit("/applications", "a", browser)
    answer = await browser.get("/hub/applications", headers=headers)
    assert answer.status_code == status
    assert ('name="form_token"' in answer.text) is (status == 200)


async def test_our_own_scripts_prove_that_they_are_ours(served: Platform) -> None:
    browser = served.browser()
    page = await served.visit("/applications", "a", browser)
    found = re.search(r'<meta name="page-token" content="([^"]+)">', page.text)
    assert found
    headers = {"Sec-Fetch-Mode": "cors", "X-Page-Token": found[1]}
    assert (await browser.get("/hub/applications", headers=headers)).status_code == 200
