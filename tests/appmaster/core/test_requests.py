from __future__ import annotations

import math
from typing import Any

import pytest

from appmaster.core.scenario import Scenario, application, service
from yarnhub.base.errors import FailureCode
from yarnhub.control.messages import (
    REQUESTS,
    AddContainer,
    AddPage,
    DeleteKey,
    DeleteKeys,
    Entries,
    Entry,
    Failure,
    GetContainers,
    GetKey,
    GetKeys,
    GetSpecification,
    KeyRange,
    Keys,
    KillContainer,
    ListKeys,
    Nothing,
    Page,
    PutKey,
    Request,
    Scale,
    SetProgress,
    Shutdown,
    Specification,
)
from yarnhub.control.messages import ContainerState as S
from yarnhub.hadoop.wire.tokens import TokenStorage

SMALLEST: dict[str, dict[str, Any]] = {
    "Scale": {"service": "a", "count": 1},
    "AddContainer": {"service": "a"},
    "KillContainer": {"id": "a_0"},
    "SetProgress": {"progress": 0.5},
    "GetKey": {"key": "k"},
    "WaitKey": {"key": "k"},
    "PutKey": {"key": "k", "value": b"v"},
    "DeleteKeys": {"range": KeyRange()},
    "DeleteKey": {"key": "k"},
    "UpdateTokens": {"tokens": TokenStorage().write()},
    "WatchTokens": {"after": -1},
    "AddPage": {"page": Page(route="new", target="http://h")},
    "RemovePage": {"route": "r"},
}


@pytest.fixture
def play() -> Scenario:
    scenario = Scenario(application("run", a=service(instances=2), b=service()))
    scenario.start()
    scenario.ask(PutKey(key="k", value=b"v"))
    scenario.ask(AddPage(page=Page(route="r", target="http://h")))
    return scenario


@pytest.mark.parametrize("kind", REQUESTS.values(), ids=lambda kind: kind.name())
def test_every_request_is_answered_with_its_class(play: Scenario, kind: type[Request[Any]]) -> None:
    assert type(play.ask(kind(**SMALLEST.get(kind.name(), {})))) is kind.answer


def test_an_unknown_request_is_refused(play: Scenario) -> None:
    class Other(Request[Nothing]):
        answer = Nothing

    assert play.refusal(Other()) == Failure(FailureCode.UNKNOWN_REQUEST, "unknown request Other")


def test_every_request_has_a_function_of_its_own(play: Scenario) -> None:
    answers = play.application.requests.answers
    assert set(answers) == set(REQUESTS.values())
    assert len(set(answers.values())) == len(answers)


def test_the_specification_is_what_was_submitted(play: Scenario) -> None:
    assert play.ask(GetSpecification()) == Specification(document="the document")


@pytest.mark.parametrize("progress", [0.0, 0.25, 1.0])
def test_progress_is_kept(play: Scenario, progress: float) -> None:
    assert play.application.progress is None
    assert play.ask(SetProgress(progress=progress)) == Nothing()
    assert play.application.progress == progress


@pytest.mark.parametrize("progress", [-0.1, 1.1, math.nan, math.inf, -math.inf])
def test_progress_is_a_share(play: Scenario, progress: float) -> None:
    assert play.refusal(SetProgress(progress=progress)) == Failure(
        FailureCode.INVALID, f"progress must be between 0 and 1, got {progress}"
    )
    assert play.application.progress is None


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (Scale(service="x", count=1), "invalid", "Unknown service 'x'"),
        (Scale(service="a"), "invalid", "give either a count or a delta"),
        (Scale(service="a", count=1, delta=1), "invalid", "give either a count or a delta"),
        (Scale(service="a", count=-1), "invalid", "a count cannot be negative, got -1"),
        (
            Scale(service="a", delta=10_001),
            "invalid",
            "a service has 10000 active instances at most",
        ),
        (AddContainer(service="x"), "invalid", "Unknown service 'x'"),
        (KillContainer(id="x_0"), "invalid", "Unknown service 'x'"),
        (KillContainer(id="a_100"), "invalid", "Service 'a' has no container instance 100"),
        (KillContainer(id="a_01"), "invalid", "Service 'a' has no container instance 01"),
        (KillContainer(id="a_٠"), "invalid", "Service 'a' has no container instance ٠"),
        (
            KillContainer(id="a_" + "9" * 5000),
            "invalid",
            f"Service 'a' has no container instance {'9' * 5000}",
        ),
        (KillContainer(id="a"), "invalid", "'a' is not a container's id, like 'worker_0'"),
        (KillContainer(id="a_-1"), "invalid", "'a_-1' is not a container's id, like 'worker_0'"),
        (KillContainer(id="_0"), "invalid", "'_0' is not a container's id, like 'worker_0'"),
        (KillContainer(id=""), "invalid", "'' is not a container's id, like 'worker_0'"),
        (GetContainers(services=("a", "x")), "invalid", "Unknown service 'x'"),
        (PutKey(key="n", value=b"", owner="x_0"), "invalid", "Unknown service 'x'"),
        (
            PutKey(key="n", value=b"", owner="a_01"),
            "invalid",
            "Service 'a' has no container instance 01",
        ),
        (
            PutKey(key="n", value=b"", owner="a_9"),
            "invalid",
            "Service 'a' has no container instance 9",
        ),
        (
            GetKeys(range=KeyRange(prefix="a", start="b")),
            "invalid",
            "give either a prefix or a start and an end",
        ),
        (
            ListKeys(range=KeyRange(prefix="", end="b")),
            "invalid",
            "give either a prefix or a start and an end",
        ),
        (
            DeleteKeys(range=KeyRange(prefix="a", end="b")),
            "invalid",
            "give either a prefix or a start and an end",
        ),
    ],
)
def test_refused(play: Scenario, request_: Request[Any], code: str, message: str) -> None:
    states, asked = play.states(), dict(play.asked)
    assert play.refusal(request_) == Failure(FailureCode(code), message)
    assert (play.states(), play.asked) == (states, asked), "nothing was changed"
    assert play.ask(ListKeys()).keys == ("k",)


