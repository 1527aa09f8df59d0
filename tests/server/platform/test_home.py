"""The first page: a user's own servers and applications; `tests/hub` looks at it in a browser."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest

from server.fake_hub import ALL, server_model
from server.platform.browsing import form_token, ids, streamed
from server.platform.populated import HOSTILE
from server.platform.serving import platform
from watch.fake_resource_manager import FakeResourceManager
from yarnhub.base.errors import ConnectError
from yarnhub.server.hub import api, servers
from yarnhub.server.platform.pages import home
from yarnhub.sessions.tags import words_for
from yarnhub.watch.visibility import AccessList
from yarnhub.yarn.records.applications import YarnApplicationState

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from server.platform.serving import Platform

DAY = 24 * 3600 * 1000


def of_type(type_: str, *tags: str) -> dict[str, Any]:
    return {"application_type": type_, "application_tags": tags}


def groups(page: httpx.Response) -> dict[str, list[str]]:
    """The applications below each title."""
    shown = page.text.partition("<h2>")[0]
    parts = re.split(r'<th colspan="8" scope="rowgroup">([^<]+)</th>', shown)[1:]
    return {
        title: re.findall(r'<tr id="([^"]+)">', rows)
        for title, rows in zip(parts[::2], parts[1::2], strict=True)
    }


async def test_own_applications_are_grouped_by_what_they_are(served: Platform) -> None:
    submit = served.yarn.submit
    kernel, waits = (submit(**of_type("skein", "kernel")) for _ in range(2))
    served.yarn.run(kernel)
    spark, build = submit(**of_type("SPARK")), submit(**of_type("skein", "yarnhub-build"))
    dask, other = submit(**of_type("skein", "dask-gateway")), submit(**of_type("MAPREDUCE"))
    submit("bob", **of_type("SPARK"))
    await served.seen()
    page = await served.visit("/", "a")
    assert page.status_code == 200
    assert groups(page) == {
        "Notebook servers": [],
        "Kernels": [str(waits), str(kernel)],
        "Dask clusters": [str(dask)],
        "Spark": [str(spark)],
        "Builds of environments": [str(build)],
        "Other applications": [str(other)],
    }
    assert '<td class="number">1 GiB</td>' in page.text
    assert f'href="/hub/applications/{kernel}?kill=true"' in page.text
    assert 'href="/hub/" aria-current="page"' in page.text


async def test_what_waits_says_why_and_what_has_ended_does_too(served: Platform) -> None:
    served.yarn.submit(diagnostics="Queue root.default is full")
    ended = [served.yarn.submit(diagnostics=f"It was number {each}") for each in range(12)]
    for each in ended:
        served.yarn.now += 1000
        served.yarn.end(each, YarnApplicationState.FAILED)
    await served.seen()
    page = await served.visit("/", "a")
    assert "Queue root.default is full" in page.text
    after = page.text.partition("<h2>Ended in the last 24 hours</h2>")[2]
    shown = re.findall(r'<tr id="([^"]+)">', after)
    assert shown == [str(each) for each in ended[:1:-1]], "the latest 10"
    assert "It was number 11" in after
    assert "kill=true" not in after
    assert ">2 others have ended</a>" in after


async def test_what_ended_a_day_ago_is_not_shown(served: Platform) -> None:
    ended = served.yarn.submit()
    served.yarn.end(ended)
    await served.seen()
    browser = served.browser()
    assert ids(await served.visit("/", "a", browser)) == [str(ended)]
    served.yarn.now += DAY + 1000
    after = await browser.get("/hub/")
    assert ids(after) == []
    assert "1 other has ended" in after.text


async def test_many_applications_are_a_link(served: Platform) -> None:
    for _ in range(home.MAX_OPEN + 3):
        served.yarn.submit()
    await served.seen()
    page = await served.visit("/", "a")
    assert len(ids(page)) == home.MAX_OPEN
    assert 'href="/hub/applications?user=alice">3 more applications</a>' in page.text


async def test_an_empty_page_says_what_to_do(served: Platform) -> None:
    served.yarn.submit("bob")
    await served.seen()
    page = await served.visit("/", "a")
    assert "None of your applications runs or waits." in page.text
    assert 'href="/spawn"' in page.text


async def test_a_list_that_is_not_up_to_date_says_so(tmp_path: Path) -> None:
    yarn = FakeResourceManager(errors=[ConnectError("No ResourceManager responds")] * 10_000)
    async with platform(tmp_path, AccessList(), yarn=yarn) as served:
        page = await served.visit("/", "a")
        assert "are being listed" in page.text
        assert "None of your applications" not in page.text


# --- servers


async def test_servers_are_opened_stopped_and_started_here(served: Platform) -> None:
    served.hub.give("a", *ALL)
    served.hub.servers["alice"] = {
        "": server_model("alice", ready=True),
        "a/b": server_model("alice", "a/b"),
    }
    browser = served.browser()
    page = await served.visit("/", "a", browser)
    assert '<a href="/user/alice/"><bdi>Default server</bdi></a>' in page.text
    assert 'aria-label="Stop Default server"' in page.text
    assert 'href="/spawn/alice/a%2Fb"' in page.text
    token = form_token(page)
    for action, name in (("stop", ""), ("start", "a/b")):
        data = {"form_token": token, "server": name}
        done = await browser.post(f"/hub/servers/{action}", data=data)
        assert (done.status_code, done.headers["Location"]) == (303, "/hub/")
    after = await browser.get("/hub/")
    assert "Stopping" in after.text
    assert '<a href="/spawn-pending/alice/a%2Fb"><bdi>a/b</bdi></a>' in after.text
    assert 'aria-label="Stop a/b"' in after.text


async def test_a_server_shows_its_application(served: Platform) -> None:
    served.hub.give("a", *ALL)
    served.hub.servers["alice"] = {
        "": server_model("alice", ready=True),
        "lab": server_model("alice", "lab", pending="spawn"),
    }
    default = served.yarn.submit(**of_type("skein", "jupyterhub", *words_for("alice", "")))
    lab = served.yarn.submit(
        **of_type("skein", "jupyterhub", *words_for("alice", "lab")), diagnostics="It is full"
    )
    other = served.yarn.submit(**of_type("skein", "jupyterhub", *words_for("alice", "gone")))
    served.yarn.run(default)
    await served.seen()
    page = await served.visit("/", "a")
    assert groups(page)["Notebook servers"] == [str(other)], "those of servers are in their rows"
    row, starting = re.findall(r"<bdi>(?:Default server|lab)</bdi>.*?</tr>", page.text, re.DOTALL)
    assert f'href="/hub/applications/{default}"' in row
    assert '<td class="number">1 GiB</td>' in row
    assert f'href="/hub/applications/{lab}"' in starting
    assert "It is full" in starting


async def test_servers_with_the_same_tag_show_no_application(served: Platform) -> None:
    served.hub.give("a", *ALL)
    served.hub.servers["alice"] = {
        name: server_model("alice", name, ready=True) for name in ("a b", "a_b", "c")
    }
    other, one = (
        served.yarn.submit(**of_type("skein", "jupyterhub", *words_for("alice", name)))
        for name in ("a_b", "c")
    )
    await served.seen()
    page = await served.visit("/", "a")
    assert groups(page)["Notebook servers"] == [str(other)], "it could be of either"
    assert page.text.count(f'href="/hub/applications/{other}"') == 1
    assert f'href="/hub/applications/{one}"' in page.text


async def test_a_login_that_can_only_read_has_no_buttons(served: Platform) -> None:
    served.hub.give("a", "read:servers")
    browser = served.browser()
    page = await served.visit("/", "a", browser)
    assert "Default server" in page.text
    assert "/servers/start" not in page.text
    data = {"form_token": form_token(page), "server": ""}
    refused = await browser.post("/hub/servers/start", data=data)
    assert refused.status_code == 409
    assert "Action is not authorized; requires any of [start:servers]" in refused.text


async def test_without_scopes_the_page_says_what_is_missing(served: Platform) -> None:
    number = served.yarn.submit()
    await served.seen()
    page = await served.visit("/", "a")
    assert ids(page) == [str(number)]
    assert "does not have the scope <code>servers!user</code>" in page.text


async def test_a_hub_that_does_not_respond_is_told_and_the_rest_is_shown(
    served: Platform,
) -> None:
    number = served.yarn.submit()
    await served.seen()
    served.hub.give("a", *ALL)
    served.hub.silent = True
    page = await served.visit("/", "a")
    assert ids(page) == [str(number)]
    assert "JupyterHub does not respond as expected." in page.text


@pytest.mark.parametrize("status", [400, 429, 500])
async def test_the_hub_s_refusal_is_shown(served: Platform, status: int) -> None:
    served.hub.give("a", *ALL)
    served.hub.refusal = status, f"Too many servers. {HOSTILE}"
    browser = served.browser()
    data = {"form_token": form_token(await served.visit("/", "a", browser)), "server": ""}
    refused = await browser.post("/hub/servers/start", data=data)
    assert refused.status_code == 409
    assert "JupyterHub refuses it: Too many servers. &lt;script&gt;" in refused.text
    served.hub.refusal = status, ""
    unknown = await browser.post("/hub/servers/start", data=data)
    assert unknown.status_code == 503
    assert "JupyterHub does not respond as expected" in unknown.text


@pytest.mark.parametrize("name", ["..", ".", "../..", "a/../../../tokens", "a?b#c", "ä %2F"])
async def test_the_name_of_a_server_leads_nowhere_else(served: Platform, name: str) -> None:
    served.hub.give("a", *ALL)
    browser = served.browser()
    data = {"form_token": form_token(await served.visit("/", "a", browser)), "server": name}
    done = await browser.post("/hub/servers/stop", data=data)
    assert done.status_code == 303, done.text
    assert list(served.hub.servers["alice"]) == [name]


async def test_a_start_that_takes_long_is_not_waited_for(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "_ACT", 0.02)
    served.hub.give("a", *ALL)
    served.hub.slow = True
    browser = served.browser()
    data = {"form_token": form_token(await served.visit("/", "a", browser)), "server": ""}
    done = await browser.post("/hub/servers/start", data=data)
    assert (done.status_code, done.headers["Location"]) == (303, "/hub/")
    assert "Starting" in (await browser.get("/hub/")).text
    assert not served.service.server_calls.taken


@pytest.mark.parametrize("action", ["start", "stop"])
async def test_what_the_hub_has_not_received_is_not_reported_as_started_or_stopped(
    served: Platform, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    monkeypatch.setattr(servers, "_ACT", 0.02)
    served.hub.give("a", *ALL)
    served.hub.is_unreachable = True
    browser = served.browser()
    data = {"form_token": form_token(await served.visit("/", "a", browser)), "server": ""}
    refused = await browser.post(f"/hub/servers/{action}", data=data)
    assert refused.status_code == 503
    assert "JupyterHub does not respond" in refused.text
    assert served.hub.servers == {}


async def test_a_start_that_waits_for_others_is_sent(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "_ACT", 0.1)
    served.hub.give("a", *ALL)
    served.hub.slow = True
    start = served.service.servers.start
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        for each in range(api.AT_ONCE):
            group.create_task(start("a", "alice", str(each)))
        while len(served.hub.servers.get("alice", {})) < api.AT_ONCE:
            await asyncio.sleep(0)
        monkeypatch.setattr(servers, "_ACT", 0.001)
        await start("a", "alice", "last")
        assert "last" in served.hub.servers["alice"]


@pytest.mark.parametrize("action", ["start", "stop"])
async def test_a_form_of_another_page_starts_and_stops_nothing(
    served: Platform, action: str
) -> None:
    served.hub.give("a", *ALL)
    browser = served.browser()
    await served.visit("/", "a", browser)
    refused = await browser.post(f"/hub/servers/{action}", data={"server": ""})
    assert refused.status_code == 403
    assert served.hub.servers == {}
    nobody = await served.browser().post(f"/hub/servers/{action}", data={"server": ""})
    assert (nobody.status_code, nobody.headers["Location"]) == (303, "/hub/")


async def test_foreign_text_is_shown_as_text(served: Platform) -> None:
    served.hub.give("a", *ALL)
    bad = server_model("alice", HOSTILE, ready=True) | {"url": f"javascript:{HOSTILE}"}
    served.hub.servers["alice"] = {HOSTILE: bad}
    served.yarn.submit(
        name=HOSTILE, queue=f"root.{HOSTILE}", diagnostics=HOSTILE, application_tags=(HOSTILE,)
    )
    await served.seen()
    page = await served.visit("/", "a")
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in page.text
    assert 'href="javascript' not in page.text


# --- changes


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_LOOK", "_SOON"):
        monkeypatch.setattr(home, name, 0.001)


@pytest.mark.usefixtures("quick")
async def test_the_page_changes_by_itself(served: Platform) -> None:
    served.hub.give("a", *ALL)
    served.hub.servers["alice"] = {"": server_model("alice", pending="spawn")}
    number = served.yarn.submit()
    await served.seen()

    def ready() -> None:
        served.hub.servers["alice"][""] = server_model("alice", ready=True)

    whole, runs, started = await streamed(
        served, "/home/changes", 3, [lambda: served.yarn.run(number), ready]
    )
    assert 'hx-target="#home"' in whole
    assert "Starting" in whole
    assert "Waiting" in whole
    assert "Running" in runs
    assert "Starting" in runs
    assert "Starting" not in started
    assert served.service.streams.taken.total() == 0


@pytest.mark.usefixtures("quick")
async def test_a_server_that_is_checked_is_soon_known(served: Platform) -> None:
    served.hub.give("a", *ALL)
    served.hub.servers["alice"] = {"": server_model("alice", pending="check")}
    await served.seen()

    def ready() -> None:
        served.hub.servers["alice"][""] = server_model("alice", ready=True)

    checking, running = await streamed(served, "/home/changes", 2, [ready])
    assert "Checking" in checking
    assert "Running" in running


@pytest.mark.usefixtures("quick")
async def test_a_hub_that_does_not_respond_is_soon_queried_again(served: Platform) -> None:
    served.hub.give("a", *ALL)
    served.hub.silent = True
    await served.seen()

    def respond() -> None:
        served.hub.silent = False

    silent, responds = await streamed(served, "/home/changes", 2, [respond])
    assert "JupyterHub does not respond as expected." in silent
    assert "Default server" in responds


@pytest.mark.usefixtures("quick")
async def test_the_hub_is_queried_again_if_a_server_s_application_changes(
    served: Platform,
) -> None:
    served.hub.give("a", *ALL)
    number = served.yarn.submit(**of_type("skein", "jupyterhub", *words_for("alice", "")))
    await served.seen()
    asked = [0]

    def start() -> None:
        asked[0] = served.hub.listings
        served.hub.servers["alice"] = {"": server_model("alice", ready=True)}
        served.yarn.run(number)

    stopped, running = await streamed(served, "/home/changes", 2, [start])
    assert "Stopped" in stopped
    assert "Stopped" not in running
    assert asked == [1], "it is not queried at each look"
