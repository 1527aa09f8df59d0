"""Applications are killed, and moved to another queue, by the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from server.platform.answers import problem
from server.platform.serving import Platform, platform
from yarnhub.server.platform import as_user
from yarnhub.watch.visibility import AccessList
from yarnhub.yarn.records.applications import YarnApplicationState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Platform]:
    async with platform(tmp_path, AccessList()) as served:
        yield served


async def test_owners_kill_their_applications(served: Platform) -> None:
    number = served.yarn.submit()
    for _ in range(2):  # the second time, there is nothing to kill
        answer = await served.request("POST", "a", f"/applications/{number}/kill")
        assert (answer.status_code, answer.content) == (204, b"")
    report = await served.yarn.get_application_report(number)
    assert report.yarn_application_state is YarnApplicationState.KILLED
    (line,) = served.recorded()
    assert (line["event"], line["actor"], line["application"]) == ("kill", "alice", str(number))


async def test_the_kill_of_another_user_s_application_is_refused_and_recorded(
    served: Platform,
) -> None:
    number = served.yarn.submit()
    answer = await served.request("POST", "b", f"/applications/{number}/kill")
    assert answer.status_code == 403
    assert "bob cannot perform operation MODIFY_APP" in problem(answer)["detail"]
    (line,) = served.recorded()
    assert (line["event"], line["actor"], line["user"]) == ("refuse", "bob", "bob")


async def test_an_application_that_ends_slowly_is_told(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(as_user, "END", 0.02)
    served.ends = False
    number = served.yarn.submit()
    answer = await served.request("POST", "a", f"/applications/{number}/kill")
    assert answer.status_code == 202
    assert problem(answer)["detail"] == f"{number} was killed, but has not ended in 0.02 s"
    assert [line["event"] for line in served.recorded()] == ["kill"]


async def test_a_kill_that_yarn_does_not_answer_is_no_success(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(as_user, "ASK", 0.02)
    served.yarn_responds.clear()
    number = served.yarn.submit()
    answer = await served.request("POST", "a", f"/applications/{number}/kill")
    assert answer.status_code == 503
    assert "YARN does not respond" in problem(answer)["detail"]
    (line,) = served.recorded()
    assert "does not respond" in line["reason"], "YARN may have received it"


async def moved(served: Platform, token: str, number: object, queue: object) -> Any:
    return await served.request(
        "POST", token, f"/applications/{number}/move", json={"queue": queue}
    )


async def test_owners_move_their_applications(served: Platform) -> None:
    served.add_queues("root.default", "root.research")
    number = served.yarn.submit()
    answer = await moved(served, "a", number, "research")
    assert (answer.status_code, answer.content) == (204, b"")
    report = await served.yarn.get_application_report(number)
    assert report.queue == "root.research"
    (line,) = served.recorded()
    assert (line["event"], line["actor"], line["application"]) == ("move", "alice", str(number))
    assert line["queue"] == "research"


@pytest.mark.parametrize(
    ("token", "queue", "status", "words"),
    [
        ("b", "research", 403, "bob cannot perform operation MODIFY_APP"),
        ("a", "closed", 403, "alice does not have permission to submit to root.closed"),
        ("a", "nowhere", 409, "the target queue doesn't exist: 'nowhere'"),
    ],
)
async def test_a_move_that_yarn_refuses_is_told_in_its_words_and_recorded(
    served: Platform, token: str, queue: str, status: int, words: str
) -> None:
    served.add_queues("root.default", "root.research", "root.closed")
    served.closed.add("root.closed")
    number = served.yarn.submit()
    answer = await moved(served, token, number, queue)
    assert answer.status_code == status
    assert words in problem(answer)["detail"]
    assert (await served.yarn.get_application_report(number)).queue == "root.default"
    (line,) = served.recorded()
    assert (line["event"], line["queue"]) == ("refuse", queue)


async def test_an_ended_application_is_not_moved(served: Platform) -> None:
    served.add_queues("root.default", "root.research")
    number = served.yarn.submit()
    served.yarn.end(number)
    answer = await moved(served, "a", number, "research")
    assert (answer.status_code, "cannot be moved" in problem(answer)["detail"]) == (409, True)
    unknown = await moved(served, "a", "application_1_0009", "research")
    assert unknown.status_code == 404


@pytest.mark.parametrize("queue", ["", "x" * 257, None, 7, ["a"]])
async def test_what_is_wrong_with_a_queue_is_named(served: Platform, queue: object) -> None:
    answer = await moved(served, "a", served.yarn.submit(), queue)
    assert answer.status_code == 422
    (error,) = problem(answer)["errors"]
    assert (error["in"], error["name"]) == ("body", "queue")
    assert served.recorded() == []


async def test_a_move_that_yarn_does_not_answer_is_no_success(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(as_user, "ASK", 0.02)
    served.yarn_responds.clear()
    answer = await moved(served, "a", served.yarn.submit(), "research")
    assert answer.status_code == 503
    assert "YARN does not respond" in problem(answer)["detail"]
    (line,) = served.recorded()
    assert (line["event"], "does not respond" in line["reason"]) == ("move", True)
