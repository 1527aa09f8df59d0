"""No request reaches a kernel of another user, wherever its id comes from."""

from __future__ import annotations

import json
import uuid
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tornado.httpclient import HTTPClientError

from server.gateway.serving import gateway
from yarnhub.server.gateway.owners import Owned, Owners
from yarnhub.sessions.limits import Size

if TYPE_CHECKING:
    from pathlib import Path

    from server.gateway.serving import Gateway

pytestmark = pytest.mark.jupyter

ENDPOINTS = [
    ("GET", "/api/kernels/{id}"),
    ("DELETE", "/api/kernels/{id}"),
    ("POST", "/api/kernels/{id}/interrupt"),
    ("POST", "/api/kernels/{id}/restart"),
    ("GET", "/api/kernels/{id}/channels"),
]


async def everything(served: Gateway, kernel: str) -> list[tuple[int, str]]:
    """What alice gets for one id, at all endpoints; the id itself is taken out."""
    answers = []
    for method, path in ENDPOINTS:
        answer = await served.request("a", method, path.format(id=kernel))
        answers.append((answer.status_code, answer.text.replace(kernel, "ID")))
    with pytest.raises(HTTPClientError) as refused:
        await served.websocket("a", kernel)
    return [*answers, (refused.value.code, "")]


async def test_another_users_kernel_is_as_unknown_as_one_that_does_not_exist(
    tmp_path: Path,
) -> None:
    async with gateway(tmp_path) as served:
        kernel = await served.start("b")

        foreign = await everything(served, kernel)
        unknown = await everything(served, str(uuid.uuid4()))
        listed = await served.request("a", "GET", "/api/kernels")
        taken = await served.request(
            "a", "POST", "/api/kernels", json={"name": "python3", "kernel_id": kernel}
        )

        assert foreign == unknown
        assert {status for status, _ in foreign} == {404}
        assert listed.json() == []
        assert (taken.status_code, taken.json()["message"]) == (
            404,
            f"Kernel does not exist: {kernel}",
        )
        assert (await served.request("b", "GET", f"/api/kernels/{kernel}")).status_code == 200
        lines = [json.loads(line) for line in served.audit.read_text().splitlines()]
        refused = [line for line in lines if line["event"] == "refuse"]
        assert {line["actor"] for line in refused} == {"alice"}
        assert {line["kernel"] for line in refused} == {kernel}
        assert len(refused) == len(ENDPOINTS) + 2


async def test_there_are_no_sessions_files_terminals_or_other_services(tmp_path: Path) -> None:
    async with gateway(tmp_path) as served:
        kernel = await served.start("b")

        for method, path, body in [
            ("GET", "/api/sessions", None),
            ("POST", "/api/sessions", {"path": "x", "type": "notebook", "kernel": {"id": kernel}}),
            ("PATCH", f"/api/sessions/{uuid.uuid4()}", {"kernel": {"id": kernel}}),
            ("DELETE", f"/api/sessions/{uuid.uuid4()}", None),
            ("GET", "/api/contents", None),
            ("GET", "/api/terminals", None),
            ("POST", "/api/terminals", {}),
            ("GET", "/api/status", None),
            ("GET", "/api/resolvePath?path=x", None),
            ("POST", "/api/shutdown", {}),
            ("GET", "/files/audit.jsonl", None),
            ("GET", "/login", None),
        ]:
            answer = await served.request("a", method, path, json=body)
            assert answer.status_code == 404, path


@pytest.mark.parametrize(
    "kernel",
    [
        "1",
        "not-a-kernel-of-anybody",
        "$(touch x)-a-a-a-a",
        "..%2f..%2fetc-a-a-a-a",
        "%00",
        "B6B940E6-BC16-4AD9-9465-E571AEEA62E1",
        "b6b940e6bc164ad99465e571aeea62e1",
    ],
)
async def test_what_is_not_a_uuid_is_no_kernel(tmp_path: Path, kernel: str) -> None:
    async with gateway(tmp_path) as served:
        for method, path in ENDPOINTS:
            answer = await served.request("a", method, path.format(id=kernel))
            assert answer.status_code == 404
        chosen = await served.request("a", "POST", "/api/kernels", json={"kernel_id": kernel})
        assert chosen.status_code == 400
        assert "UUID" in chosen.json()["message"]


async def test_a_client_can_choose_an_id_once(tmp_path: Path) -> None:
    kernel = str(uuid.uuid4())
    async with gateway(tmp_path) as served:
        assert await served.start("a", kernel_id=kernel) == kernel

        again = await served.request("a", "POST", "/api/kernels", json={"kernel_id": kernel})

        assert again.status_code == 409
        assert kernel in again.json()["message"]


async def test_a_user_that_the_request_names_has_to_be_its_own(tmp_path: Path) -> None:
    async with gateway(tmp_path) as served:
        forged = await served.request(
            "a", "POST", "/api/kernels", json={"env": {"KERNEL_USERNAME": "bob"}}
        )
        listed = await served.request("a", "GET", "/api/kernelspecs?user=bob")
        own = await served.request("a", "GET", "/api/kernelspecs?user=alice")
        await served.start("a", env={"KERNEL_USERNAME": "alice"})

        assert forged.status_code == listed.status_code == 403
        assert "'bob'" in forged.json()["message"]
        assert "'alice'" in forged.json()["message"]
        assert own.status_code == 200


class Manager(dict[str, Any]):
    """A kernel manager."""

    list_kernel_ids = dict.keys
    get_kernel = dict.__getitem__


def test_a_dead_kernel_counts_until_the_last_of_its_restarts_has_ended() -> None:
    owners = Owners(Manager(x=SimpleNamespace(execution_state="dead")))
    owned = Owned(owner="alice", cluster_user="alice", size=Size(memory=1))
    with pytest.raises(RuntimeError), owners.starting("x", owned):
        with pytest.raises(RuntimeError), owners.starting("x", owned):
            raise RuntimeError
        assert [held.size for held in owners.held({})] == [owned.size]
        raise RuntimeError
    assert owners.held({}) == []
