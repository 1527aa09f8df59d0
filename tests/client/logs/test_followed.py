"""One log of a running container, followed on the fake nodes of the contract."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from client.logs.fake_nodes import SETTINGS, FakeNodes
from hadoop.http_server import server
from yarnhub.base.errors import AccessDeniedError
from yarnhub.client.logs import followed
from yarnhub.client.logs.aggregated import LogFile
from yarnhub.client.logs.followed import follow_container
from yarnhub.yarn.records.applications import ApplicationReport, YarnApplicationState
from yarnhub.yarn.records.ids import ContainerId

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from yarnhub.client.logs.aggregated import LogChunk
    from yarnhub.yarn.records.ids import ApplicationId

NUMBER = ContainerId.parse("container_1_0003_01_000002")
REPORT = ApplicationReport(
    application_id=NUMBER.app_attempt_id.application_id,
    user="alice",
    yarn_application_state=YarnApplicationState.RUNNING,
    current_application_attempt_id=NUMBER.app_attempt_id,
)


@dataclass
class Cluster(FakeNodes):
    """The nodes, and an application's report."""

    report: ApplicationReport = REPORT

    async def application_report(self, _: ApplicationId) -> ApplicationReport:
        return self.report

    def follow(self, start: int = 0) -> AsyncGenerator[LogChunk, None]:
        """Follow `x.log`."""
        node = self.addresses[str(NUMBER)]
        file = LogFile(container_id=NUMBER, node=node, name="x.log", length=4)
        cluster: Any = self  # a part of `Client`
        return follow_container(cluster, SETTINGS, file, start)


@pytest.fixture
async def cluster(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    for name in ("_LOOK", "_ASK"):
        monkeypatch.setattr(followed, name, 0.001)
    cluster = Cluster({str(NUMBER): {"x.log": b"one\n"}}, [str(NUMBER)])
    async with server(cluster) as url:
        cluster.addresses[str(NUMBER)] = url.partition("//")[2]
        yield cluster


async def content(chunks: AsyncGenerator[LogChunk, None]) -> list[tuple[int, bytes]]:
    async with contextlib.aclosing(chunks):
        return [(each.offset, each.data) async for each in chunks if each.data]


async def test_a_container_that_has_ended_since_it_was_listed_is_read_to_its_end(
    cluster: Cluster,
) -> None:
    cluster.running.clear()
    cluster.files[str(NUMBER)]["x.log"] += b"two\n"
    assert await content(cluster.follow(2)) == [(2, b"e\ntwo\n")]


async def test_a_file_that_was_replaced_is_read_from_its_beginning(cluster: Cluster) -> None:
    async with contextlib.aclosing(cluster.follow()) as chunks:
        assert (await anext(chunks)).data == b"one\n"
        cluster.files[str(NUMBER)]["x.log"] = b"2\n"
        async for chunk in chunks:
            if chunk.data:
                assert (chunk.offset, chunk.data) == (0, b"2\n")
                break
            assert chunk.offset == 4


async def test_a_container_that_ends_with_its_application_is_left(cluster: Cluster) -> None:
    ended = YarnApplicationState.KILLED
    async with contextlib.aclosing(cluster.follow()) as chunks:
        assert (await anext(chunks)).data == b"one\n"
        cluster.report = replace(REPORT, yarn_application_state=ended)
        assert [each.data async for each in chunks if each.data] == []


async def test_a_node_without_the_file_is_asked_again(cluster: Cluster) -> None:
    async with contextlib.aclosing(cluster.follow()) as chunks:
        assert (await anext(chunks)).data == b"one\n"
        cluster.files.clear()
        for _ in range(3):
            assert (await anext(chunks)).data == b""
        cluster.files[str(NUMBER)] = {"x.log": b"one\ntwo\n"}
        async for chunk in chunks:
            if chunk.data:
                assert (chunk.offset, chunk.data) == (4, b"two\n")
                break


async def test_a_refusal_ends_it(cluster: Cluster) -> None:
    cluster.refused.add("alice")
    with pytest.raises(AccessDeniedError, match="not authorized"):
        await content(cluster.follow())
