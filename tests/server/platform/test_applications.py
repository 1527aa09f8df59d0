"""The applications of a cluster by the API: who sees and may do what."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from server.platform.answers import events, problem, until
from server.platform.serving import Platform, platform
from yarnhub.base.errors import AuthenticationError, ConnectError
from yarnhub.server.platform import as_user
from yarnhub.watch.views import Page, View
from yarnhub.watch.visibility import AccessList
from yarnhub.yarn.records.applications import YarnApplicationState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ADMINISTRATORS = AccessList(frozenset({"carol"}), frozenset({"operators"}))


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Platform]:
    async with platform(tmp_path, ADMINISTRATORS) as served:
        served.hub.users |= {"c": "carol", "d": "dave", "r": "root"}
        served.hub.groups["dave"] = ["operators"]
        yield served


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/applications"),
        ("GET", "/applications/events"),
        ("GET", "/applications/application_1_0001"),
        ("POST", "/applications/application_1_0001/kill"),
        ("POST", "/applications/application_1_0001/move"),
        ("GET", "/servers"),
    ],
)
@pytest.mark.parametrize("token", ["", "unknown"])
async def test_nobody_gets_anything_without_a_token_of_the_hub(
    served: Platform, method: str, path: str, token: str
) -> None:
    answer = await served.request(method, token, path)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "token of JupyterHub" in problem(answer)["detail"]


async def test_accounts_of_services_are_refused(served: Platform) -> None:
    answer = await served.get("r", "/applications")
    assert answer.status_code == 403
    assert "root" in problem(answer)["detail"]


async def test_a_hub_that_does_not_respond_is_told(served: Platform) -> None:
    served.hub.broken = True
    answer = await served.get("a", "/applications")
    assert answer.status_code == 503
    assert "JupyterHub does not respond" in problem(answer)["detail"]


async def test_what_waits_is_the_first_in_the_list(served: Platform) -> None:
    ended, runs, waits = (served.yarn.submit() for _ in range(3))
    served.yarn.end(ended)
    served.yarn.run(runs)
    await served.seen()
    listed = await served.list()
    assert [each["id"] for each in listed] == [str(waits), str(runs), str(ended)]
    assert [each["state"] for each in listed] == ["ACCEPTED", "RUNNING", "KILLED"]
    assert listed[0]["started"] == "1970-01-01T00:16:40Z"
    assert listed[0]["finished"] is None


@pytest.mark.parametrize(("token", "shown"), [("a", True), ("b", False), ("c", True), ("d", True)])
async def test_only_owners_and_administrators_see_all_of_an_application(
    served: Platform, token: str, shown: bool
) -> None:
    number = served.yarn.submit(diagnostics="secret", tracking_url="http://secret")
    served.yarn.run(number)
    await served.seen()
    (found,) = await served.list(token)
    assert (found["user"], found["name"]) == ("alice", "application 1")
    used = {"containers": 1, "memory": 1024, "vcores": 1, "memory_seconds": 0, "vcore_seconds": 0}
    hides = {"diagnostics": "secret", "tracking_url": "http://secret", "used": used}
    for name, value in hides.items():
        assert found[name] == (value if shown else None)


async def test_lists_are_filtered_sorted_and_paged(served: Platform) -> None:
    for number in range(5):
        served.yarn.submit("alice" if number % 2 else "bob", name=f"Job {number} <script>")
    await served.seen()
    listed = await served.list(user="bob", sort="name", descending=True, first=1, limit=1)
    assert [each["name"] for each in listed] == ["Job 2 <script>"]
    page = (await served.get("a", "/applications", text="JOB 0005")).json()
    assert (page["total"], page["first"], len(page["applications"])) == (1, 0, 1)
    assert await served.list(state=["KILLED", "FAILED"]) == []
    assert await served.list(first=10**9) == []


async def test_lists_have_what_applications_are_for(served: Platform) -> None:
    for type_, tags in (("SPARK", ()), ("skein", ("kernel",)), ("skein", ())):
        served.yarn.submit(application_type=type_, application_tags=tags)
    await served.seen()
    assert [each["kind"] for each in await served.list(sort="id")] == ["spark", "kernel", "other"]
    found = await served.list(sort="id", kind=["kernel", "other"])
    assert [each["kind"] for each in found] == ["kernel", "other"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"limit": 501}, "limit"),
        ({"first": -1}, "first"),
        ({"state": "SLEEPING"}, "state.0"),
        ({"sort": "tags"}, "sort"),
        ({"kind": "job"}, "kind.0"),
        ({"text": "x" * 257}, "text"),
    ],
)
async def test_what_is_wrong_with_a_query_is_named(
    served: Platform, query: dict[str, Any], name: str
) -> None:
    answer = await served.get("a", "/applications", **query)
    assert answer.status_code == 422
    (error,) = problem(answer)["errors"]
    assert (error["in"], error["name"]) == ("query", name)


async def test_a_search_has_few_words(served: Platform) -> None:
    answer = await served.get("a", "/applications", text=" a b c d e f g h i")
    assert (answer.status_code, problem(answer)["detail"]) == (422, "text: at most 8 words")


async def test_an_unchanged_list_is_not_sent_again(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = served.yarn.submit()
    await served.seen()
    first = await served.get("a", "/applications")
    asked = {"If-None-Match": first.headers["ETag"]}
    monkeypatch.setattr(served.service.views, "page", None)  # it is not even selected
    again = await served.request("GET", "a", "/applications", headers=asked)
    assert (again.status_code, again.content) == (304, b"")
    monkeypatch.undo()
    served.yarn.run(number)
    await served.seen()
    changed = await served.request("GET", "a", "/applications", headers=asked)
    assert changed.json()["applications"][0]["state"] == "RUNNING"


async def test_a_silent_resource_manager_is_told_with_what_was_known(served: Platform) -> None:
    served.yarn.submit()
    await served.seen()
    assert (await served.http.get("/hub/health")).status_code == 200
    served.yarn.errors = [ConnectError("the ResourceManager does not respond")] * 10_000
    await until(lambda: served.service.watch.freshness.failure)
    page = (await served.get("a", "/applications")).json()
    assert page["failure"] == "the ResourceManager does not respond"
    assert (page["total"], page["looked"] is not None) == (1, True)
    health = await served.http.get("/hub/health")
    assert (health.status_code, health.json()["works"]) == (503, False)


async def test_a_watch_that_hangs_is_not_healthy(served: Platform) -> None:
    served.yarn.submit()
    await served.seen()
    served.service.clock = lambda: served.yarn.now / 1000 + 61
    assert (await served.http.get("/hub/health")).status_code == 503


async def test_an_application_is_explained_to_its_owner(served: Platform) -> None:
    number = served.yarn.submit()
    served.yarn.end(number, YarnApplicationState.KILLED)
    found = (await served.get("a", f"/applications/{number}")).json()
    assert found["application"]["id"] == str(number)
    assert found["summary"].startswith("It has ended (KILLED)")
    assert found["reasons"] == []


async def test_an_application_is_shown_as_yarn_shows_it(served: Platform) -> None:
    number = served.yarn.submit()
    answer = await served.get("c", f"/applications/{number}")  # for YARN, nobody special
    assert answer.status_code == 403
    said = problem(answer)["detail"]
    assert said == f"YARN does not show {number} of alice to you"


async def test_different_views_leave_time_for_other_requests(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Selecting a view takes long; a view that is known does not wait for its turn."""
    served.yarn.submit()
    await served.seen()
    views, known = served.service.views, View()
    views.page(known)
    order: list[str] = []
    select = views.page

    def page(view: View, *rest: int) -> Page:
        if view != known:
            order.append(view.text)
        return select(view, *rest)

    monkeypatch.setattr(views, "page", page)
    async with asyncio.TaskGroup() as group:
        async with served.service._turn:
            others = [group.create_task(served.list(text=f"w{n}")) for n in range(3)]
            await asyncio.sleep(0)
            assert len(await served.list()) == 1
            assert order == []
        for each in others:
            assert await each == []
    assert set(order) == {"w0", "w1", "w2"}


