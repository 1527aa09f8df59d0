"""The Spark Connect servers of users, request by request."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from server.gateway.user_servers.connect_servers import SERVER, only, spec
from server.gateway.user_servers.holding import until_true
from server.gateway.user_servers.serving import running
from server.gateway.user_servers.specs import install
from yarnhub.base.errors import YarnhubError
from yarnhub.client.explain.reasons import Diagnostics
from yarnhub.control.outcomes import Cause, Outcome
from yarnhub.kernels.connect import ConnectServer
from yarnhub.kernels.kernel import KernelState
from yarnhub.kernels.programs import CONNECT
from yarnhub.sessions.limited_kinds import KERNELS
from yarnhub.sessions.limits import Limit, Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from server.gateway.user_servers.serving import Running

pytestmark = pytest.mark.jupyter

PATH = "spark-connect"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Running]:
    install(tmp_path, "python")
    install(tmp_path, "notebooks", spec())
    install(tmp_path, "secret", spec(connect=True))  # bob's
    install(tmp_path, "spark", spec(connect=True, connect_ports="40000-41000"))
    async with running(tmp_path) as service:
        yield service


async def test_a_server_is_started_and_shown_to_its_owner_only(service: Running) -> None:
    assert (await service.request("a", "GET", PATH)).status_code == 404
    assert (await service.request("a", "DELETE", PATH)).status_code == 404
    started = await service.request("a", "POST", PATH)
    assert started.status_code == 200
    kernel = only(service)
    assert kernel.request.program == CONNECT
    assert (kernel.request.owner, kernel.request.user) == ("alice", "alice1")
    told = json.loads(kernel.request.env["YARNHUB_SPARK"])
    assert (told["connect"], told["connect_idle"]) == ("40000-41000", "3600")
    assert started.json() == {
        "state": "starting", "reason": "Spark is starting on n1.", "remote": "", "certificate": "",
        "application": kernel.application_id,
    }  # fmt: skip

    kernel.server = SERVER
    found = await service.request("a", "GET", PATH)
    assert found.json() == {
        "state": "ready", "reason": "", "remote": SERVER.remote, "certificate": "PEM",
        "application": kernel.application_id,
    }  # fmt: skip
    assert found.headers["Cache-Control"] == "no-store"
    assert (await service.request("a", "POST", PATH)).json() == found.json()

    for method in ("GET", "DELETE"):
        answer = await service.request("b", method, PATH)
        assert answer.status_code == 404
        assert SERVER.token not in answer.text
    for user in ("", "nobody"):
        assert (await service.request(user, "GET", PATH)).status_code in (401, 403)
    assert only(service).status.state is KernelState.RUNNING
    assert SERVER.token not in (service.folder / "audit.jsonl").read_text()

    assert (await service.request("a", "DELETE", PATH)).status_code == 204
    assert service.stub.held == {}
    assert (await service.request("a", "GET", PATH)).status_code == 404


@pytest.mark.parametrize(
    ("body", "different"),
    [
        ({"kernelspec": "spark2"}, "with the kernelspec 'spark'"),
        ({"env": {"KERNEL_MEMORY": "2 GiB"}}, "with another KERNEL_MEMORY"),
        (
            {"kernelspec": "spark", "env": {"KERNEL_Y": "1", "KERNEL_X": "0"}},
            "with another KERNEL_X and another KERNEL_Y",
        ),
    ],
)
async def test_another_server_than_the_one_that_runs_is_refused(
    service: Running, body: dict[str, object], different: str
) -> None:
    install(service.folder, "spark2", spec(connect=True))
    first = {"env": {"KERNEL_MEMORY": "1 GiB", "KERNEL_X": "1"}}
    started = await service.request("a", "POST", PATH, json=first)
    only(service).server = SERVER
    refused = await service.request("a", "POST", PATH, json=body)
    assert refused.status_code == 409
    assert f"You have a Spark Connect server already, {different}. Stop it" in refused.text
    assert SERVER.token not in refused.text
    for same in ({}, first, {"kernelspec": "spark"}, {"env": {"KERNEL_X": "1", "OTHER": "1"}}):
        again = await service.request("a", "POST", PATH, json=same)
        assert again.json()["application"] == started.json()["application"]


async def test_who_gets_its_token_is_in_the_audit_log(service: Running) -> None:
    await service.request("a", "POST", PATH)
    only(service).server = SERVER
    for method in ("POST", "GET", "POST", "GET"):
        await service.request("a", method, PATH)
    lines = [json.loads(each) for each in (service.folder / "audit.jsonl").read_text().splitlines()]
    assert [(each["event"], each["actor"]) for each in lines] == [
        ("start", "alice"),
        ("connect", "alice"),
    ]


async def test_two_requests_start_one_server(service: Running) -> None:
    service.stub.accepts.clear()
    async with asyncio.TaskGroup() as group:
        answers = [group.create_task(service.request("a", "POST", PATH)) for _ in range(5)]
        answers += [group.create_task(service.request("b", "POST", PATH)) for _ in range(5)]
        await until_true(lambda: service.stub.starts == 2)
        waits = await service.request("a", "GET", PATH)
        assert (waits.json()["state"], waits.json()["application"]) == ("waiting", "")
        service.stub.accepts.set()
    found = {each.result().json()["application"] for each in answers}
    assert len(found) == 2
    assert sorted(each.request.owner for each in service.stub.held.values()) == ["alice", "bob"]


async def test_a_start_in_progress_can_be_withdrawn(service: Running) -> None:
    service.stub.accepts.clear()
    async with asyncio.TaskGroup() as group:
        started = group.create_task(service.request("a", "POST", PATH))
        await until_true(lambda: service.stub.starts == 1)
        assert (await service.request("a", "DELETE", PATH)).status_code == 204
    assert started.result().status_code == 404
    assert service.stub.held == {}
    assert service.stub.starts == 0


async def test_a_client_that_leaves_does_not_make_room_for_a_second_one(service: Running) -> None:
    service.stub.accepts.clear()
    first = asyncio.ensure_future(service.request("a", "POST", PATH))  # noqa: TID251  # cancelled
    await until_true(lambda: service.stub.starts == 1)
    first.cancel()
    async with asyncio.TaskGroup() as group:
        second = group.create_task(service.request("a", "POST", PATH))
        await asyncio.sleep(0)
        service.stub.accepts.set()
    assert second.result().json()["application"] == only(service).application_id


async def test_a_server_that_has_ended_says_why_and_is_replaced(service: Running) -> None:
    await service.request("a", "POST", PATH)
    first = only(service)
    first.change(
        state=KernelState.DEAD, outcome=Outcome(cause=Cause.MEMORY, exit_code=-104), connected=False
    )
    ended = (await service.request("a", "GET", PATH)).json()
    assert ended["state"] == "ended"
    assert "memory" in ended["reason"]
    first.server = ConnectServer(error="Spark's driver was ended by SIGKILL.")
    ended = (await service.request("a", "GET", PATH)).json()
    assert ended["reason"] == "Spark's driver was ended by SIGKILL."
    await service.request("a", "POST", PATH)
    assert only(service) is not first


async def test_one_whose_process_has_ended_is_replaced_at_once(service: Running) -> None:
    await service.request("a", "POST", PATH)
    first = only(service)
    first.change(state=KernelState.ENDED, code=1)
    again = (await service.request("a", "POST", PATH)).json()
    assert first.status.state is KernelState.DEAD
    assert again["application"] == only(service).application_id != first.application_id


async def test_one_that_has_said_why_it_ends_is_replaced_at_once(service: Running) -> None:
    await service.request("a", "POST", PATH)
    first = only(service)
    first.server = ConnectServer(error="Spark's driver was ended by SIGKILL.")
    ended = (await service.request("a", "GET", PATH)).json()
    assert (ended["state"], ended["reason"]) == ("ended", "Spark's driver was ended by SIGKILL.")
    again = (await service.request("a", "POST", PATH)).json()
    assert again["state"] == "starting"
    assert again["application"] == only(service).application_id != first.application_id

    only(service).server = ConnectServer(error="Of the process before.")
    only(service).change(generation=2)
    assert (await service.request("a", "GET", PATH)).json()["state"] == "starting"


async def test_a_server_that_is_being_stopped_has_ended(
    service: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.request("a", "POST", PATH)
    first = only(service)
    first.server = SERVER
    stop, may_stop, stopping = first.stop, asyncio.Event(), asyncio.Event()

    async def slow(*, now: bool = False) -> None:
        stopping.set()
        await may_stop.wait()
        await stop(now=now)

    monkeypatch.setattr(first, "stop", slow)
    async with asyncio.TaskGroup() as group:
        stopped = group.create_task(service.request("a", "DELETE", PATH))
        await stopping.wait()
        found = (await service.request("a", "GET", PATH)).json()
        assert (found["state"], found["remote"]) == ("ended", "")
        assert found["reason"] == "It is being stopped."
        again = group.create_task(service.request("a", "POST", PATH))
        await asyncio.sleep(0)
        may_stop.set()
    assert stopped.result().status_code == 204
    assert again.result().json()["application"] == only(service).application_id
    assert only(service) is not first


async def test_a_server_that_waits_says_for_what(service: Running) -> None:
    await service.request("a", "POST", PATH)
    reason = Diagnostics("the queue root.default is full")
    only(service).change(state=KernelState.WAITING, node="", waits_for=reason)
    found = (await service.request("a", "GET", PATH)).json()
    assert found["state"] == "waiting"
    assert "the queue root.default is full" in found["reason"]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"kernelspec": "nosuch"}, 404, "no kernelspec"),
        ({"kernelspec": "secret"}, 404, "no kernelspec"),
        ({"kernelspec": "notebooks"}, 400, "spark.connect: is not set in this kernelspec"),
        ({"kernelspec": "python"}, 400, "spark.connect: is not set in this kernelspec"),
        ({"env": {"KERNEL_MEMORY": "3 GiB"}}, 400, "at most 2 GiB"),
        ({"kernelspec": 1}, 400, "name"),
        ({"owner": "bob"}, 400, "unknown members of the body: owner"),
        ([], 400, "not a JSON object"),
    ],
)
async def test_bad_requests(service: Running, body: object, status: int, message: str) -> None:
    answer = await service.request("a", "POST", PATH, json=body)
    assert (answer.status_code, message in answer.text) == (status, True), answer.text
    assert service.stub.held == {}


async def test_without_a_kernelspec_for_it_there_is_none(tmp_path: Path) -> None:
    install(tmp_path, "notebooks", spec())
    async with running(tmp_path) as service:
        answer = await service.request("a", "POST", PATH)
        assert answer.status_code == 404
        assert "There is no kernelspec for Spark Connect" in answer.text


async def test_a_server_counts_for_its_owners_limits_and_is_no_kernel_of_notebooks(
    tmp_path: Path,
) -> None:
    install(tmp_path, "spark", spec(connect=True))
    limits = Limits(kind=KERNELS, user=Limit(count=1))
    async with running(tmp_path, limits=limits) as service:
        await service.request("a", "POST", PATH)
        started = await service.request("a", "PUT", f"kernels/{'0' * 8}-0000-4000-8000-{'0' * 12}",
                                        json={"name": "spark"})  # fmt: skip
        assert started.status_code == 403
        assert (await service.request("a", "GET", "kernels")).json() == {"kernels": []}


async def test_a_refusal_of_yarn_arrives_as_it_is(service: Running) -> None:
    service.stub.refusal = YarnhubError("YARN does not respond")
    answer = await service.request("a", "POST", PATH)
    assert answer.status_code == 409
    assert "YARN does not respond" in answer.text
    service.stub.refusal = None
    assert (await service.request("a", "POST", PATH)).status_code == 200
