"""Limits by the API: users see their own, administrators change those of all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from server.platform import answers
from server.platform.serving import UsersClient, administered
from yarnhub.base.errors import ConnectError
from yarnhub.database.connections import Database
from yarnhub.database.errors import DatabaseUnavailableError
from yarnhub.environments.cluster_build.application import TAG, name_tag
from yarnhub.server.platform.limit_documents import MAX_COUNT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

    from server.platform.serving import Platform
    from yarnhub.yarn.records.applications import ApplicationReport

RTL = "\u202egnp.exe"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Platform]:
    async with administered(tmp_path) as served:
        yield served


def problem(answer: httpx.Response, status: int) -> Any:
    """The document of a refusal with this status."""
    assert answer.status_code == status, answer.text
    return answers.problem(answer)


async def put(
    served: Platform, path: str, limit: Any, token: str = "c", **more: Any
) -> httpx.Response:
    which, _, query = path.partition("?")
    url = f"/limits/entries/{which}/set?{query}"
    return await served.request("POST", token, url, json=limit, **more)


async def own(served: Platform, token: str = "a") -> dict[str, Any]:
    """A user's limits, by kind, as soon as they are those that are set."""
    wanted = {
        (each["kind"], each["scope"], each["name"]): each["limit"]
        for each in (await served.get("c", "/limits/entries")).json()
    }
    async with asyncio.timeout(30):
        while wanted != {
            (kind, whom.scope.value, whom.name): {
                "count": limit.count,
                "memory": None if limit.memory is None else limit.memory >> 20,
                "vcores": limit.vcores,
            }
            for kind, found in served.service.current_limits.entries.items()
            for whom, limit in found.items()
        }:
            await asyncio.sleep(0.001)
    answer = await served.get(token, "/limits")
    assert answer.status_code == 200, answer.text
    return {each["kind"]: each for each in answer.json()}


async def test_a_user_sees_the_limit_what_is_held_and_what_is_left(served: Platform) -> None:
    for _ in range(2):
        kernel = served.yarn.submit(tags=("kernel",))
        served.yarn.change(kernel, application_type="skein")
        served.yarn.run(kernel)  # with 1 GiB
    served.yarn.submit("bob", tags=("kernel",))
    await served.seen()
    assert (await put(served, "kernels/each-user", {"count": 5, "memory": 4096})).status_code == 200
    assert (await put(served, "kernels/all", {"count": 50})).status_code == 200
    assert (await put(served, "kernels/group?name=ml", {"vcores": 9})).status_code == 200
    assert (await put(served, "kernels/group?name=other", {"vcores": 8})).status_code == 200
    served.hub.groups["alice"] = ["ml"]

    found = await own(served)

    assert found["kernels"] == {
        "kind": "kernels",
        "scope": "each-user",
        "limit": {"count": 5, "memory": 4096, "vcores": None},
        "held": {"count": 2, "memory": 2048, "vcores": 2},
        "left": {"count": 3, "memory": 2048, "vcores": None},
        "shared": [
            {"scope": "group", "name": "ml", "limit": {"count": None, "memory": None, "vcores": 9}},
            {"scope": "all", "name": "", "limit": {"count": 50, "memory": None, "vcores": None}},
        ],
    }
    servers = found["servers"]
    assert (servers["scope"], servers["limit"], servers["left"]) == (None, None, None)

    assert (await put(served, "kernels/user?name=alice", {"count": 1})).status_code == 200
    mine = (await own(served))["kernels"]
    assert (mine["scope"], mine["left"]["count"]) == ("user", 0)  # more is held
    assert (await own(served, "b"))["kernels"]["scope"] == "each-user"


async def test_only_administrators_see_and_change_them(served: Platform) -> None:
    for method, path in (
        ("GET", "/limits/entries"),
        ("POST", "/limits/entries/kernels/all/set"),
        ("POST", "/limits/entries/kernels/all/remove"),
    ):
        assert (await served.request(method, "", path, json={})).status_code == 401
        answer = await served.request(method, "a", path, json={"count": 99})
        assert problem(answer, 403)["detail"].startswith("Only administrators")
    refused = [each for each in served.recorded() if each["event"] == "refuse"]
    assert {(each["actor"], each["action"]) for each in refused} == {("alice", "limits")}
    assert (await served.get("c", "/limits/entries")).json() == []

    served.hub.groups["dave"] = ["admins"]
    assert (await put(served, "kernels/all", {"count": 1}, token="d")).status_code == 200
    served.hub.groups["dave"] = []
    assert (await put(served, "kernels/all", {"count": 2}, token="d")).status_code == 403


