"""The pages of limits: administrators change them, and users see their own on Home."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

import pytest

from server.platform.answers import until
from server.platform.browsing import form_token
from server.platform.serving import administered
from yarnhub.database.errors import DatabaseUnavailableError
from yarnhub.database.limits import LimitStore
from yarnhub.sessions.limits import Limit, Scope, Whom

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

    from server.platform.serving import Platform

HOSTILE = "<script>alert(1)</script>&\"'"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Platform]:
    async with administered(tmp_path) as served:
        yield served


@pytest.fixture
async def browser(served: Platform) -> httpx.AsyncClient:
    """The browser of an administrator."""
    browser = served.browser()
    await served.visit("/limits", "c", browser)
    return browser


async def send(browser: httpx.AsyncClient, action: str, page: str = "", **fields: str) -> Any:
    """What the form of a page answers, with some fields filled in."""
    shown = await browser.get(f"/hub/limits{page}")
    assert shown.status_code == 200, shown.text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', shown.text))
    sent = {name: html.unescape(value) for name, value in hidden.items()} | fields
    return await browser.post(f"/hub/limits/{action}", data=sent)


async def entries(served: Platform) -> dict[tuple[str, Whom], Limit]:
    return {(each.kind, each.whom): each.limit for each in await served.service.limits.entries()}


def problems(answer: httpx.Response) -> dict[str, str]:
    """The words at each field that has a problem."""
    found = re.findall(r'<small id="(\w+)-problem"[^>]*>([^<]+)</small>', answer.text)
    return {name: html.unescape(words) for name, words in found}


async def test_a_limit_of_a_user_whom_the_hub_does_not_have_is_set_with_a_warning(
    served: Platform, browser: httpx.AsyncClient
) -> None:
    async def saved(**fields: str) -> str:
        answer = await send(browser, "edit", "/edit", count="5", **fields)
        assert answer.status_code == 303, answer.text
        return (await browser.get(answer.headers["Location"])).text

    served.hub.unknown = frozenset({"alcie", "ml"})
    warning = "JupyterHub has no user <bdi>alcie</bdi>"
    assert warning in await saved(kind="kernels", scope="user", name="alcie")
    assert "has no user" not in await saved(kind="kernels", scope="user", name="alice")
    # Names on the cluster and of groups are not looked up.
    assert "has no user" not in await saved(kind="clusters", scope="user", name="alcie")
    assert "has no user" not in await saved(kind="kernels", scope="group", name="ml")
    assert len(await entries(served)) == 4

    # A link of somebody else shows nothing that is not so.
    assert "has no user" not in (await browser.get("/hub/limits?kind=kernels&name=ml")).text
    served.hub.unknown = frozenset()
    assert "has no user" not in (await browser.get("/hub/limits?kind=kernels&name=alcie")).text


async def test_an_administrator_sets_changes_and_removes_a_limit(
    served: Platform, browser: httpx.AsyncClient
) -> None:
    each = Whom(Scope.EACH_USER)
    saved = await send(browser, "edit", "/edit", kind="kernels", count="5", memory="64 GiB")
    assert (saved.status_code, saved.headers["Location"]) == (303, "/hub/limits")
    assert await entries(served) == {("kernels", each): Limit(count=5, memory=64 << 30)}
    shown = (await browser.get("/hub/limits")).text
    assert "64 GiB" in shown
    assert "carol" in shown

    edit = "/edit?kind=kernels&scope=each-user&name="
    form = (await browser.get(f"/hub/limits{edit}")).text
    assert 'value="64 GiB"' in form
    saved = await send(browser, "edit", edit, count="4", memory="")
    assert saved.status_code == 303, saved.text
    assert await entries(served) == {("kernels", each): Limit(count=4)}

    removed = await send(browser, "remove")
    assert (removed.status_code, removed.headers["Location"]) == (303, "/hub/limits")
    assert await entries(served) == {}
    audit = (await browser.get("/hub/limits")).text
    assert "kind: kernels, scope: each-user, removed: True" in audit


@pytest.mark.parametrize(
    ("fields", "name", "words"),
    [
        ({"count": "-1"}, "count", "Must be a whole number from 0 to 1,000,000."),
        ({"count": "9" * 40}, "count", "Must be a whole number from 0 to 1,000,000."),
        ({"count": "٣"}, "count", "Must be a whole number"),
        ({"count": "1.5"}, "count", "Must be a whole number"),
        ({"vcores": "x"}, "vcores", "Must be a whole number"),
        ({"memory": "much"}, "memory", "Must be an amount of memory, such as 64 GiB."),
        ({"memory": "-1 GiB"}, "memory", "Must be an amount of memory"),
        ({"memory": "9999999 PiB"}, "memory", "Must be at most"),
        ({"memory": "9" * 1000}, "memory", "Must be at most"),
        ({}, "count", "Enter a number, memory or vcores"),
        ({"scope": "user", "count": "1"}, "name", "Enter the name of the user."),
        ({"scope": "group", "count": "1"}, "name", "Enter the name of the group."),
        ({"name": "bob", "count": "1"}, "name", "Must be empty: this limit is for all users."),
        ({"scope": "user", "name": "a\u202eb", "count": "1"}, "name", "Has characters that no"),
        ({"scope": "user", "name": "x" * 256, "count": "1"}, "name", "Has more than 255"),
        ({"kind": "builds", "memory": "1 GiB"}, "memory", "Only the number of builds"),
        ({"kind": "boats", "count": "1"}, "kind", "Choose one of the list."),
        ({"scope": "some", "count": "1"}, "scope", "Choose one of the list."),
    ],
)
async def test_a_problem_is_at_its_field(
    served: Platform, browser: httpx.AsyncClient, fields: dict[str, str], name: str, words: str
) -> None:
    answer = await send(browser, "edit", "/edit", **{"scope": "each-user", **fields})
    assert answer.status_code == 422
    found = problems(answer)
    assert list(found) == [name]
    assert found[name].startswith(words)
    assert await entries(served) == {}


async def test_a_name_is_shown_as_it_is_and_runs_nothing(
    served: Platform, browser: httpx.AsyncClient
) -> None:
    saved = await send(browser, "edit", "/edit", scope="group", name=HOSTILE, count="0")
    assert saved.status_code == 303, saved.text
    assert list(await entries(served)) == [("servers", Whom(Scope.GROUP, HOSTILE))]
    shown = (await browser.get("/hub/limits")).text
    assert "<script>alert" not in shown
    (edit,) = re.findall(r'href="/hub/limits(/edit\?[^"]+)"', shown)
    assert (await send(browser, "edit", html.unescape(edit), count="1")).status_code == 303
    assert list((await entries(served)).values()) == [Limit(count=1)]
    assert (await send(browser, "remove")).status_code == 303
    assert await entries(served) == {}


async def test_of_two_administrators_at_once_the_second_is_told(
    served: Platform, browser: httpx.AsyncClient
) -> None:
    served.hub.groups["dave"] = ["admins"]
    other = served.browser()
    await served.visit("/limits", "d", other)
    token = form_token(await other.get("/hub/limits/edit"))
    await send(browser, "edit", "/edit", count="1")
    new = {"form_token": token, "kind": "servers", "scope": "each-user", "count": "2"}
    refused = await other.post("/hub/limits/edit", data=new)
    assert refused.status_code == 412
    assert "carol has already set it." in refused.text
    assert 'value="2"' in refused.text
    again = re.findall(r'href="/hub/limits(/edit\?[^"]+)">Show it as it is now', refused.text)
    assert (await send(other, "edit", html.unescape(again[0]), count="3")).status_code == 303

    (entry,) = await served.service.limits.entries()
    old = {"revision": "old", "form_token": form_token(await browser.get("/hub/limits"))}
    removed = await browser.post(
        "/hub/limits/remove", data={**old, "kind": "servers", "scope": "each-user", "name": ""}
    )
    assert removed.status_code == 412
    assert "dave has changed it." in removed.text
    assert entry.limit == Limit(count=3)


async def test_others_do_not_see_it_and_a_former_administrator_changes_nothing(
    served: Platform,
) -> None:
    user = served.browser()
    home = await served.visit("/", "a", user)
    assert "/hub/limits" not in home.text
    for path in ("/hub/limits", "/hub/limits/edit"):
        refused = await user.get(path)
        assert refused.status_code == 403
        assert "Only administrators" in refused.text
    fields = {"form_token": form_token(home), "kind": "servers", "scope": "each-user", "count": "9"}
    for action in ("edit", "remove"):
        assert (await user.post(f"/hub/limits/{action}", data=fields)).status_code == 403

    served.hub.groups["dave"] = ["admins"]
    former = served.browser()
    opened = await served.visit("/limits/edit", "d", former)
    assert 'href="/hub/limits"' in opened.text
    served.hub.groups["dave"] = []
    fields |= {"form_token": form_token(opened)}
    assert (await former.post("/hub/limits/edit", data=fields)).status_code == 403
    assert await entries(served) == {}


async def test_a_form_of_another_page_changes_nothing(
    served: Platform, browser: httpx.AsyncClient
) -> None:
    fields = {"kind": "servers", "scope": "each-user", "count": "9"}
    for action in ("edit", "remove"):
        refused = await browser.post(f"/hub/limits/{action}", data=fields)
        assert refused.status_code == 403
        assert "too old" in refused.text
    assert await entries(served) == {}


async def test_who_holds_what_is_shown(served: Platform, browser: httpx.AsyncClient) -> None:
    for user, tag in (("alice", "kernel"), ("alice", "jupyterhub"), ("bob", "dask-gateway")):
        served.yarn.run(served.yarn.submit(user, (tag,), application_type="skein"))
    served.yarn.submit("mallory")  # another application
    await served.seen()
    shown = (await browser.get("/hub/limits")).text
    table = shown[shown.index('aria-label="In use"') :]
    rows = re.findall(
        r'<tr>\n<th scope="row"><a [^>]*><bdi>(\w+)</bdi>(.*?)</tr>', table, re.DOTALL
    )
    cells = {user: re.findall(r'<td class="number">([^<]*)</td>', row) for user, row in rows}
    assert cells == {
        "alice": ["1", "1", "", "", "2 GiB", "2"],
        "bob": ["", "", "1", "", "1 GiB", "1"],
    }


async def test_a_user_sees_limits_and_use_on_home(
    served: Platform, browser: httpx.AsyncClient
) -> None:
    served.yarn.run(served.yarn.submit("alice", ("kernel",), application_type="skein"))
    await served.seen()
    assert 'id="limits"' not in (await served.visit("/", "a")).text
    await send(browser, "edit", "/edit", kind="kernels", count="5", memory="4 GiB")
    await send(browser, "edit", "/edit", kind="clusters", scope="all", count="20")
    await until(lambda: len(served.service.current_limits.entries) == 2)
    home = (await served.visit("/", "a")).text
    assert re.findall("<li>(Kernels|Dask clusters)(.*)</li>", home) == [
        ("Kernels", ": 1 of 5, 1 GiB of 4 GiB of memory"),
        ("Dask clusters", ": all users together at most 20"),
    ]


async def test_a_database_that_does_not_respond_is_said(
    browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise DatabaseUnavailableError("secret")

    for name in ("entries", "put"):
        monkeypatch.setattr(LimitStore, name, away)
    shown = await browser.get("/hub/limits")
    assert shown.status_code == 200
    assert "The limits cannot be shown. The database of the service does not respond" in shown.text
    token = {"form_token": form_token(shown)}
    fields = {"kind": "servers", "scope": "each-user", "count": "9", **token}
    refused = await browser.post("/hub/limits/edit", data=fields)
    assert refused.status_code == 503
    assert "The database of the service does not respond" in refused.text
    assert 'value="9"' in refused.text
