"""Look-ups of environments: kept, shared among callers, and bounded."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from server.gateway.published import Hdfs
from yarnhub.base.background import BackgroundTasks
from yarnhub.base.errors import ConnectError, DeadlineExceededError
from yarnhub.environments.published.environment import ROOT, Survey
from yarnhub.server.gateway.environment_kernelspecs import by_kernelspec
from yarnhub.server.gateway.user_environments import Budget, UserEnvironments

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ALWAYS = Budget(fresh=0.0, wait=30.0)
"""Each list looks up, and waits for it."""
HASTY = Budget(fresh=0.0, wait=0.0)
"""Each list looks up, and does not wait."""


@pytest.fixture
async def tasks() -> AsyncIterator[BackgroundTasks]:
    async with BackgroundTasks() as tasks:
        yield tasks


@pytest.fixture
async def hdfs(tmp_path: Path) -> Hdfs:
    hdfs = Hdfs(tmp_path / "hdfs")
    await hdfs.publish(readers=("bob",))
    return hdfs


async def test_an_answer_is_kept(hdfs: Hdfs, tasks: BackgroundTasks) -> None:
    found = UserEnvironments(hdfs, tasks)
    assert [each.name for each in await found.known("alice")] == ["table"]
    assert [each.name for each in await found.known("bob")] == ["table"]
    await found.known("alice")
    assert await found.known("eve") == ()
    assert hdfs.lookups == ["alice", "bob", "eve"]


async def test_a_start_gets_what_is_current(hdfs: Hdfs, tasks: BackgroundTasks) -> None:
    found = UserEnvironments(hdfs, tasks)
    await found.known("bob")
    await hdfs.publish(version="2")
    environment = await found.find("bob", "env-alice-table")
    assert environment is not None
    assert environment.current.number == 2
    await hdfs.delete()
    assert await found.find("bob", "env-alice-table") is None


@pytest.mark.parametrize("owner", ["alice", "a-b", "Alice Ö"])
async def test_the_environment_of_each_kernelspec_is_found(
    owner: str, hdfs: Hdfs, tasks: BackgroundTasks
) -> None:
    for name in ("a", "a-b", "b-c"):
        await hdfs.publish(owner, name, readers=("bob",))
    found = UserEnvironments(hdfs, tasks, ALWAYS)
    for kernelspec, listed in by_kernelspec(await found.known("bob"), "bob").items():
        environment = await found.find("bob", kernelspec)
        assert environment is not None
        assert environment.file() == listed.file()
    for kernelspec in ("env-", "env-a", f"env-{owner}-missing", "env-mallory-a", "env--a"):
        assert await found.find("bob", kernelspec) is None
    assert await found.find("eve", f"env-{owner}-a") is None


async def test_an_environment_without_kernels_is_not_found(
    hdfs: Hdfs, tasks: BackgroundTasks
) -> None:
    await hdfs.publish(name="plain", packages=("tabulate",))
    assert await UserEnvironments(hdfs, tasks).find("alice", "env-alice-plain") is None


async def test_starts_do_not_wait_for_lists(hdfs: Hdfs, tasks: BackgroundTasks) -> None:
    class SlowLists(Hdfs):
        async def survey(self, user: str) -> Survey:
            self.waiting += 1
            await asyncio.Event().wait()
            raise AssertionError

    slow = SlowLists(hdfs._folder)
    await slow.publish()
    found = UserEnvironments(slow, tasks, replace(HASTY, at_once=1))
    await found.known("alice")
    while not slow.waiting:
        await asyncio.sleep(0)
    assert await found.find("alice", "env-alice-table") is not None


async def test_cancelling_a_start_ends_its_look_up(hdfs: Hdfs, tasks: BackgroundTasks) -> None:
    found = UserEnvironments(hdfs, tasks, replace(ALWAYS, at_once=1))
    hdfs.answers.clear()
    async with asyncio.TaskGroup() as group:
        start = group.create_task(found.find("alice", "env-alice-table"))
        while not hdfs.waiting:
            await asyncio.sleep(0)
        start.cancel()
    assert hdfs.waiting == 0
    hdfs.answers.set()
    assert await found.find("alice", "env-alice-table") is not None


async def test_answers_are_kept_without_packages_within_a_size(
    hdfs: Hdfs, tasks: BackgroundTasks
) -> None:
    many = tuple(f"package-{number}" for number in range(1000))
    await hdfs.publish(name="large", packages=("ipykernel", *many), readers=("bob",))
    found = UserEnvironments(hdfs, tasks, replace(ALWAYS, fresh=60, size=10_000))
    for user in ("alice", "bob"):
        large, table = await found.known(user)
        assert large.manifest.packages == table.manifest.packages == {"ipykernel": "1"}
    await found.known("alice")
    assert hdfs.lookups == ["alice", "bob"]
    small = UserEnvironments(hdfs, tasks, replace(ALWAYS, fresh=60, size=1))
    for user in ("alice", "bob", "alice"):
        assert len(await small.known(user)) == 2
    assert hdfs.lookups[2:] == ["alice", "bob", "alice"]


async def test_what_was_not_read_is_logged_once(
    hdfs: Hdfs, tasks: BackgroundTasks, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(205):
        await hdfs.hdfs.user("mallory").make_directory(f"{ROOT}/{number:016x}", 0o755)
    found = UserEnvironments(hdfs, tasks, ALWAYS)
    await found.known("bob")
    await found.known("bob")
    logged = [each.message for each in caplog.records if each.levelname == "WARNING"]
    assert logged == ["some environments that bob can use were not read: 5 of mallory"]


async def test_callers_share_a_look_up_which_survives_their_cancellation(
    hdfs: Hdfs, tasks: BackgroundTasks
) -> None:
    found = UserEnvironments(hdfs, tasks, ALWAYS)
    hdfs.answers.clear()
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(found.known("alice")) for _ in range(3)]
        while not hdfs.waiting:
            await asyncio.sleep(0)
        calls[0].cancel()
        await asyncio.sleep(0)
        hdfs.answers.set()
    assert hdfs.lookups == ["alice"]
    assert all(len(each.result()) == 1 for each in calls if not each.cancelled())


async def test_a_list_does_not_wait_for_a_slow_hdfs(hdfs: Hdfs, tasks: BackgroundTasks) -> None:
    found = UserEnvironments(hdfs, tasks, HASTY)
    await found.known("alice")
    while not (before := await found.known("alice")):
        await asyncio.sleep(0)
    asked = len(hdfs.lookups)
    hdfs.answers.clear()
    await hdfs.publish(version="2")
    assert await found.known("alice") == before
    assert await found.known("alice") == before
    assert len(hdfs.lookups) <= asked + 1
    hdfs.answers.set()
    while (await found.known("alice"))[0].current.number != 2:
        await asyncio.sleep(0)


async def test_a_list_waits_once_for_a_look_up(hdfs: Hdfs, tasks: BackgroundTasks) -> None:
    found = UserEnvironments(hdfs, tasks, Budget(fresh=0.0, wait=2.0))
    hdfs.answers.clear()
    loop = asyncio.get_running_loop()
    await found.known("alice")
    begun = loop.time()
    await found.known("alice")
    assert loop.time() - begun < 1.8


async def test_the_last_known_are_used_while_hdfs_fails(
    hdfs: Hdfs, tasks: BackgroundTasks, caplog: pytest.LogCaptureFixture
) -> None:
    found = UserEnvironments(hdfs, tasks, ALWAYS)
    before = await found.known("alice")
    hdfs.error = ConnectError("nn:8020 refuses connections")
    assert await found.known("alice") == before
    assert await found.known("alice") == before
    assert found.failed == 1
    with pytest.raises(ConnectError, match="nn:8020"):
        await found.find("alice", "env-alice-table")
    logged = [each.message for each in caplog.records if each.levelname == "WARNING"]
    assert logged == ["the environments of alice cannot be read: nn:8020 refuses connections"]
    hdfs.error = None
    await found.known("alice")
    assert found.failed == 0


async def test_a_look_up_has_a_deadline(hdfs: Hdfs, tasks: BackgroundTasks) -> None:
    found = UserEnvironments(hdfs, tasks, replace(ALWAYS, deadline=0.05))
    hdfs.answers.clear()
    assert await found.known("alice") == ()
    with pytest.raises(DeadlineExceededError, match=r"env-alice-table was not read within 0\.05"):
        await found.find("alice", "env-alice-table")
    assert hdfs.waiting == 0


async def test_look_ups_and_answers_are_bounded(hdfs: Hdfs, tasks: BackgroundTasks) -> None:
    found = UserEnvironments(hdfs, tasks, replace(HASTY, at_once=2, users=3, fresh=60))
    hdfs.answers.clear()
    for number in range(5):
        await found.known(f"user{number}")
    while hdfs.waiting < 2:
        await asyncio.sleep(0)
    assert hdfs.lookups == ["user0", "user1"]
    hdfs.answers.set()
    while len(hdfs.lookups) < 5:
        await asyncio.sleep(0)
    await found.known("user4")
    assert len(hdfs.lookups) == 5
    await found.known("user0")
    assert len(found._users) == 3


async def test_the_end_of_the_service_ends_look_ups(hdfs: Hdfs) -> None:
    hdfs.answers.clear()
    async with BackgroundTasks() as tasks, asyncio.TaskGroup() as group:
        found = UserEnvironments(hdfs, tasks, ALWAYS)
        call = group.create_task(found.known("alice"))
        while not hdfs.waiting:
            await asyncio.sleep(0)
        await tasks.aclose()
    assert hdfs.waiting == 0
    assert call.result() == ()