async def test_each_change_is_recorded(served: Platform) -> None:
    await put(served, "servers/user?name=bob", {"count": 0, "memory": 1024})
    for _ in range(2):
        await served.request("POST", "c", "/limits/entries/servers/user/remove?name=bob")
    first, second = served.recorded()
    about = {"event": "limit", "actor": "carol", "kind": "servers", "scope": "user", "name": "bob"}
    assert first.items() >= (about | {"count": 0, "memory": 1024, "vcores": "none"}).items()
    assert second.items() >= (about | {"removed": True}).items()


async def test_of_two_administrators_at_once_the_second_is_told(served: Platform) -> None:
    first = await put(served, "servers/all", {"count": 1}, headers={"If-None-Match": "*"})
    tag = {"If-Match": first.headers["ETag"]}
    again = await put(served, "servers/all", {"count": 2}, headers={"If-None-Match": "*"})
    assert "carol has already set it" in problem(again, 412)["detail"]

    assert (await put(served, "servers/all", {"count": 3}, headers=tag)).status_code == 200
    assert (await put(served, "servers/all", {"count": 4}, headers=tag)).status_code == 412
    stale = await served.request("POST", "c", "/limits/entries/servers/all/remove", headers=tag)
    assert stale.status_code == 412
    (entry,) = (await served.get("c", "/limits/entries")).json()
    assert entry["limit"]["count"] == 3

    tag = {"If-Match": f'"{entry["revision"]}"'}
    gone = await served.request("POST", "c", "/limits/entries/servers/all/remove", headers=tag)
    assert gone.status_code == 204
    assert (
        await served.request("POST", "c", "/limits/entries/servers/all/remove")
    ).status_code == 404
    assert (
        "has removed it"
        in problem(await put(served, "servers/all", {"count": 4}, headers=tag), 412)["detail"]
    )


@pytest.mark.parametrize(
    ("path", "limit", "name"),
    [
        ("kernels/all", {"count": -1}, "count"),
        ("kernels/all", {"count": MAX_COUNT + 1}, "count"),
        ("kernels/all", {"memory": 10**30}, "memory"),
        ("kernels/all", {"vcores": 1.5}, "vcores"),
        ("kernels/all", {"count": "3"}, "count"),
        ("kernels/all", {"count": True}, "count"),
        ("clusters/all", {"cores": 3}, "cores"),  # as the backend's file has it
        ("kernels/all", [], ""),
        ("builds/all", {"count": 1, "memory": 1024}, "memory"),
        ("kernels/all?name=alice", {}, "name"),
        ("kernels/user", {}, "name"),
        ("kernels/group?name=%20", {}, "name"),
        ("kernels/user?name=%20alice", {}, "name"),
        (f"kernels/user?name={RTL}", {}, "name"),
        ("kernels/user?name=a%0Ab", {}, "name"),
        (f"kernels/user?name={'x' * 10_000}", {}, "name"),
        ("boats/all", {}, "kind"),
        ("kernels/some", {}, "scope"),
    ],
)
async def test_what_is_invalid_is_named(served: Platform, path: str, limit: Any, name: str) -> None:
    answer = await put(served, path, limit)
    assert [each["name"] for each in problem(answer, 422)["errors"]] == [name]
    assert (await served.get("c", "/limits/entries")).json() == []


async def test_a_body_has_a_limit(served: Platform) -> None:
    assert (await put(served, "kernels/all", {"count": "x" * 10_000})).status_code == 413


async def test_an_unusual_name_is_a_name(served: Platform) -> None:
    name = "<script>alert(1)</script>/../é"
    path = "/limits/entries/kernels/group/set"
    answer = await served.request("POST", "c", path, params={"name": name}, json={"count": 1})
    assert answer.json()["name"] == name
    assert [each["name"] for each in (await served.get("c", "/limits/entries")).json()] == [name]


