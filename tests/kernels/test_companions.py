"""The applications that kernels have started, with a ResourceManager in memory."""

from __future__ import annotations

from typing import Any

import pytest

from kernels.companions_in_memory import Client, Yarn
from sessions.in_memory import SETTINGS
from yarnhub.base.errors import YarnhubError
from yarnhub.kernels import companions
from yarnhub.kernels.companions import Companions
from yarnhub.sessions.limits import Size

COMMON = "kernel-companion"
GIB = 2**30
ONE, OTHER = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"


@pytest.fixture
def yarn(monkeypatch: pytest.MonkeyPatch) -> Yarn:
    yarn = Yarn()
    monkeypatch.setattr(companions, "Client", lambda settings: Client(yarn, settings))
    return yarn


@pytest.fixture
def held() -> Companions:
    return Companions(SETTINGS, COMMON)


def alive(*kernels: str) -> Any:
    return lambda: dict.fromkeys(kernels, "alice")


async def test_a_kernel_ends_its_own_applications_only(yarn: Yarn, held: Companions) -> None:
    yarn.add("hers", "alice", *held.tags(ONE))
    yarn.add("of another kernel", "alice", *held.tags(OTHER))
    yarn.add("with a copied tag", "bob", *held.tags(ONE))
    assert await held.end(ONE, "alice") == ("hers",)
    assert yarn.killed == [("hers", "alice")]


async def test_what_ended_kernels_have_left_is_ended_as_its_user(
    yarn: Yarn, held: Companions
) -> None:
    yarn.add("in use", "alice", *held.tags(ONE))
    yarn.add("left", "alice", *held.tags(OTHER))
    yarn.add("with a copied tag", "bob", *held.tags(ONE))
    yarn.add("of another service", "alice", "kernel-others", held.tags(OTHER)[1])
    assert not await held.sweep(alive(ONE))
    assert sorted(yarn.killed) == [("left", "alice"), ("with a copied tag", "bob")]


async def test_users_can_be_spared(yarn: Yarn, held: Companions) -> None:
    yarn.add("perhaps in use", "bob", *held.tags(ONE))
    yarn.add("left", "alice", *held.tags(OTHER))
    assert not await held.sweep(alive(), {"bob"})
    assert yarn.killed == [("left", "alice")]


async def test_one_that_cannot_be_killed_protects_no_others(
    yarn: Yarn, held: Companions, caplog: pytest.LogCaptureFixture
) -> None:
    yarn.protected.add("mallory")
    yarn.add("bait", "mallory", COMMON)
    yarn.add("left", "alice", *held.tags(OTHER))
    assert not await held.sweep(alive(ONE))
    assert yarn.killed == [("left", "alice")]
    assert "applications of mallory may still run" in caplog.text


async def test_a_kernel_that_started_meanwhile_keeps_its_applications(
    yarn: Yarn, held: Companions
) -> None:
    def now() -> dict[str, str]:
        assert yarn.running, "YARN is asked before"
        return {ONE: "alice"}

    yarn.add("new", "alice", *held.tags(ONE))
    assert await held.sweep(now)
    assert yarn.killed == []


async def test_whether_nothing_is_left_is_not_known_without_yarn(
    yarn: Yarn, held: Companions
) -> None:
    yarn.error = YarnhubError("it sleeps")
    assert not await held.sweep(alive())
    yarn.error = None
    assert await held.sweep(alive())


async def test_a_look_finds_what_those_of_each_kernel_use(yarn: Yarn, held: Companions) -> None:
    yarn.add("session", "alice", *held.tags(ONE), gib=2)
    yarn.add("her own", "alice", *held.tags(ONE), gib=1)
    yarn.add("of two", "alice", *held.tags(ONE), held.tags(OTHER)[1], gib=4)
    yarn.add("with a copied tag", "bob", *held.tags(ONE), gib=8)
    yarn.add("of another service", "alice", "kernel-others", held.tags(ONE)[1], gib=16)
    yarn.add("left", "alice", *held.tags("gone"), gib=32)
    assert (held.used, held.known) == ({}, False)
    await held.sweep(alive(ONE, OTHER))
    assert held.known
    known = {ONE: Size(memory=7 * GIB, vcores=7, count=0)}
    assert held.used == known
    yarn.error = YarnhubError("it sleeps")
    await held.sweep(alive(ONE, OTHER))
    assert held.used == known  # unknown is not nothing
    yarn.error = None
    yarn.running.clear()
    await held.sweep(alive(ONE, OTHER))
    assert held.used == {}


async def test_usage_that_yarn_does_not_show_is_logged_once(
    yarn: Yarn, held: Companions, caplog: pytest.LogCaptureFixture
) -> None:
    yarn.add("session", "alice", *held.tags(ONE), gib=-1)
    for _ in range(3):
        await held.sweep(alive(ONE))
    assert held.used == {ONE: Size(count=0)}
    assert caplog.text.count("does not count for limits") == 1
