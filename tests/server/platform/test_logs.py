"""The lists of logs by the API: what they have, why there are none, and who may read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from client.logs.aggregated_logs import application as recorded
from hadoop.http_server import server
from server.platform.answers import problem
from server.platform.logged import AGGREGATED, TEXT, Application
from yarn.logs.recorded import CONTENT
from yarnhub.server.platform import logs
from yarnhub.yarn.records.applications import LogAggregationStatus as Aggregation
from yarnhub.yarn.records.ids import ApplicationAttemptId

if TYPE_CHECKING:
    from server.platform.serving import Platform


async def test_files_of_a_running_application_are_listed_with_the_names_of_instances(
    logged: Platform, running: Application
) -> None:
    answer = await logged.get("a", running.logs)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    of_all = {"container": running.container, "instance": "worker_2", "grows": True}
    assert page["files"] == [
        {**of_all, "name": "worker_2.container", "size": 0},
        {**of_all, "name": "x.log", "size": len(TEXT)},
    ]
    assert (page["total"], page["problems"], page["notice"]) == (1, [], None)
    assert not logged.service.calls.taken


async def test_files_of_an_ended_application_are_listed(logged: Platform, ended: Any) -> None:
    path, container = ended
    page = (await logged.get("a", path)).json()
    assert page["total"] == 2
    assert [each["container"] for each in page["files"][-len(CONTENT) :]] == [container] * len(
        CONTENT
    )
    sizes = {each["name"]: each["size"] for each in page["files"] if not each["grows"]}
    assert sizes == {name: len(data) for name, data in CONTENT.items()}
    second = (await logged.get("a", path, first=1)).json()
    assert {each["container"] for each in second["files"]} == {container}


async def test_only_the_nodes_of_a_page_are_asked(logged: Platform, running: Application) -> None:
    later = running.start(3)
    page = (await logged.get("a", running.logs, first=1, limit=1)).json()
    assert (page["first"], page["total"]) == (1, 2)
    assert {each["container"] for each in page["files"]} == {later}
    assert all(each.startswith(later) for each in logged.nodes.asked)
    assert (await logged.get("a", running.logs, first=9)).json()["files"] == []


async def test_a_node_that_does_not_respond_is_a_problem_of_its_containers(
    logged: Platform, running: Application
) -> None:
    async with server(logged.nodes) as gone:
        logged.nodes.addresses[running.start(3)] = gone.partition("//")[2]
    page = (await logged.get("a", running.logs)).json()
    assert {each["container"] for each in page["files"]} == {running.container}
    (failed,) = page["problems"]
    assert failed["container"].endswith("_000003")
    assert "NodeManager's web server cannot be reached" in failed["detail"]


async def test_long_lists_are_cut(
    logged: Platform, running: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MAX_FILES", 1)
    page = (await logged.get("a", running.logs)).json()
    assert len(page["files"]) == 1
    assert page["notice"] == "Only the first 1 files are listed."


async def test_missing_uploads_are_told(logged: Platform, ended: Any) -> None:
    path, _ = ended
    logged.yarn.change(recorded(AGGREGATED), log_aggregation_status=Aggregation.RUNNING)
    page = (await logged.get("a", path)).json()
    assert page["notice"] == "Not all nodes have uploaded their logs."


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"log_aggregation_status": Aggregation.DISABLED}, 404, "does not keep the logs"),
        ({"log_aggregation_status": Aggregation.RUNNING}, 409, "not been uploaded yet"),
        ({"log_aggregation_status": Aggregation.NOT_START}, 409, "not been uploaded yet"),
        (
            {"log_aggregation_status": Aggregation.NOT_START, "launch_time": 0},
            404,
            "before its first container started",
        ),
        ({"log_aggregation_status": Aggregation.NOT_START, "finish_time": 1}, 404, "were removed"),
        ({"log_aggregation_status": Aggregation.SUCCEEDED}, 404, "were removed"),
        ({"log_aggregation_status": Aggregation.FAILED}, 404, "could not upload"),
        ({"log_aggregation_status": None}, 409, "old logs are deleted"),
    ],
)
async def test_why_an_ended_application_has_no_logs(
    logged: Platform, running: Application, changes: dict[str, Any], status: int, words: str
) -> None:
    running.end()
    logged.yarn.change(running.number, **changes)
    for path in (running.logs, running.log, f"{running.log}/events"):
        answer = await logged.get("a", path)
        assert (answer.status_code, problem(answer)["status"]) == (status, status)
        assert words in problem(answer)["detail"]


async def test_an_application_without_containers_has_not_begun(logged: Platform) -> None:
    number = logged.yarn.submit()
    attempt = ApplicationAttemptId(application_id=number, attempt_id=1)
    logged.yarn.change(number, current_application_attempt_id=attempt)
    answer = await logged.get("a", f"/applications/{number}/logs")
    assert answer.status_code == 409
    assert "ACCEPTED, and none of its containers has started" in problem(answer)["detail"]


async def test_an_archive_is_told(logged: Platform, ended: Any) -> None:
    path, _ = ended
    (file,) = logged.logs.rglob("localhost_18041")
    file.rename(file.parent / "x.har")
    answer = await logged.get("a", path)
    assert answer.status_code == 404
    assert "Hadoop archive" in problem(answer)["detail"]


async def test_a_forgotten_application_has_logs_for_its_owner_only(
    logged: Platform, ended: Any
) -> None:
    path, _ = ended
    logged.yarn.forget(recorded(AGGREGATED))
    assert (await logged.get("a", path)).json()["total"] == 2
    answer = await logged.get("b", path)
    assert answer.status_code == 404
    assert "doesn't exist" in problem(answer)["detail"]


@pytest.mark.parametrize("end", ["", "/events", "?download=true"])
async def test_logs_of_others_are_refused_without_asking_a_node(
    logged: Platform, running: Application, end: str
) -> None:
    for path in (running.logs, f"{running.log}{end}"):
        answer = await logged.get("b", path)
        assert answer.status_code == 403
        assert "belongs to alice, who does not allow bob to view it" in problem(answer)["detail"]
        assert (await logged.get("", path)).status_code == 401
    assert logged.nodes.asked == []


@pytest.mark.parametrize("end", ["", "/events", "?download=true"])
async def test_aggregated_logs_of_others_are_refused_where_files_would_not(
    logged: Platform, ended: Any, end: str
) -> None:
    path, container = ended
    for each in (path, f"{path}/{container}/stdout{end}"):
        answer = await logged.get("b", each)
        assert answer.status_code == 403
        assert "does not allow bob" in problem(answer)["detail"]


async def test_a_container_of_another_application_is_not_found(
    logged: Platform, running: Application
) -> None:
    own = Application(logged)
    logged.yarn.change(own.number, user="bob")
    for end in ("", "/events", "?download=true"):
        answer = await logged.get("b", f"{own.logs}/{running.container}/x.log{end}")
        assert answer.status_code == 404
        assert "not a running container of this application" in problem(answer)["detail"]
    assert logged.nodes.asked == []


@pytest.mark.parametrize("end", ["", "/x.log", "/x.log/events", "/x.log?download=true"])
async def test_a_node_that_refuses_the_service_s_account_is_explained(
    logged: Platform, running: Application, end: str
) -> None:
    logged.nodes.refused.add("alice")  # on a cluster with Kerberos, the service's account
    path = f"{running.logs}/{running.container}{end}" if end else running.logs
    answer = await logged.get("a", path)
    assert answer.status_code == 403
    said = problem(answer)["detail"]
    assert "User [alice] is not authorized to view the logs" in said
    assert "the application has to allow the service's account to view it" in said


@pytest.mark.parametrize(
    "container",
    [
        *("container_1_1_1_1", "container_1_0001_01_000001%0A", "..", "application_1_0001"),
        *("container_1_0001_01_00000\u0661", "container_1_0001_01_" + "1" * 70, "%2e%2e"),
    ],
)
async def test_container_ids_are_strict(logged: Platform, container: str) -> None:
    number = logged.yarn.submit()
    answer = await logged.get("a", f"/applications/{number}/logs/{container}/x.log")
    assert answer.status_code in (404, 422)
    assert answer.status_code == 404 or problem(answer)["errors"][0]["name"] == "container_id"
    assert logged.nodes.asked == []


@pytest.mark.parametrize(
    ("name", "status"),
    [
        *(
            ("unknown", 404),
            ("%2E%2E", 404),
            ("..%2F..%2Fetc%2Fpasswd", 404),
            ("%2Fetc%2Fpasswd", 404),
        ),
        *(("%00", 404), ("x.log%00", 404), ("x" * 10_000, 422), ("%FF", 404), ("x.log%0A", 404)),
    ],
)
@pytest.mark.parametrize("end", ["", "/events", "?download=true"])
async def test_only_names_of_the_list_are_read(
    logged: Platform, running: Application, ended: Any, name: str, status: int, end: str
) -> None:
    path, container = ended
    for each in (f"{running.logs}/{running.container}", f"{path}/{container}"):
        answer = await logged.get("a", f"{each}/{name}{end}")
        assert problem(answer)["status"] == status
    assert all(each.endswith(" None") for each in logged.nodes.asked), "only lists were asked for"


async def test_a_name_that_no_file_has_is_not_listed(
    logged: Platform, running: Application
) -> None:
    running.files.update({"../passwd": b"secret", "a\ud800": b"x"})
    listed = {each["name"] for each in (await logged.get("a", running.logs)).json()["files"]}
    assert listed == {"x.log", "worker_2.container"}