async def test_unknown_and_malformed_ids_are_refused(served: Platform) -> None:
    unknown = await served.get("a", "/applications/application_1_0009")
    assert unknown.status_code == 404
    assert "application_1_0009" in problem(unknown)["detail"]
    malformed = await served.get("a", "/applications/application_x")
    assert malformed.status_code == 422
    assert problem(malformed)["errors"][0]["name"] == "application_id"


async def test_requests_to_yarn_are_limited_and_do_not_delay_others(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(as_user, "ASK", 3.0)
    number = served.yarn.submit()
    served.yarn_responds.clear()
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(served.get("a", f"/applications/{number}")) for _ in range(2)]
        await until(lambda: served.service.calls.taken["alice"] == 2)
        refused = await served.request("POST", "a", f"/applications/{number}/kill")
        assert refused.status_code == 429
        assert "2 of them of alice" in problem(refused)["detail"]
        assert (await served.get("a", "/applications")).status_code == 200
    for each in waiting:
        assert problem(each.result())["status"] == 503
    assert not served.service.calls.taken


async def test_changes_are_followed_until_the_token_is_revoked(served: Platform) -> None:
    first = served.yarn.submit()
    await served.seen()
    version = served.service.watch.table.version
    async with asyncio.TaskGroup() as group:
        stream = group.create_task(served.get("a", "/applications/events", since=version))
        await until(lambda: served.service.streams.taken)
        asked = len(served.hub.requests)
        served.yarn.run(first)
        await until(lambda: len(served.hub.requests) > asked)
        del served.hub.users["a"]
        served.yarn.end(first)
        answer = await stream
    (event,) = events(answer)
    assert event == {"changed": [str(first)], "removed": [], "start_over": False, "failure": None}
    assert not served.service.streams.taken