async def test_a_database_that_does_not_respond_hides_no_limit(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(served, "kernels/each-user", {"count": 5})
    await own(served)

    def away(_: Database, _seconds: float = 0) -> Any:
        raise DatabaseUnavailableError("the database is away")

    for name in ("reading", "writing"):
        monkeypatch.setattr(Database, name, away)
    assert (await put(served, "kernels/each-user", {"count": 6})).status_code == 503
    assert (await served.get("c", "/limits/entries")).status_code == 503
    shown = {each["kind"]: each["limit"] for each in (await served.get("a", "/limits")).json()}
    assert shown["kernels"]["count"] == 5
    unsure = served.recorded()[-1]
    assert (unsure["event"], unsure["count"], unsure["reason"]) == (
        "limit",
        6,
        "the database is away",
    )


# --- builds


def build(served: Platform, user: str, name: str) -> None:
    served.yarn.submit(user, (TAG, name_tag(name)), name=f"build {name}")


async def start(served: Platform, name: str, token: str = "a") -> httpx.Response:
    document = {"name": name, "pip": ["tabulate"]}
    return await served.request("POST", token, "/environments/build", json=document)


async def test_builds_obey_a_limit_that_an_administrator_lowers(served: Platform) -> None:
    for name in ("one", "two"):
        assert (await start(served, name)).status_code == 202
    await put(served, "builds/each-user", {"count": 2})
    await own(served)
    assert problem(await start(served, "three"), 409)["detail"] == (
        "This build would exceed the limit of the user alice: 2 builds of 2 builds in use, and it "
        "needs 1 build. Wait until a build has ended, cancel one, or ask an administrator for a "
        "higher limit."
    )
    assert (await start(served, "three", "b")).status_code == 202
    last = served.recorded()
    assert ["refuse", "build"] in [[each["event"], each.get("action")] for each in last]
    # What runs continues; what has ended does not count.
    number = next(iter(served.yarn.applications))
    assert not served.yarn.applications[number].yarn_application_state.ended
    served.yarn.end(number)
    assert (await start(served, "three")).status_code == 202
    await put(served, "builds/each-user", {"count": 0})
    await own(served)
    none = problem(await start(served, "four"), 409)["detail"]
    assert (
        none == "The limit of the user alice is 0 builds. Ask an administrator for a higher limit."
    )
    await served.request("POST", "c", "/limits/entries/builds/each-user/remove")
    await own(served)
    assert (await start(served, "four")).status_code == 202


async def test_builds_of_a_group_count_together(served: Platform) -> None:
    served.hub.groups |= {"alice": ["ml"], "bob": ["ml"]}
    await put(served, "builds/group?name=ml", {"count": 1})
    await own(served)
    build(served, "mallory", "other")
    assert (await start(served, "one", "b")).status_code == 202
    refused = problem(await start(served, "two"), 409)["detail"]
    assert "limit of the group ml: 1 build of 1 build in use" in refused


async def test_builds_of_others_count_if_yarn_shows_users_only_their_own(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = UsersClient.applications

    async def of_user(self: UsersClient, request: Any) -> tuple[ApplicationReport, ...]:
        return tuple(each for each in await listed(self, request) if each.user == self.user_name)

    monkeypatch.setattr(UsersClient, "applications", of_user)
    build(served, "bob", "one")
    number = served.yarn.submit("bob", tags=("other",))  # not a build
    await put(served, "builds/all", {"count": 1})
    async with asyncio.timeout(30):
        while number not in served.service.watch.table.open:
            await asyncio.sleep(0.001)
    await own(served)
    refused = problem(await start(served, "two"), 409)["detail"]
    assert "limit of the service: 1 build of 1 build in use" in refused


async def test_of_two_builds_at_once_a_limit_of_one_lets_one_through(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(served, "builds/all", {"count": 1})
    await own(served)
    both_are_listed, listed, begin = asyncio.Event(), [], served.environments.start

    async def starts(*arguments: Any) -> Any:
        await both_are_listed.wait()
        return await begin(*arguments)

    monkeypatch.setattr(served.environments, "start", starts)

    async def one(name: str, token: str) -> int:
        answer = await start(served, name, token)
        listed.append(answer.status_code)
        both_are_listed.set()  # the other one was refused
        return answer.status_code

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        for name, token in (("one", "a"), ("two", "b")):
            tasks.create_task(one(name, token))
    assert sorted(listed) == [202, 409]


async def test_a_build_that_was_not_accepted_does_not_count(served: Platform) -> None:
    await put(served, "builds/each-user", {"count": 1})
    await own(served)
    served.environments.error = ConnectError("YARN is away")
    assert (await start(served, "one")).status_code == 503
    served.environments.error = None
    assert (await start(served, "one")).status_code == 202
