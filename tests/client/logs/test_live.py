"""Logs of running containers, from the fake nodes of the contract."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from client.logs.fake_nodes import SETTINGS, FakeNodes
from hadoop.http_server import server
from yarnhub.base.errors import ConnectError
from yarnhub.client.logs import live as live_logs
from yarnhub.client.logs.live import LiveLogs
from yarnhub.client.logs.selection import LogSelection
from yarnhub.yarn.records.applications import ApplicationReport, YarnApplicationState
from yarnhub.yarn.records.ids import ApplicationAttemptId, ApplicationId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NUMBER = ApplicationId(id=3, cluster_timestamp=1)
REPORT = ApplicationReport(
    application_id=NUMBER,
    yarn_application_state=YarnApplicationState.RUNNING,
    current_application_attempt_id=ApplicationAttemptId(application_id=NUMBER, attempt_id=1),
)


def container(number: int) -> str:
    return f"container_1_0003_01_{number:06d}"


@contextlib.asynccontextmanager
async def reading(
    cluster: FakeNodes, selection: LogSelection | None = None, notices: list[str] | None = None
) -> AsyncIterator[LiveLogs]:
    async with server(cluster) as url:
        for name in cluster.files:
            cluster.addresses.setdefault(name, url.partition("//")[2])
            cluster.running.append(name)
        said = [] if notices is None else notices
        client: Any = cluster
        async with LiveLogs(client, SETTINGS, selection or LogSelection(), said.append) as live:
            await live.discover(REPORT)
            yield live


async def read(live: LiveLogs, *, whole: bool = False) -> list[tuple[str, str, int, bytes]]:
    await live.list_files()
    return [
        (chunk.file.instance, chunk.file.name, chunk.offset, chunk.data)
        async for chunk in live.read(whole=whole)
    ]


async def test_only_what_is_new_comes_with_the_containers_names() -> None:
    script = b'export SKEIN_CONTAINER_ID="worker_7"\n'
    files = {
        container(1): {"application.master.log": b"starts\n"},
        container(2): {"launch_container.sh": script, "worker.log": b"one\n", "empty": b""},
    }
    cluster = FakeNodes(files)
    async with reading(cluster) as live:
        assert await read(live) == [
            ("master", "application.master.log", 0, b"starts\n"),
            ("worker_7", "empty", 0, b""),
            ("worker_7", "worker.log", 0, b"one\n"),
        ]
        assert await read(live) == []
        files[container(2)]["worker.log"] += b"two\n"
        assert await read(live) == [("worker_7", "worker.log", 4, b"two\n")]
        # Written anew, as by a rotation.
        files[container(2)]["worker.log"] = b"3\n"
        assert await read(live) == [("worker_7", "worker.log", 0, b"3\n")]


async def test_long_files_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_logs, "_BYTES_PER_TURN", 1)
    files = {container(n): {"x.log": b"%d" % n * 300_000} for n in (1, 2)}
    async with reading(FakeNodes(files)) as live:
        got: dict[int, bytes] = {1: b"", 2: b""}
        turns = 0
        while turns == 0 or live.behind:
            turns += 1
            await live.list_files()
            async for chunk in live.read(whole=False):
                number = chunk.file.container_id.id
                assert chunk.offset == len(got[number])
                got[number] += chunk.data
        assert turns > 2
        assert [got[n] == files[container(n)]["x.log"] for n in (1, 2)] == [True, True]


async def test_the_last_lines_of_what_is_there_and_all_of_what_begins_later() -> None:
    files = {container(1): {"x.log": b"1\n2\n3\n"}}
    cluster = FakeNodes(files)
    async with reading(cluster, LogSelection(tail=2)) as live:
        assert await read(live) == [("", "x.log", 2, b"2\n3\n")]
        files[container(1)] |= {"x.log": b"1\n2\n3\n4\n5\n6\n", "y.log": b"a\nb\nc\n"}
        assert await read(live) == [
            ("", "x.log", 6, b"4\n5\n6\n"),
            ("", "y.log", 0, b"a\nb\nc\n"),
        ]


async def test_a_container_that_has_ended_is_looked_at_once_more() -> None:
    files = {container(1): {"x.log": b"1\n"}}
    cluster = FakeNodes(files)
    async with reading(cluster) as live:
        assert await read(live)
        cluster.running.clear()
        files[container(1)]["x.log"] += b"2\n"
        await live.discover(REPORT)
        assert await read(live) == [("", "x.log", 2, b"2\n")]
        cluster.asked.clear()
        assert await read(live) == []
        assert cluster.asked == []
        assert len(live) == 0


async def test_a_node_that_does_not_answer_is_told_of_once_and_keeps_nobody_waiting() -> None:
    files = {container(1): {"x.log": b"1\n"}, container(2): {"y.log": b"2\n"}}
    notices: list[str] = []
    async with server(FakeNodes()) as gone:
        address = gone.partition("//")[2]
    cluster = FakeNodes(files, addresses={container(1): address})
    async with reading(cluster, notices=notices) as live:
        assert await read(live) == [("", "y.log", 0, b"2\n")]
        assert isinstance(live.failure, ConnectError)
        files[container(2)]["y.log"] += b"3\n"
        assert await read(live) == [("", "y.log", 2, b"3\n")]
        (notice,) = notices
        assert notice.startswith(
            f"cannot read the logs of {container(1)}: the NodeManager's web server cannot be "
            f"reached: cannot connect to {address}: "
        )


async def test_cancelling_a_look_leaves_it_usable() -> None:
    cluster = FakeNodes({container(1): {"x.log": b"1\n"}})
    cluster.go.clear()
    async with reading(cluster) as live:
        task = asyncio.get_running_loop().create_task(live.list_files())
        await cluster.arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        cluster.go.set()
        assert await read(live) == [("", "x.log", 0, b"1\n")]
