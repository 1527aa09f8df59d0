"""The pages of environments and builds, as browsers get them."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

from server.platform.browsing import form_token, streamed
from server.platform.populated import HOSTILE
from yarnhub.base.errors import ConnectError, InvalidRequestError
from yarnhub.environments.cluster_build.application import LOG, TAG, name_tag
from yarnhub.environments.published.usage import tag
from yarnhub.environments.specification import EnvironmentSpec
from yarnhub.server.platform.pages import builds, environments
from yarnhub.yarn.records.applications import FinalApplicationStatus, YarnApplicationState

if TYPE_CHECKING:
    import httpx
    import pytest

    from server.platform.logged import Application
    from server.platform.serving import Platform

FORM = {"name": "table", "pip": "tabulate", "notebooks": "on", "queue": "default"}
DENIED = "org.apache.hadoop.yarn.exceptions.InvalidResourceRequestException"


async def opened(served: Platform, path: str, token: str = "a") -> tuple[httpx.AsyncClient, str]:
    """A browser on a page, and the token of its forms."""
    browser = served.browser()
    page = await served.visit(path, token, browser)
    assert page.status_code == 200, page.text
    return browser, form_token(page)


async def test_the_list_has_what_the_user_can_use(served: Platform) -> None:
    published = served.environments.published
    await published.publish("bob", "tools", readers=("alice",))
    await published.publish("alice", "table", readers=("bob",))
    await published.publish("bob", "secret")
    number = served.environments.build("alice", "new")
    page = await served.visit("/environments", "a")
    assert re.findall(r'<th scope="row"><a href="([^"]+)"', page.text) == [
        "/hub/environments/alice/table",
        "/hub/environments/bob/tools",
        f"/hub/builds/{number}",
    ]
    assert "2 environments that you can use" in page.text
    assert "<bdi>you and others</bdi>" in page.text
    assert '/hub/environments" aria-current="page"' in page.text


async def test_without_environments_the_page_leads_to_the_form(served: Platform) -> None:
    page = await served.visit("/environments", "a")
    assert "You have no environments" in page.text
    assert 'href="/hub/environments/new"' in page.text
    assert "YARN reports no builds of yours." in page.text


async def test_hdfs_that_is_down_does_not_hide_the_builds(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_user: str) -> None:
        raise ConnectError("No NameNode responds")

    monkeypatch.setattr(served.environments, "store", fail)
    number = served.environments.build("alice", "new")
    page = await served.visit("/environments", "a")
    assert page.status_code == 200
    assert "The environments cannot be listed. No NameNode responds" in page.text
    assert f"/hub/builds/{number}" in page.text


async def test_many_environments_are_on_several_pages(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "SIZE", 3)
    for number in range(4):
        await served.environments.published.publish("alice", f"e{number}")
    browser = served.browser()
    first = await served.visit("/environments", "a", browser)
    assert "Page 1 of 2" in first.text
    second = await browser.get("/hub/environments?page=2")
    assert re.findall(r'/environments/alice/([^"]+)"', second.text) == ["e3"]
    assert "This page is empty" in (await browser.get("/hub/environments?page=3")).text


async def test_the_page_of_an_environment_has_versions_packages_and_differences(
    served: Platform,
) -> None:
    await served.environments.published.publish(version="1", packages=("old",))
    await served.environments.published.publish(version="2", readers=("bob",))
    browser = served.browser()
    page = await served.visit("/environments/alice/table", "a", browser)
    assert '<tr><th scope="row">tabulate</th><td>2</td></tr>' in page.text
    older = await browser.get("/hub/environments/alice/table?version=1")
    assert '<tr><th scope="row">old</th><td>1</td></tr>' in older.text
    compared = await browser.get("/hub/environments/alice/table?old=1&new=2")
    assert '<tr><th scope="row">tabulate</th><td>—</td><td>2</td></tr>' in compared.text
    assert '<tr><th scope="row">old</th><td>1</td><td>—</td></tr>' in compared.text
    of_bob = await served.visit("/environments/alice/table?delete=all", "b")
    for action in ("delete=", "/share", "Delete it", "/new?name"):
        assert action in page.text + (await browser.get(f"{page.url.path}?delete=all")).text
        assert action not in of_bob.text
    hidden = await served.visit("/environments/alice/table", "c")
    assert hidden.status_code == 404


async def test_it_is_shared_by_a_form(served: Platform) -> None:
    await served.environments.published.publish()
    browser, token = await opened(served, "/environments/alice/table")
    sent = {"form_token": token, "users": "bob, carol,", "groups": "analysts"}
    answer = await browser.post("/hub/environments/alice/table/share", data=sent)
    assert answer.status_code == 303
    page = await browser.get(answer.headers["Location"])
    assert "<dd><bdi>bob, carol, group analysts</bdi></dd>" in page.text
    assert 'value="bob, carol"' in page.text
    wrong = await browser.post(
        "/hub/environments/alice/table/share", data={**sent, "users": f"bob,{HOSTILE}"}
    )
    assert wrong.status_code == 422
    assert re.search(r'id="users"[^>]+aria-invalid="true"', wrong.text)
    assert "the name of a user or a group" in wrong.text
    assert "<script>alert" not in wrong.text


async def test_a_form_that_is_refused_keeps_who_can_use_it_as_it_was_sent(served: Platform) -> None:
    await served.environments.published.publish()
    browser, token = await opened(served, "/environments/alice/table")
    share, box = "/hub/environments/alice/table/share", 'name="everyone" checked'
    shared = await browser.post(share, data={"form_token": token, "everyone": "on"})
    assert box in (await browser.get(shared.headers["Location"])).text
    wrong = {"form_token": token, "users": HOSTILE}
    withdrawn = await browser.post(share, data=wrong)
    assert withdrawn.status_code == 422
    assert box not in withdrawn.text
    assert box in (await browser.post(share, data={**wrong, "everyone": "on"})).text


async def test_it_is_deleted_after_a_question_that_says_who_uses_it(served: Platform) -> None:
    found = await served.environments.published.publish(readers=("bob",))
    user = served.yarn.submit("bob", (tag(found.manifest.key),))
    browser, token = await opened(served, "/environments/alice/table?delete=all")
    page = await browser.get("/hub/environments/alice/table?delete=all")
    assert "Delete <bdi>table</bdi> with all versions?" in page.text
    assert f"{user} of bob" in page.text
    assert "It is shared with <bdi>bob</bdi>" in page.text
    sent = {"form_token": token}
    answer = await browser.post("/hub/environments/alice/table/delete", data=sent)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/hub/environments")
    assert (await browser.get("/hub/environments/alice/table")).status_code == 404


async def test_a_version_is_deleted_by_a_form(served: Platform) -> None:
    await served.environments.published.publish(version="1")
    await served.environments.published.publish(version="2")
    browser, token = await opened(served, "/environments/alice/table?delete=1")
    sent = {"form_token": token, "version": "1"}
    answer = await browser.post("/hub/environments/alice/table/delete", data=sent)
    assert answer.headers["Location"] == "/hub/environments/alice/table"
    page = await browser.get("/hub/environments/alice/table")
    assert "?version=1" not in page.text
    wrong = await browser.post(
        "/hub/environments/alice/table/delete", data={**sent, "version": "1x"}
    )
    assert wrong.status_code == 422
    assert (await browser.get("/hub/environments/alice/table")).status_code == 200


# --- the form


async def test_the_form_starts_a_build(served: Platform) -> None:
    browser, token = await opened(served, "/environments/new?name=table")
    answer = await browser.post("/hub/environments/build", data={**FORM, "form_token": token})
    assert answer.status_code == 303, answer.text
    ((user, specification, queue),) = served.environments.submitted
    assert (user, specification.pip, queue) == ("alice", ("tabulate", "ipykernel"), "default")
    page = await browser.get(answer.headers["Location"])
    assert "Build of <bdi>table</bdi>" in page.text
    assert '<span class="status waiting" role="status">Waiting</span>' in page.text
    assert "It waits for a container for its ApplicationMaster." in page.text
    assert f'hx-sse:connect="{answer.headers["Location"]}/changes"' in page.text


async def test_a_new_form_has_no_problems(served: Platform) -> None:
    page = await served.visit("/environments/new", "a")
    assert 'role="alert"' not in page.text
    assert "aria-invalid" not in page.text
    assert 'value="default"' in page.text


async def test_the_form_for_a_new_version_has_what_it_was_built_from(served: Platform) -> None:
    await served.environments.published.publish(pip=["tabulate>=0.9", "ipykernel"], python="3.12")
    browser = served.browser()
    page = await served.visit("/environments/new?name=table", "a", browser)
    assert ">\ntabulate&gt;=0.9</textarea>" in page.text
    assert 'value="3.12"' in page.text
    for name in ("none", "a/b", "%3Cb%3E"):
        other = await browser.get(f"/hub/environments/new?name={name}")
        assert other.status_code == 200
        assert "tabulate" not in other.text


async def test_a_form_with_problems_keeps_its_texts_and_marks_the_fields(served: Platform) -> None:
    browser, token = await opened(served, "/environments/new")
    sent = {**FORM, "form_token": token, "name": HOSTILE, "pip": f"a\n--{HOSTILE}", "memory": "1"}
    page = await browser.post("/hub/environments/build", data=sent)
    assert page.status_code == 422
    assert "see the fields that are marked" in page.text
    marked = re.findall(r'id="(\w+)"[^>]* aria-invalid="true"', page.text)
    assert marked == ["name", "pip", "vcores"]
    assert "Line 2: " in page.text
    assert "<script>alert" not in page.text
    assert "--&lt;script&gt;alert" in page.text
    assert served.environments.submitted == []


async def test_fields_are_checked_while_they_are_filled_in(served: Platform) -> None:
    browser, token = await opened(served, "/environments/new")
    sent = {"form_token": token, "name": "A", "pip": "", "queue": "default"}
    answer = await browser.post("/hub/environments/check", data=sent)
    assert answer.status_code == 200
    found = dict(re.findall(r'<small id="(\w+)-problem"[^>]*>([^<]*)</small>', answer.text))
    assert found["name"].startswith("Must be a name")
    assert found["pip"] == found["python"] == found["queue"] == ""
    assert served.environments.submitted == []
    refused = await browser.post("/hub/environments/check", data={**sent, "form_token": "x"})
    assert refused.status_code == 403


async def test_a_form_is_read_in_a_thread_and_within_the_limit(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, token = await opened(served, "/environments/new")
    read, seen = EnvironmentSpec.from_dict, []

    def watched(document: Any) -> EnvironmentSpec:
        taken = served.service.environment_calls.taken["alice"]
        seen.append((threading.current_thread() is threading.main_thread(), taken))
        return read(document)

    monkeypatch.setattr(EnvironmentSpec, "from_dict", watched)
    answer = await browser.post("/hub/environments/build", data={**FORM, "form_token": token})
    assert answer.status_code == 303
    assert set(seen) == {(False, 1)}


async def test_what_yarn_refuses_is_told_in_the_form(served: Platform) -> None:
    browser, token = await opened(served, "/environments/new")
    sent = {**FORM, "form_token": token}
    served.environments.error = InvalidRequestError(DENIED, "<b>too large</b>")
    refused = await browser.post("/hub/environments/build", data=sent)
    assert refused.status_code == 502
    assert "&lt;b&gt;too large&lt;/b&gt;" in refused.text
    assert 'value="table"' in refused.text
    served.environments.error = None
    first = await browser.post("/hub/environments/build", data=sent)
    again = await browser.post("/hub/environments/build", data=sent)
    assert again.status_code == 409
    assert f'<a href="{first.headers["Location"]}">Show the build</a>' in again.text


async def test_without_a_site_the_form_says_so(served: Platform) -> None:
    served.environments.can_build = False
    browser, token = await opened(served, "/environments/new")
    page = await browser.get("/hub/environments/new")
    assert "Builds are not configured here" in page.text
    assert "<textarea" not in page.text
    sent = {**FORM, "form_token": token}
    assert (await browser.post("/hub/environments/build", data=sent)).status_code == 409


async def test_a_long_list_of_packages_is_accepted_and_a_longer_one_is_not(
    served: Platform,
) -> None:
    browser, token = await opened(served, "/environments/new")
    sent = {**FORM, "form_token": token, "pip": "\n".join(f"package{n}" for n in range(1999))}
    assert (await browser.post("/hub/environments/build", data=sent)).status_code == 303
    sent["pip"] = "x" * (1 << 18)
    assert (await browser.post("/hub/environments/build", data=sent)).status_code == 413


# --- a build


def build(application: Application, log: str) -> str:
    """Have an application be a build of alice's with a log; returns its id."""
    tags = (TAG, name_tag("table"))
    application.served.yarn.change(application.number, application_tags=tags)
    application.files[LOG] = log.encode()
    return str(application.number)


