"""Nothing is done before it is recorded, and another process goes on from there."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from appmaster.bootstrap import APPLICATION, CREDENTIALS
from appmaster.clock import instant
from appmaster.core.scenario import application, service
from appmaster.fakes import FakeNodeManagers, FakeScheduler
from yarnhub.appmaster.core.application import Application
from yarnhub.appmaster.core.contexts import ContextBuilder
from yarnhub.appmaster.core.placement import Topology
from yarnhub.appmaster.shell.journal.recorder import restore
from yarnhub.appmaster.shell.runner import Runner
from yarnhub.base.errors import (
    CallOutcome,
    ConnectError,
    ConnectionLostError,
    RemoteProtocolError,
    YarnhubError,
)
from yarnhub.control.messages import (
    Entry,
    GetContainers,
    GetKey,
    ListKeys,
    PutKey,
    Scale,
    Shutdown,
    WatchKeys,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from yarnhub.appmaster.core.actions import Finish
    from yarnhub.spec import ApplicationSpec


@dataclass
class MemoryJournal:
    """A journal that outlives the process that writes it."""

    lines: list[bytes] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    overgrown: bool = False
    writes: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    async def load(self) -> list[bytes]:
        return list(self.lines)

    async def append(self, changes: Sequence[bytes]) -> None:
        await self._write()
        self.lines += changes

    async def compact(self, snapshot: bytes) -> None:
        await self._write()
        self.lines, self.overgrown = [snapshot], False

    async def _write(self) -> None:
        await self.gate.wait()
        await asyncio.sleep(0)
        self.writes += 1
        if self.failures:
            raise self.failures.pop(0)

    async def delete(self) -> None:
        self.lines.clear()


class Cluster:
    """A scheduler and nodes that outlive the processes that run an application."""

    def __init__(self, spec: ApplicationSpec) -> None:
        self.spec = spec
        self.journal = MemoryJournal()
        self.scheduler = FakeScheduler()
        self.nodes = FakeNodeManagers(self.scheduler)
        self.result: Finish | None = None

    @contextlib.asynccontextmanager
    async def process(self, *, killed: bool = True) -> AsyncIterator[Runner]:
        """A process that runs the application, until it is killed or ends by itself."""
        core = Application(self.spec, "{}", Topology(racks={}))
        await restore(core, self.journal)
        runner = Runner(
            core,
            self.scheduler,
            self.nodes,
            ContextBuilder(APPLICATION, "am:1", CREDENTIALS),
            lambda: asyncio.get_running_loop().time(),
            self.journal,
        )

        async def run() -> None:
            self.result = await runner.run("am", 1)

        async with asyncio.timeout(3600), asyncio.TaskGroup() as group:
            task = group.create_task(run())
            yield runner
            if killed:
                task.cancel()

    async def until_running(self, count: int) -> None:
        await self.scheduler.until(lambda: len(self.nodes.running) == count)


async def states(runner: Runner) -> dict[str, str]:
    found = await runner.ask(GetContainers(states=None))
    return {each.id: each.state.value for each in found.containers}


@instant
async def test_another_process_goes_on() -> None:
    cluster = Cluster(application(a=service(instances=2)))
    async with cluster.process() as runner:
        await cluster.until_running(2)
        await runner.ask(PutKey(key="k", value=b"v", owner="a_1"))
        await runner.ask(PutKey(key="l", value=b"w"))
        seen = (await runner.ask(WatchKeys())).last
    async with cluster.process(killed=False) as runner:
        assert await states(runner) == {"a_0": "RUNNING", "a_1": "RUNNING"}
        assert (await runner.ask(GetKey(key="k"))).entries == (
            Entry(key="k", value=b"v", owner="a_1"),
        )
        assert (await runner.ask(WatchKeys())).last == seen
        await runner.ask(Scale(service="a", count=3))
        await cluster.until_running(3)
        assert len(cluster.nodes.launching) == 3, "none is started twice"
        await runner.ask(Shutdown(diagnostics="done"))
    assert cluster.result is not None
    assert cluster.result.diagnostics == "done"


@instant
async def test_nothing_is_done_or_answered_before_it_is_recorded() -> None:
    cluster = Cluster(application(a=service(instances=0)))
    async with cluster.process() as runner, asyncio.TaskGroup() as group:
        await cluster.scheduler.until(lambda: len(cluster.scheduler.heartbeats) > 0)
        cluster.journal.gate.clear()
        scaled = group.create_task(runner.ask(Scale(service="a", count=1)))
        put = group.create_task(runner.ask(PutKey(key="k", value=b"v")))
        await asyncio.sleep(10)
        assert not scaled.done()
        assert not put.done()
        assert not cluster.nodes.launching
        writes = cluster.journal.writes
        cluster.journal.gate.set()
        await put
        assert cluster.journal.writes <= writes + 2, "what comes meanwhile is written together"
        await cluster.until_running(1)


@instant
async def test_a_journal_that_fails_is_tried_until_it_works() -> None:
    cluster = Cluster(application(a=service(instances=0)))
    async with cluster.process() as runner:
        await cluster.scheduler.until(lambda: len(cluster.scheduler.heartbeats) > 0)
        cluster.journal.failures += [
            ConnectError("no"),
            ConnectionLostError("lost", CallOutcome.UNKNOWN),
        ]
        await runner.ask(PutKey(key="k", value=b"v"))
    async with cluster.process() as runner:
        assert len((await runner.ask(GetKey(key="k"))).entries) == 1


@instant
async def test_a_journal_that_somebody_has_deleted_is_written_anew_as_a_whole() -> None:
    cluster = Cluster(application(a=service(instances=0)))
    async with cluster.process() as runner:
        await runner.ask(PutKey(key="before", value=b"v"))
        cluster.journal.lines.clear()
        cluster.journal.failures.append(OSError(errno.ESTALE, "another program has cut it"))
        await runner.ask(PutKey(key="after", value=b"v"))
    async with cluster.process() as runner:
        assert (await runner.ask(ListKeys())).keys == ("after", "before")


@instant
async def test_a_journal_that_cannot_be_written_at_the_start_silences_nobody() -> None:
    cluster = Cluster(application(a=service(instances=2)))
    async with cluster.process():
        await cluster.until_running(2)
    kept, before = list(cluster.journal.lines), set(cluster.nodes.running)
    cluster.scheduler.heartbeats.clear()
    full: list[Exception] = [OSError(errno.ENOSPC, "No space left on device")] * 100_000
    cluster.journal.failures += full
    async with cluster.process() as runner:
        async with asyncio.timeout(600):  # YARN ends what it hears nothing of
            while len(cluster.scheduler.heartbeats) < 3:
                await asyncio.sleep(1)
        assert cluster.journal.lines == kept
        assert set(cluster.nodes.running) == before
        async with asyncio.timeout(1):  # what changes nothing need not wait
            assert await states(runner) == {"a_0": "RUNNING", "a_1": "RUNNING"}
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(runner.ask(Scale(service="a", count=3)))
            await asyncio.sleep(100)
            assert not asked.done(), "nothing is done that is not recorded"
            cluster.journal.failures.clear()
        await cluster.until_running(3)
        assert len(asked.result().containers) == 1
        assert before < set(cluster.nodes.running)


@instant
async def test_an_overgrown_journal_is_made_compact() -> None:
    cluster = Cluster(application(a=service(instances=1)))
    async with cluster.process() as runner:
        await cluster.until_running(1)
        cluster.journal.overgrown = True
        await runner.ask(PutKey(key="k", value=b"v"))
        await runner.ask(PutKey(key="k", value=b"w"))
    async with cluster.process() as runner:
        assert (await runner.ask(GetKey(key="k"))).entries[0].value == b"w"
        assert await states(runner) == {"a_0": "RUNNING"}


@instant
async def test_what_ended_meanwhile_is_heard_of_at_the_node() -> None:
    cluster = Cluster(application("run", a=service()))
    async with cluster.process():
        await cluster.until_running(1)
    (container_id,) = cluster.nodes.running
    cluster.nodes.forget(container_id, code=0)
    async with cluster.process() as runner:
        await cluster.scheduler.until(lambda: len(cluster.scheduler.heartbeats) > 3)
        assert await states(runner) == {"a_0": "SUCCEEDED"}


@instant
async def test_a_container_that_was_given_and_not_started_is_started() -> None:
    cluster = Cluster(application(a=service()))
    cluster.nodes.gate.clear()
    async with cluster.process():
        await cluster.scheduler.until(lambda: len(cluster.nodes.launching) == 1)
    cluster.nodes.gate.set()
    async with cluster.process() as runner:
        await cluster.until_running(1)
        assert await states(runner) == {"a_0": "RUNNING"}
        assert len(cluster.scheduler.given) == 1


@instant
async def test_one_that_cannot_be_started_any_more_is_replaced_and_not_counted() -> None:
    cluster = Cluster(application(a=service()))
    cluster.nodes.gate.clear()
    async with cluster.process():
        await cluster.scheduler.until(lambda: len(cluster.nodes.launching) == 1)
    cluster.nodes.gate.set()
    cluster.nodes.refusals.append(YarnhubError("the container's token has expired"))
    async with cluster.process() as runner:
        await cluster.until_running(1)
        assert await states(runner) == {"a_0": "FAILED", "a_1": "RUNNING"}


@instant
async def test_a_node_that_does_not_answer_is_asked_again() -> None:
    cluster = Cluster(application("run", a=service()))
    async with cluster.process():
        await cluster.until_running(1)
    (container_id,) = cluster.nodes.running
    cluster.nodes.silent = 3
    async with cluster.process() as runner:
        await cluster.scheduler.until(lambda: cluster.nodes.silent == 0)
        assert await states(runner) == {"a_0": "RUNNING"}, "unknown is not dead"
        cluster.nodes.forget(container_id, code=3)
        await asyncio.sleep(60)


@instant
async def test_the_end_is_recorded_before_it_is_told() -> None:
    cluster = Cluster(application(a=service()))
    async with cluster.process(killed=False) as runner:
        await cluster.until_running(1)
        await runner.ask(Shutdown(diagnostics="enough"))
    assert not cluster.scheduler.finished, "killed before it could tell"
    cluster.result = None
    async with cluster.process(killed=False):
        pass
    assert cluster.result is not None
    assert cluster.result.diagnostics == "enough"


@instant
async def test_a_damaged_journal_is_refused() -> None:
    cluster = Cluster(application(a=service()))
    cluster.journal.lines = [b'{"records":[{"Riddle":{}}]}']
    with pytest.raises(YarnhubError, match="expected one of"):
        async with cluster.process():
            pass


# --- journals that versions before have written on a full disk


def change(key: str) -> bytes:
    entry = f'{{"key":"{key}","value":"dg=="}}'
    return f'{{"records":[{{"KeyRecord":{{"key":"{key}","entry":{entry}}}}}]}}'.encode()


@pytest.mark.parametrize(
    "lines",
    [
        [change("a"), change("b")[:25] + change("b")],
        [change("a"), change("b")[:5] + change("b")],
        [change("a"), change("b")[:40] + change("b")[:30] + change("b")],
        [change("a"), change("b")[:40] + change("a"), change("b")],  # the second of two
    ],
    ids=["once", "a few bytes", "twice", "a later one"],
)
async def test_a_cut_line_that_its_repetition_follows_is_passed_over(lines: list[bytes]) -> None:
    restored = Application(application(a=service()), "{}", Topology(racks={}))
    assert await restore(restored, MemoryJournal(lines))
    assert [entry.key for entry in restored.keys.entries()] == ["a", "b"]


@pytest.mark.parametrize(
    "line",
    [
        change("b")[:25],
        change("b")[:40] + change("c"),
        b"{" + change("b")[5:],
        b"nonsense" + change("b"),
        b"",
        bytes(100),
    ],
)
async def test_any_other_damage_is_not(line: bytes) -> None:
    restored = Application(application(a=service()), "{}", Topology(racks={}))
    with pytest.raises(RemoteProtocolError):
        await restore(restored, MemoryJournal([change("a"), line, change("d")]))
