"""What clients send is bounded, and what they start is limited."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import httpx
import pytest
from tornado.httpclient import HTTPClientError

from server.gateway.serving import GIB, gateway
from yarnhub.server.gateway.kernelspec_policy import Audience, KernelspecPolicy
from yarnhub.sessions.limited_kinds import KERNELS
from yarnhub.sessions.limits import Limit, Limits, Scope, Size, Whom

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.jupyter


async def test_a_body_of_10_mb_is_refused(tmp_path: Path) -> None:
    async with gateway(tmp_path) as served:
        with pytest.raises(httpx.HTTPError):
            answer = await served.request("a", "POST", "/api/kernels", content=b" " * 10_000_000)
            answer.raise_for_status()
        assert (await served.request("a", "GET", "/api/kernels")).json() == []


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"1",
        b"{",
        b"[" * 100_000,
        b'{"name": "; rm -rf /"}',
        b'{"name": "../python3"}',
        b'{"name": 1}',
        b'{"name": {"a": 1}}',
        b'{"env": []}',
        b'{"env": {"A": 1}}',
        b'{"env": {"A": "\\u0000"}}',
        b'{"env": {"A": "\\ud800"}}',
        b'{"env": {"A=B": "c"}}',
        b'{"env": {"$(id)": "c"}}',
        b'{"env": {"KERNEL_X": "%s"}}' % (b"x" * 40_000),
        b'{"kernel_id": 1}',
        b"\xff",
    ],
)
async def test_what_is_no_request_is_refused(tmp_path: Path, body: bytes) -> None:
    async with gateway(tmp_path) as served:
        answer = await served.request("a", "POST", "/api/kernels", content=body)

        assert answer.status_code == 400, answer.text
        assert answer.json()["message"]
        assert json.loads(served.audit.read_text())["event"] == "refuse"


async def test_only_allowed_variables_reach_the_kernel(tmp_path: Path) -> None:
    async with gateway(tmp_path, allowed_env=("KERNEL_*", "LANG")) as served:
        seen = {}
        original = served.service.manager.start_kernel

        async def start_kernel(**kwargs: object) -> object:
            seen.update(kwargs)
            return await original(**kwargs)

        served.service.manager.start_kernel = start_kernel
        await served.start(
            "a", env={"KERNEL_A": "1", "LANG": "C", "LD_PRELOAD": "x", "PATH": "/evil"}
        )

        assert seen["env"] == {"KERNEL_A": "1", "LANG": "C", "KERNEL_USERNAME": "alice"}


async def test_a_limit_is_refused_at_once_in_words(tmp_path: Path) -> None:
    limits = Limits(kind=KERNELS, user=Limit(memory=2 * GIB), users={"bob": Limit(count=0)})
    async with gateway(tmp_path, limits=limits, sizes={"big": Size(memory=3 * GIB)}) as served:
        await served.start("a")

        big = await served.request(
            "a", "POST", "/api/kernels", json={"env": {"KERNEL_SIZE": "big"}}
        )
        none = await served.request("b", "POST", "/api/kernels")

        assert big.status_code == none.status_code == 403
        assert "1 GiB of 2 GiB in use" in big.json()["message"]
        assert "needs 3 GiB" in big.json()["message"]
        assert "The limit of the user bob is 0 kernels. Ask" in none.json()["message"]
        assert len((await served.request("a", "GET", "/api/kernels")).json()) == 1


async def test_requests_at_the_same_time_do_not_exceed_a_limit(tmp_path: Path) -> None:
    async with gateway(tmp_path, limits=Limits(kind=KERNELS, user=Limit(count=1))) as served:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(served.request("a", "POST", "/api/kernels")) for _ in range(5)
            ]

        assert sorted(task.result().status_code for task in tasks) == [201, 403, 403, 403, 403]


async def test_a_group_has_a_limit_of_its_own(tmp_path: Path) -> None:
    async with gateway(
        tmp_path, limits=Limits(kind=KERNELS, groups={"ml": Limit(count=1)})
    ) as served:
        served.hub.groups = {"alice": ["ml"], "bob": ["ml"]}
        await served.start("a")

        answer = await served.request("b", "POST", "/api/kernels")

        assert answer.status_code == 403
        assert "group ml" in answer.json()["message"]


async def test_without_the_scope_for_groups_a_limit_that_is_set_later_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with gateway(tmp_path) as served:
        served.hub.groups = {"alice": ["ml"]}
        served.service.shared_limits.entries = {
            "kernels": {Whom(Scope.GROUP, "ml"): Limit(count=0)}
        }
        refused = await served.request("a", "POST", "/api/kernels")
        assert "limit of the group ml is 0 kernels" in refused.json()["message"]

        served.hub.shows_groups = False
        kernel = await served.start("a")
        await served.start("b")
        shown = await served.request("a", "GET", f"/api/kernels/{kernel}")

        assert shown.status_code == 200
        assert caplog.text.count("the limits of groups do not apply") == 1
        assert "read:users:groups" in caplog.text


async def test_without_the_scope_for_groups_a_limit_of_the_configuration_refuses_only_starts(
    tmp_path: Path,
) -> None:
    limits = Limits(kind=KERNELS, groups={"ml": Limit(count=1)})
    async with gateway(tmp_path, limits=limits) as served:
        kernel = await served.start("a")
        served.hub.shows_groups = False

        shown = await served.request("a", "GET", f"/api/kernels/{kernel}")
        refused = await served.request("b", "POST", "/api/kernels")

        assert shown.status_code == 200
        assert refused.status_code == 503
        assert "read:users:groups" in refused.json()["message"]


async def test_kernelspecs_are_for_their_audience(tmp_path: Path) -> None:
    policy = KernelspecPolicy({"python*": Audience(groups=frozenset({"python"}))})
    async with gateway(tmp_path, policy=policy) as served:
        served.hub.groups = {"alice": ["python"]}

        listed = await served.request("b", "GET", "/api/kernelspecs")
        one = await served.request("b", "GET", "/api/kernelspecs/python3")
        unknown = await served.request("b", "GET", "/api/kernelspecs/none")
        logo = await served.request("b", "GET", "/kernelspecs/python3/logo-64x64.png")
        started = await served.request("b", "POST", "/api/kernels", json={"name": "python3"})
        shouted = await served.request("b", "POST", "/api/kernels", json={"name": "PYTHON3"})
        read = await served.request("b", "GET", "/api/kernelspecs/Python3")

        assert shouted.status_code == read.status_code == 404
        assert listed.json()["kernelspecs"] == {}
        assert one.status_code == logo.status_code == started.status_code == 404
        assert one.text.replace("python3", "none") == unknown.text
        assert "'python3'" in started.json()["message"]
        listed = await served.request("a", "GET", "/api/kernelspecs")
        assert set(listed.json()["kernelspecs"]) == {"python3"}
        logo = await served.request("a", "GET", "/kernelspecs/python3/logo-64x64.png")
        assert (logo.status_code, logo.headers["Content-Type"]) == (200, "image/png")


async def test_an_unknown_kernelspec_is_refused_at_once(tmp_path: Path) -> None:
    async with gateway(tmp_path) as served:
        answer = await served.request("a", "POST", "/api/kernels", json={"name": "fortran"})

        assert answer.status_code == 404
        assert "'fortran'" in answer.json()["message"]
        assert (await served.request("a", "GET", "/api/kernels")).json() == []


async def test_a_thousand_websockets_are_bounded(tmp_path: Path) -> None:
    async with gateway(tmp_path, websockets=(3, 4)) as served:
        kernel = await served.start("a")
        opened = []
        refused = []
        for number in range(1000):
            try:
                opened.append(await served.websocket("a", kernel, f"s{number}"))
            except HTTPClientError as error:
                refused.append(error.code)

        assert len(opened) == 3
        assert set(refused) == {429}
        other = await served.start("b")
        opened.append(await served.websocket("b", other))
        with pytest.raises(HTTPClientError) as full:
            await served.websocket("b", other)
        assert full.value.code == 503
        lines = served.audit.read_text().splitlines()
        assert len(lines) < 200  # refusals do not fill the disk


async def test_a_session_id_is_bounded(tmp_path: Path) -> None:
    async with gateway(tmp_path) as served:
        kernel = await served.start("a")
        for session in ("x" * 300, "%2f", "a%20b"):
            with pytest.raises(HTTPClientError) as refused:
                await served.websocket("a", kernel, session)
            assert refused.value.code == 400
