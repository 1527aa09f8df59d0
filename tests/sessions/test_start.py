"""The start of a session."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from appmaster.clock import instant
from sessions.in_memory import APPLICATION, TAGS, OneSession, explained
from yarnhub.base.errors import ConnectError
from yarnhub.client.explain.reasons import Diagnostics
from yarnhub.control.outcomes import Outcome
from yarnhub.sessions.progress import Progress, Stage
from yarnhub.sessions.request import SessionRequest
from yarnhub.sessions.session import SessionEnd, SessionSnapshot
from yarnhub.sessions.start import ProgramFailedError, SessionEndedError, SessionStart
from yarnhub.spec import File

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

REQUEST = SessionRequest(
    user="alice",
    owner="alice",
    hub=TAGS,
    memory=2**30,
    command=["run"],
    queue="research",
    files={"environment": File(source="hdfs:///environment.tar.gz")},
)
ON_THIS_NODE = SessionSnapshot(node="localhost", container="container_1")
BROKEN = SessionEnd(1, Outcome.of_message("Exit code 3"))


@pytest.fixture
def where() -> OneSession:
    return OneSession()


async def begun(where: OneSession) -> SessionStart:
    start = SessionStart(queue="default", files=[])
    await start.submit(where, REQUEST.specification, REQUEST.secrets)
    return start


async def accept(_node: str, _port: int) -> None:
    """The session's program responds."""


def responding_at(attempt: int) -> Callable[[str, int], Awaitable[None]]:
    """A check of a program that does not respond before this attempt."""
    attempts = 0

    async def check(node: str, port: int) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < attempt:
            raise ConnectError(f"cannot connect to {node}:{port}")

    return check


async def test_it_begins_with_what_is_known_before() -> None:
    start = SessionStart(queue="default", files=["first"])
    assert await start.progress() == Progress(queue="default", files=["first"])


async def test_what_is_submitted_says_its_queue_and_files(where: OneSession) -> None:
    start = await begun(where)
    assert where.asked == [REQUEST.specification]
    assert await start.progress() == Progress(
        queue="research", files=["environment"], application=APPLICATION, snapshot=SessionSnapshot()
    )


@instant
async def test_it_is_ready_when_its_program_responds(where: OneSession) -> None:
    start = await begun(where)
    async with asyncio.TaskGroup() as group:
        ready = group.create_task(start.ready(responding_at(3)))
        await asyncio.sleep(1)
        start.report_port(8888)
        await asyncio.sleep(1)
        assert not ready.done(), "it has no node yet"
        where.session.seen = ON_THIS_NODE
    assert ready.result() == ("localhost", 8888)
    assert (await start.progress()).stage is Stage.CONNECTING


async def test_an_end_before_is_an_error_with_its_outcome(where: OneSession) -> None:
    start = await begun(where)
    where.session.how = BROKEN
    with pytest.raises(SessionEndedError) as ended:
        await start.ready(accept)
    assert ended.value.outcome == BROKEN.outcome
    assert start.end == BROKEN


async def test_what_the_program_reports_explains_more_than_its_end(where: OneSession) -> None:
    start = await begun(where)
    start.report_error("no port is free")
    where.session.how = BROKEN
    with pytest.raises(ProgramFailedError, match="no port is free"):
        await start.ready(accept)
    assert start.end == BROKEN


async def test_what_comes_when_it_is_over_does_not_count(where: OneSession) -> None:
    start = await begun(where)
    start.close()
    start.report_port(8888)
    start.report_error("too late")
    assert (await start.progress()).port == 0
    where.session.how = BROKEN
    with pytest.raises(SessionEndedError):
        await start.ready(accept)


@instant
async def test_an_error_of_the_check_ends_it(where: OneSession) -> None:
    async def refuse(_node: str, _port: int) -> None:
        raise PermissionError("another program")

    start = await begun(where)
    where.session.seen = ON_THIS_NODE
    start.report_port(8888)
    with pytest.raises(PermissionError):
        await start.ready(refuse)


@instant
async def test_cancelling_it_leaves_the_session_as_it_is(where: OneSession) -> None:
    start = await begun(where)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await start.ready(accept)
    assert where.session.stops == []


@instant
async def test_why_it_waits_is_looked_up_seldom(where: OneSession) -> None:
    where.session.explanation = explained(Diagnostics("The queue is full."))
    start = await begun(where)
    assert (await start.progress()).reasons == ()
    await asyncio.sleep(2)
    assert (await start.progress()).reasons == (Diagnostics("The queue is full."),)
    where.session.explanation = explained(Diagnostics("The user's limit is reached."))
    assert (await start.progress()).reasons == (Diagnostics("The queue is full."),)
    last = await start.last_progress(1)
    assert last.reasons == (Diagnostics("The user's limit is reached."),)


@instant
async def test_the_last_progress_does_not_wait_for_yarn(where: OneSession) -> None:
    async def snapshot() -> SessionSnapshot:
        await asyncio.sleep(3600)
        return ON_THIS_NODE

    start = await begun(where)
    where.session.snapshot = snapshot  # type: ignore[method-assign]  # a ResourceManager that hangs
    assert (await start.last_progress(1)).stage is Stage.UNKNOWN


@instant
async def test_without_a_node_it_has_no_addresses(where: OneSession) -> None:
    start = await begun(where)
    assert await start.addresses() == []


async def test_its_addresses_are_those_of_its_node(where: OneSession) -> None:
    start = await begun(where)
    where.session.seen = ON_THIS_NODE
    assert "127.0.0.1" in await start.addresses()
