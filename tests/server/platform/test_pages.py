"""The pages of the platform, as browsers get them; `tests/hub` looks at them in a real one."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from server.platform.browsing import form_token, ids
from server.platform.populated import HOSTILE
from yarnhub.base.errors import ConnectError
from yarnhub.server.platform import as_user
from yarnhub.yarn.records.applications import YarnApplicationState

if TYPE_CHECKING:
    from server.platform.serving import Platform


async def test_a_path_that_the_api_does_not_have_is_a_problem(served: Platform) -> None:
    answer = await served.get("a", "/nothing")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    page = await served.browser().get("/hub/nothing")
    assert page.status_code == 404
    assert page.headers["Content-Type"].startswith("text/html")


async def test_what_waits_is_the_first_and_says_why(served: Platform) -> None:
    running, waits = (
        served.yarn.submit(),
        served.yarn.submit(
            diagnostics="Queue's AM resource limit exceeded.  Details : "
            "AM Resource Request = <memory:1024, vCores:1>; "
            "Queue Resource Limit for AM = <memory:2048, vCores:1>; "
            "Queue AM Resource Usage = <memory:1024, vCores:1>; "
        ),
    )
    served.yarn.run(running)
    await served.seen()
    page = await served.visit("/applications", "a")
    assert ids(page) == [str(waits), str(running)]
    assert "2 applications · 1 waiting on the cluster" in page.text
    assert "The ApplicationMasters of queue root.default can use at most 2048 MiB" in page.text
    assert '<td class="number">1 GiB</td>' in page.text


async def test_others_see_what_yarn_shows_to_all_and_no_button(served: Platform) -> None:
    number = served.yarn.submit(diagnostics="secret", tracking_url="http://secret")
    await served.seen()
    for token, shown in (("a", True), ("b", False), ("c", True)):
        page = await served.visit("/applications", token)
        assert ids(page) == [str(number)]
        assert ("secret" in page.text) is shown
        assert ("kill=true" in page.text) is shown


@pytest.mark.parametrize("where", ["/applications", "/applications/{}", "/applications/{}?kill=1"])
async def test_foreign_text_is_shown_as_text(served: Platform, where: str) -> None:
    number = served.yarn.submit(
        name=HOSTILE, queue=f"root.{HOSTILE}", application_type=HOSTILE, diagnostics=HOSTILE,
        tracking_url=f"javascript:{HOSTILE}", application_tags=(HOSTILE,),
    )  # fmt: skip
    await served.seen()
    page = await served.visit(where.format(number), "a")
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in page.text
    assert 'href="javascript' not in page.text


async def test_the_address_filters_sorts_and_pages(served: Platform) -> None:
    numbers = [str(served.yarn.submit("bob" if n % 2 else "alice")) for n in range(120)]
    await served.seen()
    browser = served.browser()
    page = await served.visit("/applications?sort=id&descending=true", "a", browser)
    assert ids(page) == numbers[::-1][:50]
    assert "Page 1 of 3" in page.text
    third = await browser.get("/hub/applications?sort=id&descending=true&page=3")
    assert ids(third) == numbers[19::-1]
    assert 'href="?sort=id&amp;descending=true&amp;page=2" rel="prev"' in third.text
    bobs = await browser.get("/hub/applications?sort=id&user=bob&text=APPLICATION&state=waiting")
    assert ids(bobs) == numbers[1:101:2]
    assert 'name="user" value="bob"' in bobs.text
    none = await browser.get("/hub/applications?text=<b>")
    assert "No application matches." in none.text
    assert 'value="&lt;b&gt;"' in none.text
    beyond = await browser.get("/hub/applications?page=9")
    assert "This page is empty: the list has 3 pages" in beyond.text


async def test_what_waits_for_room_names_its_queue(served: Platform) -> None:
    told = (
        "[Tue Dec 01 13:12:40 +0000 2026] Application is Activated, waiting for resources to be "
        "assigned for AM. Details : AM Partition = <DEFAULT_PARTITION> ; Queue's Absolute used "
        "capacity = 6.25 % ; Queue's Absolute max capacity = 13.0 % ; "
    )
    served.yarn.submit(queue="root.oranges", diagnostics=told)
    await served.seen()
    page = await served.visit("/applications", "a", served.browser())
    assert (
        "It waits for a container for its ApplicationMaster in queue root.oranges, which can use "
        "at most 13 % of the cluster." in page.text
    )
    assert "DEFAULT_PARTITION" not in page.text


async def test_a_list_of_one_kind(served: Platform) -> None:
    server = served.yarn.submit(application_type="skein", application_tags=("jupyterhub",))
    kernel = served.yarn.submit(application_type="skein", application_tags=("kernel",))
    await served.seen()
    browser = served.browser()
    kernels = await served.visit("/applications?kind=kernel", "a", browser)
    assert ids(kernels) == [str(kernel)]
    assert '<option value="kernel" selected>Kernels</option>' in kernels.text
    every = await browser.get("/hub/applications?kind=")
    assert set(ids(every)) == {str(server), str(kernel)}


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "sort=memory", "state=x", "kind=x", "text=" + "x" * 257]
)
async def test_an_invalid_address_is_named(served: Platform, query: str) -> None:
    browser = served.browser()
    await served.visit("/applications", "a", browser)
    answer = await browser.get(f"/hub/applications?{query}")
    assert answer.status_code == 422
    assert f"invalid: {query.partition('=')[0]}: " in answer.text


async def test_a_list_that_is_not_up_to_date_says_so(served: Platform) -> None:
    served.yarn.submit()
    await served.seen()
    served.yarn.errors += [ConnectError("No ResourceManager responds")] * 10_000
    async with asyncio.timeout(30):
        while served.service.watch.freshness.failure is None:
            await asyncio.sleep(0.001)
    page = await served.visit("/applications", "a")
    assert "The list is not up to date. No ResourceManager responds" in page.text


# --- one application


async def test_an_application_says_what_it_waits_for(served: Platform) -> None:
    number = served.yarn.submit(name="nap")
    await served.seen()
    page = await served.visit(f"/applications/{number}", "a")
    assert "It waits for a container for its ApplicationMaster." in page.text
    assert f'hx-sse:connect="/hub/applications/{number}/changes"' in page.text


async def test_of_others_applications_the_page_shows_what_the_list_has(served: Platform) -> None:
    number = served.yarn.submit(name="nap", diagnostics="secret")
    await served.seen()
    page = await served.visit(f"/applications/{number}", "b")
    assert page.status_code == 200
    assert "nap" in page.text
    assert f"YARN does not show {number} of alice to you" in page.text
    assert "secret" not in page.text


async def test_yarn_that_is_silent_is_told_with_what_is_known(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(as_user, "ASK", 0.02)
    served.yarn_responds.clear()
    number = served.yarn.submit(name="nap")
    await served.seen()
    page = await served.visit(f"/applications/{number}", "a")
    assert page.status_code == 200
    assert "nap" in page.text
    assert "YARN does not respond" in page.text


async def test_an_unknown_application_is_not_found(served: Platform) -> None:
    page = await served.visit("/applications/application_1_0009", "a")
    assert page.status_code == 404
    assert "application_1_0009" in page.text


async def test_a_kill_is_asked_for_once_and_says_what_is_lost(served: Platform) -> None:
    number = served.yarn.submit(name="nap")
    await served.seen()
    browser = served.browser()
    page = await served.visit(f"/applications/{number}?kill=true", "a", browser)
    assert "Kill <bdi>nap</bdi>?" in page.text
    assert "is lost" in page.text
    data = {"form_token": form_token(page)}
    killed = await browser.post(f"/hub/applications/{number}/kill", data=data)
    assert killed.status_code == 303
    assert killed.headers["Location"] == f"/hub/applications/{number}"
    report = await served.yarn.get_application_report(number)
    assert report.yarn_application_state is YarnApplicationState.KILLED
    await served.seen()
    after = await browser.get(f"/hub/applications/{number}?kill=true")
    assert "Kill <bdi>" not in after.text
    assert "hx-sse:connect" not in after.text


@pytest.mark.parametrize(
    ("token", "status"), [("", 403), ("wrong", 403), ("ö", 403), ("x" * 10_000, 413)]
)
async def test_a_form_of_another_page_kills_nothing(
    served: Platform, token: str, status: int
) -> None:
    number = served.yarn.submit()
    browser = served.browser()
    await served.visit("/applications", "a", browser)
    refused = await browser.post(f"/hub/applications/{number}/kill", data={"form_token": token})
    assert refused.status_code == status
    assert served.recorded() == []


async def test_the_kill_of_another_s_application_is_refused_in_words(served: Platform) -> None:
    number = served.yarn.submit()
    browser = served.browser()
    data = {"form_token": form_token(await served.visit("/applications", "b", browser))}
    refused = await browser.post(f"/hub/applications/{number}/kill", data=data)
    assert refused.status_code == 403
    assert "bob cannot perform operation MODIFY_APP" in refused.text
    (line,) = served.recorded()
    assert (line["event"], line["actor"]) == ("refuse", "bob")


async def test_an_application_is_moved_to_a_queue_that_its_user_can_submit_to(
    served: Platform,
) -> None:
    served.add_queues("root.default", "root.research", "root.closed", "root.z")
    served.closed.add("root.closed")
    number = served.yarn.submit(name="nap")
    await served.seen()
    browser = served.browser()
    page = await served.visit(f"/applications/{number}?move=true", "a", browser)
    assert "Move <bdi>nap</bdi> to another queue" in page.text
    choices = re.findall(r'<option value="([^"]+)">', page.text)
    assert choices == ["root.research", "root.z"]
    data = {"form_token": form_token(page), "queue": choices[0]}
    moved = await browser.post(f"/hub/applications/{number}/move", data=data)
    assert moved.status_code == 303
    after = await browser.get(moved.headers["Location"])
    assert "<dd><bdi>root.research</bdi></dd>" in after.text
    assert [line["event"] for line in served.recorded()] == ["move"]


async def test_without_another_queue_there_is_no_form(served: Platform) -> None:
    served.add_queues("root.default")
    number = served.yarn.submit()
    await served.seen()
    browser = served.browser()
    page = await served.visit(f"/applications/{number}?move=true", "a", browser)
    assert "There is no other queue that you can submit to." in page.text
    data = {"form_token": form_token(page)}
    for queue, status, words in (
        ("", 422, "Choose a queue."),
        ("x" * 300, 422, "Choose a queue."),
        ("nowhere", 409, "the target queue doesn&#39;t exist"),
    ):
        refused = await browser.post(
            f"/hub/applications/{number}/move", data={**data, "queue": queue}
        )
        assert refused.status_code == status
        assert words in refused.text
    others = await served.visit(f"/applications/{number}?move=true", "b")
    assert "another queue" not in others.text


# --- files


async def test_scripts_and_styles_are_cached_by_their_content(served: Platform) -> None:
    browser = served.browser()
    page = await served.visit("/applications", "a", browser)
    found = re.findall(r'(?:href|src)="(/hub/static/[^"]+)"', page.text)
    assert len(found) == 6
    for each in found:
        answer = await browser.get(each)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
    outside = await browser.get("/hub/static/../pages/login.py")
    assert outside.status_code == 404
