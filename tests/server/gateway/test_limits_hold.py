"""Limits count what YARN holds, whatever a kernel or its user says."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import pytest

from integrations.kernels.fake_holder import OUT_OF_MEMORY, FakeHolder
from server.gateway.running import ready, running, until
from yarnhub.base.errors import YarnhubError
from yarnhub.database.connections import Database
from yarnhub.database.limits import LimitEntry, LimitStore
from yarnhub.database.location import Location
from yarnhub.kernels.protocol import Room
from yarnhub.sessions.limits import Limit, Scope, Size, Whom

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.jupyter

GIB = 2**30


class Unreachable(FakeHolder):
    """YARN does not respond."""

    unreachable = YarnhubError("YARN does not respond")


async def test_a_kernel_says_what_it_likes_and_counts(tmp_path: Path) -> None:
    async with running(tmp_path, user_limit={"kernels": 1}) as service:
        kernel = await service.start("a")
        await ready(service, "a", kernel)
        # Jupyter Server takes it from the messages that a kernel publishes.
        managed = service.service.manager.get_kernel(kernel)
        managed.show_activity = lambda: None  # what the launcher reports may come at any time
        text = ""
        async with asyncio.timeout(30):
            while 'yarnhub_kernels{state="unknown"} 1.0' not in text:
                managed.execution_state = "invented"  # until its last message has come
                text = (await service.client.get(f"{service.url}metrics")).text
        managed.execution_state = "dead"

        second = await service.request("a", "POST", "api/kernels", json={"name": "cluster"})

        assert "invented" not in text
        assert second.status_code == 403
        assert "1 kernel of 1 kernel in use" in second.json()["message"]


async def test_a_restart_of_a_dead_kernel_is_limited_like_a_start(tmp_path: Path) -> None:
    async with running(tmp_path, user_limit={"kernels": 1}) as service:
        first = await service.start("a")
        await ready(service, "a", first)
        await service.holders[0].held[first].die(OUT_OF_MEMORY)
        await until(service, "a", first, "dead")
        second = await service.start("a")
        await ready(service, "a", second)

        refused = await service.request("a", "POST", f"api/kernels/{first}/restart")
        assert refused.status_code == 403
        assert "1 kernel of 1 kernel in use" in refused.json()["message"]
        assert await service.state("a", first) == "dead"

        await service.request("a", "DELETE", f"api/kernels/{second}")
        await until(service, "a", second, "gone")
        again = await service.request("a", "POST", f"api/kernels/{first}/restart")
        assert again.status_code == 200, again.text
        await ready(service, "a", first)
        full = await service.request("a", "POST", "api/kernels", json={"name": "cluster"})
        assert full.status_code == 403


async def test_a_kernel_that_is_ending_counts_and_the_refusal_says_so(tmp_path: Path) -> None:
    async with running(tmp_path, user_limit={"kernels": 1}) as service:
        first = await service.start("a")
        await ready(service, "a", first)
        held = service.holders[0].held[first]
        held.may_end.clear()
        await service.request("a", "DELETE", f"api/kernels/{first}")
        await until(service, "a", first, "gone")

        refused = await service.request("a", "POST", "api/kernels", json={"name": "cluster"})

        assert refused.status_code == 403
        assert "1 kernel of 1 kernel in use" in refused.json()["message"]
        assert "is still ending: try again" in refused.json()["message"]
        held.may_end.set()


async def test_a_kernel_that_has_not_been_found_again_counts_with_its_size(tmp_path: Path) -> None:
    async with running(tmp_path, end=False) as service:
        kernel = await service.start("a")
        await ready(service, "a", kernel)
        (held,) = service.service.owners.held({})
        assert held.size.memory > 0
        assert held.size.vcores > 0

    async with running(tmp_path, make=Unreachable) as service:
        assert service.service.owners.held({}) == [held]

    async with running(tmp_path) as service:
        await until(service, "a", kernel, "idle")


async def test_what_a_kernel_has_started_counts_with_it(tmp_path: Path) -> None:
    limit = {"memory": "16 GiB", "vcores": 20}
    async with running(tmp_path, user_limit=limit) as service:
        kernel = await service.start("a")
        await ready(service, "a", kernel)
        (before,) = (await service.request("a", "GET", "api/kernels")).json()
        held = service.holders[0].held[kernel]
        assert before["usage"] == {"memory": held.request.memory, "vcores": held.request.vcores}

        held.started = Size(memory=16 * GIB - held.request.memory, vcores=12, count=0)
        (shown,) = (await service.request("a", "GET", "api/kernels")).json()
        metrics = (await service.client.get(f"{service.url}metrics")).text
        refused = await service.request("a", "POST", "api/kernels", json={"name": "cluster"})

        assert shown["usage"] == {"memory": 16 * GIB, "vcores": 12 + held.request.vcores}
        numbers = dict(line.rsplit(" ", 1) for line in metrics.splitlines())
        assert float(numbers["yarnhub_gateway_memory_bytes"]) == 16 * GIB
        assert float(numbers["yarnhub_gateway_vcores"]) == 12 + held.request.vcores
        assert refused.status_code == 403
        message = refused.json()["message"]
        assert "16 GiB of 16 GiB in use (your Spark sessions use 1" in message
        assert "Stop a Spark session (`spark.stop()`) or shut down a kernel" in message

        await held.die(OUT_OF_MEMORY)
        await until(service, "a", kernel, "dead")
        (dead,) = (await service.request("a", "GET", "api/kernels")).json()
        assert dead["usage"] == {"memory": 0, "vcores": 0}
        await service.start("a")


async def test_a_limit_that_an_administrator_lowers_ends_nothing_and_refuses_more(
    tmp_path: Path,
) -> None:
    location = Location.parse(f"sqlite:///{tmp_path / 'platform.sqlite'}")
    async with Database(location) as database:
        await database.open()
        store, whom = LimitStore(database), Whom(Scope.USER, "alice")
        entry = LimitEntry(
            kind="kernels", whom=whom, limit=Limit(count=2), changed_by="carol", changed=0,
            revision="",
        )  # fmt: skip
        await store.put(entry, "")
        url = str(location.url)
        async with running(
            tmp_path / "service", user_limit={"kernels": 1}, limits_database=url
        ) as service:
            kernels = [await service.start("a") for _ in range(2)]
            await ready(service, "a", *kernels)
            await store.put(replace(entry, limit=Limit(count=0)), None)
            async with asyncio.timeout(60):
                while service.service.current_limits.users != {"alice": Limit(count=0)}:
                    await asyncio.sleep(0.05)
            refused = await service.request("a", "POST", "api/kernels", json={"name": "cluster"})
            assert refused.status_code == 403
            assert refused.json()["message"].startswith("The limit of the user alice is 0 kernels.")
            assert {await service.state("a", each) for each in kernels} == {"idle"}

            await store.remove("kernels", whom, None)
            async with asyncio.timeout(60):
                while service.service.current_limits.users:
                    await asyncio.sleep(0.05)
            refused = await service.request("a", "POST", "api/kernels", json={"name": "cluster"})
            assert "2 kernels of 1 kernel in use" in refused.json()["message"]


class Early(FakeHolder):
    """A kernel of it asks before all have been found."""

    asked: asyncio.Future[Room]

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        assert self.room is not None
        self.asked = asyncio.ensure_future(self.room(self.kernels()[0]))  # noqa: TID251  # awaited
        for _ in range(10):
            await asyncio.sleep(0)
        return self


async def test_a_session_that_starts_with_the_service_counts_all_kernels(tmp_path: Path) -> None:
    async with running(tmp_path, end=False) as service:
        kernels = [await service.start("a") for _ in range(2)]
        await ready(service, "a", *kernels)
    async with running(tmp_path, make=Early, user_limit={"memory": "16 GiB"}) as service:
        await ready(service, "a", *kernels)
        (holder,) = service.holders
        assert isinstance(holder, Early)
        used = sum(each.request.memory for each in holder.kernels())
        assert await holder.asked == Room(memory=16 * GIB - used)


async def test_a_new_session_gets_what_the_user_s_other_kernels_leave(tmp_path: Path) -> None:
    async with running(tmp_path, user_limit={"memory": "16 GiB"}) as service:
        first, second = [await service.start("a") for _ in range(2)]
        await ready(service, "a", first, second)
        holder = service.holders[0]
        one, other = holder.held[first], holder.held[second]
        one.started = Size(memory=3 * GIB, count=0)
        other.started = Size(memory=5 * GIB, count=0)
        assert holder.room is not None
        left = 16 * GIB - one.request.memory - other.request.memory

        # One session follows the other in a kernel: what the former one has is available.
        assert await holder.room(one) == Room(memory=left - 5 * GIB)
        assert await holder.room(other) == Room(memory=left - 3 * GIB)
        other.started = Size(memory=50 * GIB, count=0)
        assert await holder.room(one) == Room(memory=0)

    shared = str(tmp_path / "shared")
    limit = {"memory": "16 GiB"}
    async with running(tmp_path / "one", user_limit=limit, shared_folder=shared) as service:
        kernel = await service.start("a")
        await ready(service, "a", kernel)
        holder = service.holders[0]
        assert holder.room is not None
        with service.service.others.locked():  # another process accepts a kernel
            room = await holder.room(holder.held[kernel])
        assert room == Room(memory=16 * GIB - holder.held[kernel].request.memory)

    async with running(tmp_path / "unlimited") as service:
        kernel = await service.start("a")
        await ready(service, "a", kernel)
        holder = service.holders[0]
        assert holder.room is not None
        assert await holder.room(holder.held[kernel]) == Room()
