"""The API of builds: started, found, looked at and canceled as the user."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from environments.published.stores import built, spec
from server.platform.answers import problem
from server.platform.serving import UsersClient
from yarnhub.base.errors import ConnectError, QueueAccessDeniedError
from yarnhub.control import diagnostics
from yarnhub.control.outcomes import Cause, Outcome, Subject
from yarnhub.environments.cluster_build.application import LOG, TAG, name_tag
from yarnhub.environments.cluster_build.report import BuildProgress, reported
from yarnhub.server.platform import bodies, builds
from yarnhub.yarn.records.applications import FinalApplicationStatus, YarnApplicationState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from server.platform.logged import Application
    from server.platform.serving import Platform
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.ids import ApplicationId

SPECIFICATION = {"name": "table", "pip": ["tabulate"], "kernel": {}}
DENIED = "org.apache.hadoop.yarn.exceptions.YarnException"


async def started(served: Platform, document: Any, token: str = "a", **query: str) -> Any:
    return await served.request(
        "POST", token, "/environments/build", json=document, params=query or None
    )


def build_of(application: Application, name: str = "table") -> str:
    """Have an application be a build of alice's; returns its id."""
    application.served.yarn.change(
        application.number, application_tags=(TAG, name_tag(name)), name=f"build {name}"
    )
    return str(application.number)


def ended(
    served: Platform, number: ApplicationId, status: FinalApplicationStatus, words: str
) -> None:
    served.yarn.end(number, YarnApplicationState.FINISHED)
    served.yarn.change(number, final_application_status=status, diagnostics=words)


async def test_a_build_starts_as_the_user_and_is_found(served: Platform) -> None:
    answer = await started(served, SPECIFICATION, queue="root.night")
    assert answer.status_code == 202, answer.text
    build = answer.json()
    assert (build["name"], build["state"]) == ("table", "waiting")
    assert "waits for a container for its ApplicationMaster" in build["reason"]
    assert answer.headers["Location"] == f"/hub/api/v1/builds/{build['id']}"
    ((user, specification, queue),) = served.environments.submitted
    assert (user, specification.name, queue) == ("alice", "table", "root.night")
    assert specification.pip == ("tabulate", "ipykernel")
    listed = (await served.get("a", "/builds")).json()
    assert [each["id"] for each in listed["builds"]] == [build["id"]]
    assert (await served.get("b", "/builds")).json()["builds"] == []
    (line,) = served.recorded()
    assert (line["event"], line["actor"], line["environment"], line["application"]) == (
        "build",
        "alice",
        "alice/table",
        build["id"],
    )
    assert line["queue"] == "root.night"
    assert "access" not in line


async def test_who_can_use_what_a_build_publishes_is_recorded(served: Platform) -> None:
    """It replaces who could use an environment that exists."""
    access = {"users": ["bob"], "groups": ["data"]}
    assert (await started(served, {**SPECIFICATION, "access": access})).status_code == 202
    assert served.recorded()[0]["access"] == "bob, group data"


