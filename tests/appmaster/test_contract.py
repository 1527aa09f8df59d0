"""The fakes keep the contract that `tests/yarn/test_cluster.py` plays on a real cluster."""

from __future__ import annotations

from appmaster.contract import World, play
from appmaster.fakes import FakeNodeManagers, FakeScheduler


async def test_the_fakes_keep_the_contract() -> None:
    scheduler = FakeScheduler()
    nodes = FakeNodeManagers(scheduler)
    nodes.on_signal = lambda context: 7 if "exit 7" in context.command[0] else 143
    nodes.program = lambda context: 3 if "exit 3" in context.command[0] else None
    await play(World(scheduler, nodes, ("*",)))