async def test_a_stream_that_is_opened_again_continues(served: Platform) -> None:
    served.yarn.submit()
    await served.seen()
    headers = {"Last-Event-ID": str(served.service.watch.table.version)}
    second = served.yarn.submit()
    await served.seen()
    asked = len(served.hub.requests)
    async with asyncio.TaskGroup() as group:
        stream = group.create_task(
            served.request("GET", "a", "/applications/events", headers=headers)
        )
        # A user and the groups, for the stream and for its event.
        await until(lambda: len(served.hub.requests) == asked + 4)
        del served.hub.users["a"]
        served.yarn.run(second)
        answer = await stream
    assert [event["changed"] for event in events(answer)] == [[str(second)]]


@pytest.mark.parametrize("taken", [{"alice": 2}, {"bob": 2, "carol": 1}])
async def test_streams_are_limited_for_each_user_and_in_total(
    served: Platform, taken: dict[str, int]
) -> None:
    served.service.streams.taken.update(taken)
    answer = await served.get("a", "/applications/events")
    assert answer.status_code == 429
    assert f"{sum(taken.values())} streams are open" in problem(answer)["detail"]


async def test_a_stream_ends_when_the_hub_does_not_respond(
    served: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    first = served.yarn.submit()
    await served.seen()
    version = served.service.watch.table.version
    async with asyncio.TaskGroup() as group:
        stream = group.create_task(served.get("a", "/applications/events", since=version))
        await until(lambda: served.service.streams.taken)
        served.hub.broken = True
        served.yarn.run(first)
        assert events(await stream) == []
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


async def test_what_only_administrators_of_the_service_can_mend_is_in_its_log(
    served: Platform,
) -> None:
    error = AuthenticationError("no ticket from the keytab /etc/secret.keytab")
    served.yarn.errors = [error] * 10_000
    await until(lambda: served.service.watch.freshness.failure)
    page = (await served.get("a", "/applications")).json()
    assert "its log has the details" in page["failure"]
    assert "keytab" not in page["failure"]


async def test_faults_are_problems_without_details(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(served.service.views, "page", broken)
    answer = await served.get("a", "/applications")
    assert answer.status_code == 500
    assert "secret" not in problem(answer)["detail"]
    for path in ("/nowhere", "/applications/"):
        unknown = await served.get("a", path)
        assert (unknown.status_code, problem(unknown)["status"]) == (404, 404)
