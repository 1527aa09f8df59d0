"""Builds that start while the list of YARN's is made."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from yarnhub.server.hub.login import MissingScopeError
from yarnhub.server.platform.build_limits import BuildLimits
from yarnhub.server.platform.viewers import Identity
from yarnhub.sessions.limits import Limit, LimitReachedError, Scope, Whom
from yarnhub.sessions.shared_limits import SharedLimits
from yarnhub.watch.visibility import Viewer

if TYPE_CHECKING:
    from yarnhub.yarn.records.applications import ApplicationReport


def identity(name: str) -> Identity:
    return Identity(name=name, viewer=Viewer(name), token="")


async def no_groups(_: str) -> frozenset[str]:
    return frozenset()


async def test_a_build_that_starts_while_another_one_is_checked_counts_or_waits() -> None:
    shared = SharedLimits()
    shared.entries = {"builds": {Whom(Scope.ALL): Limit(count=1)}}
    limits = BuildLimits(shared, no_groups)
    begun, arrives, ends = asyncio.Event(), asyncio.Event(), asyncio.Event()
    order: list[str] = []

    async def slow() -> list[ApplicationReport]:
        begun.set()
        await arrives.wait()
        order.append("alice's list")
        return []

    async def quick() -> list[ApplicationReport]:
        order.append("bob's list")
        return []

    async def alice() -> None:
        async with limits.accepted(identity("alice"), "one", slow):
            await ends.wait()

    async def bob() -> None:
        with pytest.raises(LimitReachedError, match="1 build of 1 build in use"):
            async with limits.accepted(identity("bob"), "two", quick):
                pass
        ends.set()

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(alice())
        await begun.wait()
        tasks.create_task(bob())
        for _ in range(5):
            await asyncio.sleep(0)
        arrives.set()
    assert order == ["alice's list", "bob's list"]


async def test_without_the_scope_for_groups_their_limits_stop_no_build(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def forbidden(_: str) -> frozenset[str]:
        raise MissingScopeError("the service needs the scope read:users:groups")

    async def listed() -> list[ApplicationReport]:
        return []

    shared = SharedLimits()
    shared.entries = {"builds": {Whom(Scope.GROUP, "ml"): Limit(count=0)}}
    limits = BuildLimits(shared, forbidden)
    for name in ("one", "two"):
        async with limits.accepted(identity("alice"), name, listed):
            pass
    assert caplog.text.count("limits of groups do not apply") == 1


async def test_a_start_that_is_cancelled_counts_no_longer() -> None:
    shared = SharedLimits()
    shared.entries = {"builds": {Whom(Scope.EACH_USER): Limit(count=1)}}
    limits = BuildLimits(shared, no_groups)
    never = asyncio.Event()

    async def listed() -> list[ApplicationReport]:
        return []

    async def waits() -> list[ApplicationReport]:
        await never.wait()
        return []

    async def build() -> None:
        async with limits.accepted(identity("alice"), "one", listed):
            await never.wait()

    async def check() -> None:
        async with limits.accepted(identity("alice"), "one", waits):
            pass

    for work in (build, check):
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(work())
            for _ in range(5):
                await asyncio.sleep(0)
            task.cancel()
    async with limits.accepted(identity("alice"), "two", listed):
        pass
