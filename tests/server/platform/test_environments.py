"""The API of environments: who sees, shares and deletes which ones."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from environments.published.stores import built, spec
from filesystem.fake_hdfs import FakeHdfsFileSystem
from server.platform.answers import problem
from yarnhub.base.deadline import Deadline
from yarnhub.base.errors import ConnectError
from yarnhub.environments.problems import Problem, ProblemKind
from yarnhub.environments.published.usage import tag
from yarnhub.server.platform import environments

if TYPE_CHECKING:
    from pathlib import Path

    from server.platform.serving import Platform


async def shown(served: Platform, path: str, token: str = "a", **query: Any) -> dict[str, Any]:
    answer = await served.get(token, path, **query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def names(served: Platform, token: str = "a", **query: Any) -> list[str]:
    page = await shown(served, "/environments", token, **query)
    return [f"{each['owner']}/{each['name']}" for each in page["environments"]]


async def test_users_see_their_own_and_what_is_shared_with_them(served: Platform) -> None:
    published = served.environments.published
    await published.publish("bob", "tools")
    await published.publish("alice", "table", readers=("bob",))
    await published.publish("alice", "secret")
    assert await names(served, "a") == ["alice/secret", "alice/table"]
    assert await names(served, "b") == ["bob/tools", "alice/table"]
    assert await names(served, "b", first=1, limit=1) == ["alice/table"]
    own, *_ = (await shown(served, "/environments", first=1))["environments"]
    assert (own["version"], own["python"], own["kernel"]) == (1, "3.12.1", True)
    assert own["access"] == {"users": ["bob"], "groups": [], "everyone": False}
    assert own["size"] == 1000
    others = (await shown(served, "/environments", "b", first=1))["environments"]
    assert others[0]["access"] is None


async def test_without_environments_the_list_is_empty(served: Platform) -> None:
    page = await shown(served, "/environments")
    assert (page["total"], page["environments"], page["unusable"]) == (0, [], [])


async def test_an_environment_has_its_versions_and_the_packages_of_one(served: Platform) -> None:
    published = served.environments.published
    await published.publish(version="1", packages=("tabulate",))
    await published.publish(version="2")
    found = await shown(served, "/environments/alice/table")
    assert [each["number"] for each in found["versions"]] == [2, 1]
    assert found["packages"] == {"ipykernel": "2", "tabulate": "2"}
    older = await shown(served, "/environments/alice/table", version=1)
    assert older["shown"]["number"] == 1
    assert older["packages"] == {"tabulate": "1"}
    problem(missing := await served.get("a", "/environments/alice/table", version=7))
    assert missing.status_code == 404


async def test_of_many_versions_the_newest_are_read(served: Platform) -> None:
    """Their owner could make each of them large."""
    for number in range(1, 24):
        await served.environments.published.publish(version=str(number), readers=("bob",))
    found = await shown(served, "/environments/alice/table", "b")
    assert [each["number"] for each in found["versions"]] == [*range(23, 3, -1)]
    assert found["older"]
    first = await shown(served, "/environments/alice/table", "b", version=1)
    assert first["shown"]["number"] == 1
    difference = await shown(served, "/environments/alice/table/difference", "b", old=1, new=2)
    assert len(difference["packages"]) == 2


async def test_what_was_found_in_an_environment_is_told(served: Platform, tmp_path: Path) -> None:
    await served.environments.published.publish()
    found = Problem("bin/\x1b[31mx", ProblemKind.BUILD_PATH)
    content = replace(built(tmp_path, version="2"), problems=(found,))
    await served.environments.published.store("alice").publish(spec(), content)
    shown_of = await shown(served, "/environments/alice/table")
    (text,) = shown_of["problems"]
    assert text.startswith("bin/x contains the path")


async def test_two_versions_are_compared(served: Platform) -> None:
    published = served.environments.published
    await published.publish(version="1", packages=("old", "tabulate"))
    problem(alone := await served.get("a", "/environments/alice/table/difference"))
    assert alone.status_code == 404
    assert "no version before 1" in alone.json()["detail"]
    await published.publish(version="2", packages=("new", "tabulate"))
    found = await shown(served, "/environments/alice/table/difference")
    assert (found["old"], found["new"], found["same"]) == (1, 2, False)
    assert found["packages"] == [
        {"name": "new", "old": None, "new": "2"},
        {"name": "old", "old": "1", "new": None},
        {"name": "tabulate", "old": "1", "new": "2"},
    ]
    back = await shown(served, "/environments/alice/table/difference", old=2, new=1)
    assert back["packages"][0] == {"name": "new", "old": "2", "new": None}


async def test_sharing_replaces_who_could_use_it(served: Platform) -> None:
    await served.environments.published.publish()
    path = "/environments/alice/table/share"
    assert await names(served, "b") == []
    answer = await served.request("POST", "a", path, json={"users": ["bob"]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["access"]["users"] == ["bob"]
    assert await names(served, "b") == ["alice/table"]
    answer = await served.request("POST", "a", path, json={})
    assert answer.json()["access"]["users"] == []
    assert await names(served, "b") == []
    lines = [(each["event"], each["actor"], each["access"]) for each in served.recorded()]
    assert lines == [("share", "alice", "bob"), ("share", "alice", "nobody")]


async def test_the_sharing_of_a_damaged_environment_is_recorded(served: Platform) -> None:
    published = await served.environments.published.publish(readers=("bob",))
    served.environments.published.hdfs.node(published.url).permission = 0o666
    path = "/environments/alice/table/share"
    problem(answer := await served.request("POST", "a", path, json={}))
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("Who can use it was changed, but the environment")
    (line,) = served.recorded()
    assert (line["event"], line["access"]) == ("share", "nobody")


@pytest.mark.parametrize(
    ("content", "status", "place"),
    [
        ('{"users": ["bob", 7]}', 422, "users[1]"),
        ('{"people": []}', 422, ""),
        ("{", 422, ""),
        ("[" * 10_000, 422, ""),
        (b"\xff", 422, ""),
        ('{"users": ["' + "x" * (1 << 18) + '"]}', 413, None),
    ],
)
async def test_an_invalid_request_to_share_is_refused_at_its_place(
    served: Platform, content: str | bytes, status: int, place: str | None
) -> None:
    await served.environments.published.publish()
    answer = await served.request("POST", "a", "/environments/alice/table/share", content=content)
    assert answer.status_code == status
    errors = problem(answer).get("errors", [])
    assert [(each["in"], each["name"]) for each in errors] == (
        [] if place is None else [("body", place)]
    )
    assert served.recorded() == []


async def test_what_is_used_is_deleted_with_force_only(served: Platform) -> None:
    found = await served.environments.published.publish()
    user = served.yarn.submit("alice", (tag(found.manifest.key),))
    path = "/environments/alice/table/delete"
    problem(refused := await served.request("POST", "a", path))
    assert refused.status_code == 409
    assert str(user) in refused.json()["detail"]
    assert "--force" not in refused.text
    assert served.recorded() == []
    assert (await served.request("POST", "a", f"{path}?force=true")).status_code == 204
    assert await names(served) == []
    (line,) = served.recorded()
    assert (line["event"], line["environment"]) == ("delete", "alice/table")
    problem(again := await served.request("POST", "a", path))
    assert again.status_code == 404


async def test_whether_it_is_used_is_requested_within_the_limits_of_yarn(served: Platform) -> None:
    await served.environments.published.publish()
    calls = served.service.calls
    with calls.take("alice"), calls.take("alice"):
        problem(refused := await served.request("POST", "a", "/environments/alice/table/delete"))
    assert refused.status_code == 429
    assert await names(served) == ["alice/table"]


async def test_what_is_shared_is_deleted_with_force_only(served: Platform) -> None:
    await served.environments.published.publish(readers=("bob",))
    problem(refused := await served.request("POST", "a", "/environments/alice/table/delete"))
    assert refused.status_code == 409
    assert refused.json()["detail"].startswith("It is shared")


async def test_a_version_that_is_not_current_is_deleted(served: Platform) -> None:
    await served.environments.published.publish(version="1")
    await served.environments.published.publish(version="2")
    path = "/environments/alice/table/versions"
    problem(current := await served.request("POST", "a", f"{path}/2/delete"))
    assert current.status_code == 409
    assert (await served.request("POST", "a", f"{path}/1/delete")).status_code == 204
    found = await shown(served, "/environments/alice/table")
    assert [each["number"] for each in found["versions"]] == [2]


@pytest.mark.parametrize(("action", "call"), [("share", "set_access"), ("delete", "move")])
async def test_what_hdfs_has_not_confirmed_in_time_is_recorded(
    served: Platform, monkeypatch: pytest.MonkeyPatch, action: str, call: str
) -> None:
    """It may have been done."""
    await served.environments.published.publish()
    deadlines: list[asyncio.Timeout] = []

    class Noted(Deadline):
        async def __aenter__(self) -> asyncio.Timeout:
            deadlines.append(await super().__aenter__())
            return deadlines[-1]

    async def hang(*_: object) -> None:
        deadlines[0].reschedule(asyncio.get_running_loop().time())
        await asyncio.Event().wait()

    monkeypatch.setattr(environments, "Deadline", Noted)
    monkeypatch.setattr(FakeHdfsFileSystem, call, hang)
    path = f"/environments/alice/table/{action}"
    problem(late := await served.request("POST", "a", path, json={}))
    assert late.status_code == 503
    (line,) = served.recorded()
    assert (line["event"], line["environment"]) == (action, "alice/table")
    assert line["reason"].endswith("whether it was done is unknown")


@pytest.mark.parametrize("action", ["share", "delete", "versions/1/delete"])
async def test_others_cannot_change_it(served: Platform, action: str) -> None:
    await served.environments.published.publish(readers=("bob",))
    path = f"/environments/alice/table/{action}?force=true"
    problem(refused := await served.request("POST", "b", path, json={}))
    assert refused.status_code == 403
    assert await names(served, "a") == ["alice/table"]
    (line,) = served.recorded()
    assert (line["event"], line["actor"]) == ("refuse", "bob")


async def test_an_environment_of_others_that_is_not_shared_is_not_found(served: Platform) -> None:
    await served.environments.published.publish()
    for path in ("/environments/alice/table", "/environments/alice/none"):
        problem(answer := await served.get("b", path))
        assert answer.status_code == 404
        assert "not shared with you" in answer.json()["detail"]


async def test_hdfs_that_is_down_is_told(served: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_user: str) -> None:
        raise ConnectError("No NameNode responds")

    monkeypatch.setattr(served.environments, "store", fail)
    problem(answer := await served.get("a", "/environments"))
    assert answer.status_code == 503
    assert "No NameNode responds" in answer.json()["detail"]
    assert not served.service.environment_calls.taken


async def test_requests_of_a_user_are_limited(served: Platform) -> None:
    with (
        served.service.environment_calls.take("alice"),
        served.service.environment_calls.take("alice"),
    ):
        problem(answer := await served.get("a", "/environments"))
        assert answer.status_code == 429
        assert (await served.get("b", "/environments")).status_code == 200