async def test_a_running_build_shows_its_step_and_its_log(
    logged: Platform, running: Application
) -> None:
    number = build(running, f"lock: 1 of 1\n{HOSTILE}\ninstall: 2 of 7\n")
    await logged.seen()
    page = await logged.visit(f"/builds/{number}", "a")
    steps = re.findall(r'<li class="(done|current|failed|later)"', page.text)
    assert steps == ["done", "done", "current", "later", "later", "later"]
    assert '<span class="amount">2 of 7</span>' in page.text
    assert "&lt;script&gt;alert" in page.text
    assert "<script>alert" not in page.text
    assert "?cancel=true" in page.text


async def test_a_build_changes_by_itself_until_it_has_ended(
    logged: Platform, running: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builds, "_LOOK", 0.002)
    monkeypatch.setattr(builds, "_LATE", -1.0)
    number = build(running, "lock: 1 of 1\n")

    def continues() -> None:
        running.files[LOG] += b"pack: 1 of 2\n"

    def ends() -> None:
        running.end()
        logged.yarn.change(
            running.number,
            yarn_application_state=YarnApplicationState.FINISHED,
            final_application_status=FinalApplicationStatus.SUCCEEDED,
            diagnostics="Published table, version 1.",
        )

    events = await streamed(logged, f"/builds/{number}/changes", 4, [continues, ends, lambda: None])
    assert "Resolve the packages" in events[0]
    assert "pack: 1 of 2" in events[1]
    assert "Published table, version 1." in events[2]
    assert "/hub/environments/alice/table" in events[2]
    assert events[3].startswith("event: end")