@pytest.mark.parametrize("env", [{"a b": "1"}, {"X;rm": "1"}, {"": "1"}, {"X": "a\0b"}])
def test_variables_that_a_shell_cannot_export_are_refused(
    play: Scenario, env: dict[str, str]
) -> None:
    # They would be written into the script that launches the container.
    failure = play.refusal(AddContainer(service="a", env=env))
    assert failure.code == "invalid"
    assert failure.message.startswith("env.")
    assert play.states("a") == ["REQUESTED"] * 2


def test_a_key_cannot_belong_to_what_has_ended(play: Scenario) -> None:
    play.ask(KillContainer(id="a_0"))
    assert play.refusal(PutKey(key="n", value=b"", owner="a_0")) == Failure(
        FailureCode.INVALID, "Container 'a_0' has already completed"
    )


def test_adding_a_container_answers_with_it(play: Scenario) -> None:
    added = play.ask(AddContainer(service="a", env={"X": "1"}))
    assert (added.id, added.state) == ("a_2", S.REQUESTED)
    assert play.asked["a"] == 3


def test_containers_are_sorted_and_filtered(play: Scenario) -> None:
    (given, _) = play.allocate("a", 2)
    play.complete(given)

    def ids(**filters: Any) -> list[str]:
        return [each.id for each in play.ask(GetContainers(**filters)).containers]

    assert ids() == ["a_1", "b_0"]
    assert ids(states=None) == ["a_0", "a_1", "b_0"]
    assert ids(services=("b", "a", "b"), states=None) == ["a_0", "a_1", "b_0"]
    assert ids(services=("b",)) == ["b_0"]
    assert ids(services=()) == []
    assert ids(states=()) == []
    assert ids(states=(S.SUCCEEDED, S.REQUESTED)) == ["a_0", "b_0"]


def test_instances_are_sorted_by_number_not_by_text() -> None:
    play = Scenario(application("run", a=service(instances=11)))
    play.start()
    found = [each.instance for each in play.ask(GetContainers()).containers]
    assert found == list(range(11))


def test_keys(play: Scenario) -> None:
    for key in ("a", "ab", "b"):
        assert play.ask(PutKey(key=key, value=key.encode())) == Nothing()
    assert play.ask(GetKey(key="ab")) == Entries(entries=(Entry(key="ab", value=b"ab"),))
    assert play.ask(GetKey(key="missing")) == Entries(entries=())
    assert play.ask(ListKeys(range=KeyRange(start="ab", end="k"))) == Keys(keys=("ab", "b"))
    assert play.ask(GetKeys(range=KeyRange(prefix="a"))) == Entries(
        entries=(Entry(key="a", value=b"a"), Entry(key="ab", value=b"ab"))
    )
    assert play.ask(DeleteKey(key="b")) == Keys(keys=("b",))
    assert play.ask(DeleteKey(key="b")) == Keys(keys=())
    assert play.ask(DeleteKeys(range=KeyRange(prefix="a"))) == Keys(keys=("a", "ab"))
    assert play.ask(ListKeys()) == Keys(keys=("k",))


def test_shutdown_names_status_and_words(play: Scenario) -> None:
    assert play.ask(Shutdown(diagnostics="x")) == Nothing()
    assert play.finish is not None
    assert play.finish.diagnostics == "x"