async def test_a_build_that_started_is_no_error_if_it_cannot_be_shown(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client would start it again."""

    async def fail(*_: object) -> None:
        raise ConnectError("No ResourceManager responds")

    monkeypatch.setattr(UsersClient, "application_report", fail)
    answer = await started(served, SPECIFICATION, queue="root.night")
    assert answer.status_code == 202, answer.text
    build = answer.json()
    assert (build["name"], build["state"], build["queue"]) == ("table", "waiting", "root.night")
    assert answer.headers["Location"] == f"/hub/api/v1/builds/{build['id']}"


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"pip": ["tabulate"]}, "name"),
        ({"name": "x", "pip": ["tabulate", "--index-url x"]}, "pip[1]"),
        (
            {"name": "x", "pip": ["tabulate"], "kernel": {"memory": "x", "vcores": 1}},
            "kernel.memory",
        ),
        ({"name": "x", "conda": {"packages": ["x", "-"]}}, "conda.packages[1]"),
        ({"name": "x", "pip": ["tabulate"], "access": {"users": "bob"}}, "access.users"),
        ({"name": "x"}, "pip"),
        ([], ""),
    ],
)
async def test_an_invalid_specification_is_refused_at_its_place(
    served: Platform, document: Any, place: str
) -> None:
    answer = await started(served, document)
    assert answer.status_code == 422
    (error,) = problem(answer)["errors"]
    assert (error["in"], error["name"]) == ("body", place)
    assert served.environments.submitted == []
    assert served.recorded() == []


async def test_a_second_build_of_an_environment_is_refused(served: Platform) -> None:
    first = (await started(served, SPECIFICATION)).json()["id"]
    problem(second := await started(served, SPECIFICATION))
    assert second.status_code == 409
    assert second.json()["detail"] == f"A build of table is running: {first}"
    assert (await started(served, SPECIFICATION, "b")).status_code == 202
    assert [each["event"] for each in served.recorded()] == ["build", "build"]


async def test_without_a_site_nothing_is_built(served: Platform) -> None:
    served.environments.can_build = False
    problem(answer := await started(served, SPECIFICATION))
    assert answer.status_code == 409
    assert "c.Platform.build_site" in answer.json()["detail"]


async def test_a_queue_that_refuses_the_user_is_told_and_recorded(served: Platform) -> None:
    served.environments.error = QueueAccessDeniedError(DENIED, "alice cannot submit to root.night")
    problem(answer := await started(served, SPECIFICATION, queue="root.night"))
    assert answer.status_code == 403
    (line,) = served.recorded()
    assert (line["event"], line["environment"]) == ("refuse", "alice/table")
    assert not served.service.starts.taken


async def test_a_running_build_has_its_last_step_and_its_log(
    logged: Platform, running: Application
) -> None:
    number = build_of(running)
    text = "lock: 3 of 9\n\x1b[1mhello\ninstall: + tabulate==1\ninstall: 2 of 7\nnot: a step\n"
    running.files[LOG] = text.encode()
    build = (await logged.get("a", f"/builds/{number}")).json()
    assert (build["state"], build["step"]) == (
        "running",
        {"name": "install", "done": 2, "total": 7},
    )
    log = await logged.get("a", f"/builds/{number}/log")
    assert log.text == text
    assert log.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert log.headers["Log-Size"] == str(len(text))


async def test_a_build_whose_container_waits_is_not_running(served: Platform) -> None:
    number = served.environments.build("alice", "table")
    served.yarn.run(number)
    build = (await served.get("a", f"/builds/{number}")).json()
    assert (build["state"], build["step"]) == ("waiting", None)
    assert build["reason"] == (
        "Its ApplicationMaster runs, and waits for the container of the build."
    )
    (listed,) = (await served.get("a", "/builds")).json()["builds"]
    assert listed["state"] == "waiting"


async def test_a_build_whose_log_cannot_be_read_has_no_step(
    logged: Platform, running: Application
) -> None:
    number = build_of(running)
    assert (await logged.get("a", f"/builds/{number}")).json()["step"] is None
    problem(log := await logged.get("a", f"/builds/{number}/log"))
    assert log.status_code == 404


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (FinalApplicationStatus.SUCCEEDED, "ready"),
        (FinalApplicationStatus.FAILED, "failed"),
        (FinalApplicationStatus.KILLED, "killed"),
    ],
)
async def test_a_build_that_has_ended_says_how(
    served: Platform, status: FinalApplicationStatus, state: str
) -> None:
    number = served.environments.build("alice", "table")
    ended(served, number, status, "No such package:\n\x1b[31mtabulat")
    build = (await served.get("a", f"/builds/{number}")).json()
    assert build["state"] == state
    assert build["reason"] == "No such package:\ntabulat"
    (listed,) = (await served.get("a", "/builds")).json()["builds"]
    assert listed["state"] == state


async def test_a_build_that_was_killed_after_it_had_published_is_ready(
    served: Platform, tmp_path: Path
) -> None:
    number = served.environments.build("alice", "table")
    ended(served, number, FinalApplicationStatus.KILLED, "Application killed by user.")
    path = f"/builds/{number}"
    assert (await served.get("a", path)).json()["state"] == "killed"
    await served.environments.published.publish(name="other")
    await served.environments.published.store("alice").publish(
        spec(), built(tmp_path), application=str(number)
    )
    assert (await served.get("a", path)).json()["state"] == "ready"


async def test_a_build_that_was_killed_is_shown_without_its_environment(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = served.environments.build("alice", "table")
    ended(served, number, FinalApplicationStatus.KILLED, "Application killed by user.")
    path = f"/builds/{number}"

    async def shown() -> dict[str, Any]:
        answer = await served.get("a", path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        assert found["state"] == "killed"
        assert found["reason"].startswith("Application killed by user.\n")
        assert "Whether the environment was published is unknown" in found["reason"]
        return found

    published = await served.environments.published.publish()
    served.environments.published.hdfs.node(published.url).permission = 0o666
    assert "can be written by other users" in (await shown())["reason"]
    calls = served.service.environment_calls
    with calls.take("alice"), calls.take("alice"):
        assert "are open" in (await shown())["reason"]

    def fail(_user: str) -> None:
        raise ConnectError("No NameNode responds")

    monkeypatch.setattr(served.environments, "store", fail)
    assert "No NameNode responds" in (await shown())["reason"]


async def test_a_build_is_canceled(served: Platform) -> None:
    number = (await started(served, SPECIFICATION)).json()["id"]
    answer = await served.request("POST", "a", f"/builds/{number}/cancel")
    assert answer.status_code == 204, answer.text
    assert (await served.get("a", f"/builds/{number}")).json()["state"] == "killed"
    assert [str(each) for each in served.cleaned] == [number]
    line = served.recorded()[-1]
    assert (line["event"], line["actor"], line["application"]) == ("cancel", "alice", number)


async def test_a_build_that_had_ended_is_not_cleaned_up_again(served: Platform) -> None:
    number = served.environments.build("alice", "table")
    ended(served, number, FinalApplicationStatus.FAILED, "No such package")
    for _ in range(3):
        answer = await served.request("POST", "a", f"/builds/{number}/cancel")
        assert answer.status_code == 204
    assert served.cleaned == []
    assert served.recorded() == []


async def test_what_a_canceled_build_has_uploaded_is_deleted_within_the_limits(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_requests: list[int] = []

    async def clean_up(_client: UsersClient, _number: ApplicationId, *, deadline: float) -> None:
        assert deadline
        open_requests.append(served.service.calls.taken["alice"])

    monkeypatch.setattr(UsersClient, "clean_up", clean_up)
    number = served.environments.build("alice", "table")
    assert (await served.request("POST", "a", f"/builds/{number}/cancel")).status_code == 204
    assert open_requests == [1]


async def test_only_own_builds_are_builds(served: Platform) -> None:
    of_bob = served.environments.build("bob", "table")
    another = served.yarn.submit(tags=("yarnhub-build:table",))
    hostile = served.yarn.submit(tags=(TAG, f"{TAG}:<b>"))
    for number in (of_bob, another, hostile):
        for method, path in (("GET", ""), ("GET", "/log"), ("POST", "/cancel")):
            answer = await served.request(method, "a", f"/builds/{number}{path}")
            assert answer.status_code == 403
            assert problem(answer)["detail"] == f"{number} is not a build of yours"
    assert (await served.get("a", "/builds")).json()["builds"] == []
    assert not any(each.yarn_application_state.ended for each in served.yarn.applications.values())


async def test_of_the_diagnostics_of_builds_a_list_has_what_matters(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """YARN keeps 1000 applications with 64 KiB each: to process all of it takes seconds."""
    monkeypatch.setattr(builds, "MAX_BUILDS", 2)
    processed: list[int] = []

    def noted(report: ApplicationReport) -> BuildProgress:
        processed.append(len(report.diagnostics))
        return reported(report)

    monkeypatch.setattr(builds, "reported", noted)
    memory = Outcome(
        cause=Cause.MEMORY, subject=Subject.MASTER, exit_code=-104, container="c_1", raw="x" * 60000
    )
    for text in ("oldest", "No such package" + "x" * 60000, diagnostics.write(memory)):
        served.yarn.now += 1000
        number = served.environments.build("alice", f"e{served.yarn.now}")
        ended(served, number, FinalApplicationStatus.FAILED, text)
    killed, failed = (await served.get("a", "/builds")).json()["builds"]
    assert "memory" in killed["reason"]
    assert failed["reason"].startswith("No such package")
    assert max(len(each["reason"]) for each in (killed, failed)) < 5000
    assert len(processed) == 2
    assert max(processed) <= 4096


async def test_the_newest_builds_are_listed(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builds, "MAX_BUILDS", 2)
    numbers = []
    for name in ("a", "b", "c"):
        served.yarn.now += 1000
        numbers.append(str(served.environments.build("alice", name)))
    found = (await served.get("a", "/builds")).json()
    assert [each["id"] for each in found["builds"]] == [numbers[2], numbers[1]]
    assert found["total"] == 3


class Upload:
    """A specification whose last byte never comes; it ends if the service needs no more of it."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def content(self) -> AsyncIterator[bytes]:
        yield b'{"name": '
        self.begun.set()
        await asyncio.Event().wait()

    async def send(self, served: Platform, token: str = "a") -> Any:
        async with asyncio.timeout(30):
            return await served.request(
                "POST", token, "/environments/build", content=self.content()
            )


async def test_specifications_are_received_within_the_limits_of_submissions(
    served: Platform,
) -> None:
    """Each has 5 MiB in memory, and the time of a thread."""
    first, second = Upload(), Upload()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(first.send(served))
        await first.begun.wait()
        problem(refused := await second.send(served))
        assert refused.status_code == 429
        assert not second.begun.is_set()
        assert (await started(served, SPECIFICATION, "b")).status_code == 202
        running.cancel()
    assert not served.service.starts.taken


async def test_a_specification_that_does_not_arrive_is_not_waited_for(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_PATIENCE", 0.01)
    problem(late := await Upload().send(served))
    assert late.status_code == 408
    assert not served.service.starts.taken


async def test_without_a_site_no_specification_is_received(served: Platform) -> None:
    served.environments.can_build = False
    upload = Upload()
    problem(refused := await upload.send(served))
    assert refused.status_code == 409
    assert not upload.begun.is_set()


async def test_a_specification_that_is_too_large_is_not_read(
    served: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builds, "MAX_SPECIFICATION", 1000)
    problem(answer := await started(served, {"name": "x", "pip": ["x" * 1000]}))
    assert answer.status_code == 413