async def test_the_stream_of_a_build_ends_if_yarn_forgets_it(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builds, "_LOOK", 0.002)
    number = served.environments.build("alice", "table")
    await served.seen()
    waits, forgotten, end = await streamed(
        served, f"/builds/{number}/changes", 3, [lambda: served.yarn.forget(number)]
    )
    assert "Waiting" in waits
    assert f"{number}" in forgotten
    assert "This is not up to date." in forgotten
    assert end.startswith("event: end")


async def test_a_build_is_canceled_after_a_question(served: Platform) -> None:
    number = served.environments.build("alice", "table")
    browser, token = await opened(served, f"/builds/{number}?cancel=true")
    page = await browser.get(f"/hub/builds/{number}?cancel=true")
    assert "Cancel the build of <bdi>table</bdi>?" in page.text
    answer = await browser.post(f"/hub/builds/{number}/cancel", data={"form_token": token})
    assert answer.headers["Location"] == f"/hub/builds/{number}"
    after = await browser.get(f"/hub/builds/{number}?cancel=true")
    assert '<span class="status killed" role="status">Killed</span>' in after.text
    assert "Cancel the build of" not in after.text


async def test_a_build_that_failed_says_why(served: Platform) -> None:
    number = served.environments.build("alice", "table")
    served.yarn.end(number, YarnApplicationState.FINISHED)
    served.yarn.change(
        number,
        final_application_status=FinalApplicationStatus.FAILED,
        diagnostics=f"Error in the step lock:\n{HOSTILE}",
    )
    page = await served.visit(f"/builds/{number}", "a")
    assert "Error in the step lock:\n&lt;script&gt;" in page.text
    assert "<script>alert" not in page.text
