"""The platform's service, and all that may be killed under it: itself, its database, its hub."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import secrets
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import pytest_asyncio

from environments.build_site import build_site
from environments.conftest import cache
from environments.kernel_environment import ClusterEnvironments
from faults import recording_always
from faults.conftest import ROUNDS
from faults.guests import CONFIG, NOT_ENDED, RECOVERY
from faults.onlookers import NO_DATABASE, NO_HUB, onlookers
from faults.spark_kernels import gone
from hub.hub import ADMINISTRATOR, POLL
from hub.platform_pages import PAGES, sleeping
from hub.platform_service import HubWithPlatform
from hub.platform_users import client_of, logged_in, running, users_api
from yarnhub.base.tasks import task_group
from yarnhub.server.platform.pages.login import COOKIE
from yarnhub.yarn.records.resource_manager import GetApplicationsRequest

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from environments.build_site import Site
    from postgresql import PostgreSQL
    from yarnhub.client.client import Client
    from yarnhub.cluster import HadoopCluster
    from yarnhub.yarn.records.ids import ApplicationId

__all__ = ["cache"]

SECONDS = 420
"""For one build on a machine that is overloaded."""
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(SECONDS * (ROUNDS + 1)),
]

_LATE = 8.0
"""Seconds in which most builds of one small wheel have ended."""
_ENDED = ("ready", "failed", "killed")


@pytest.fixture(scope="module")
def site(cache: Path) -> Iterator[Site]:
    with build_site(cache) as site:
        yield site


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(
    fault_cluster: HadoopCluster,
    postgresql: PostgreSQL,
    site: Site,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[HubWithPlatform]:
    """A hub and a platform with the same database, in which the administrator sets limits."""
    url = postgresql.new_database()
    settings = f"c.Platform.database = {url!r}\nc.Platform.administrators = {{'{ADMINISTRATOR}'}}\n"
    async with HubWithPlatform(
        tmp_path_factory.mktemp("platform"),
        fault_cluster,
        f"{CONFIG}c.YarnSpawner.limits_database = {url!r}\n",
        site.file,
        settings,
        program=(sys.executable, recording_always.__file__),
    ) as hub:
        yield hub


@pytest_asyncio.fixture(loop_scope="module")
async def hers(hub: HubWithPlatform) -> AsyncIterator[httpx.AsyncClient]:
    """The API, as alice uses it."""
    async with await users_api(hub, "alice") as hers:
        yield hers


@pytest_asyncio.fixture(loop_scope="module")
async def yarn(fault_cluster: HadoopCluster, tmp_path: Path) -> AsyncIterator[Client]:
    """YARN, as alice uses it without the hub."""
    async with client_of(fault_cluster, "alice", tmp_path) as client:
        yield client


async def until(
    condition: Callable[[], Awaitable[object]], what: str, seconds: float = RECOVERY
) -> None:
    """Look until something is so."""
    try:
        async with asyncio.timeout(seconds):
            while not await condition():
                await asyncio.sleep(POLL)
    except TimeoutError:
        pytest.fail(f"not within {seconds:g} s: {what}")


# --- the service itself


async def test_the_platform_is_killed_while_a_build_runs(
    hub: HubWithPlatform,
    hers: httpx.AsyncClient,
    yarn: Client,
    site: Site,
    fault_cluster: HadoopCluster,
    tmp_path: Path,
    moments: random.Random,
) -> None:
    published = ClusterEnvironments(fault_cluster, tmp_path)
    await published.prepare()
    builders: list[str | None] = []  # of the versions, the first of which is the first
    known: set[str] = set()
    async with logged_in(hub.url, "alice", hub.password) as browser:
        for number in range(ROUNDS):
            specification = site.specification("table")
            async with task_group() as group:
                asking = group.create_task(build(hers, specification))
                if number % 2 == 0:  # else while it is submitted
                    await asyncio.wait([asking])
                await asyncio.sleep(moments.uniform(0, _LATE))
                await hub.service.kill()
            await hub.service.start()
            begun = await builds_besides(hers, known)
            accepted = asking.result()
            if accepted is not None and accepted.status_code == 202:
                assert begun == [accepted.json()["id"]]
            if not begun or await state_of(hers, begun[0]) not in _ENDED:
                # She asks again, as somebody does who has got no answer.
                again = await build(hers, specification)
                assert again is not None
                if again.status_code == 202:
                    begun.append(again.json()["id"])
                else:
                    assert begun, again.text
                    assert (again.status_code, begun[0] in again.text) == (409, True), again.text

            for each in begun:
                assert await end_of(hers, each) == "ready"
                assert await shown_end_of(browser, each) == "Ready"
                await gone(each)
            assert sorted(await builds_besides(hers, known)) == sorted(begun)
            assert await overlapping(hers, begun) == []
            known.update(begun)
            builders.append(begun[0])
            async with published.store("alice") as store:
                versions = (await store.find("table")).versions
            assert [each.manifest.application for each in versions] == builders
            await until(partial(nothing_runs, yarn), "nothing runs on YARN")


async def build(api: httpx.AsyncClient, specification: dict[str, object]) -> httpx.Response | None:
    """Ask for a build; None if the service has not answered."""
    with contextlib.suppress(httpx.TransportError):
        return await api.post("/environments/build", json=specification, timeout=SECONDS)
    return None


async def builds_besides(api: httpx.AsyncClient, known: set[str]) -> list[str]:
    """The builds that a user has, without some."""
    answer = (await api.get("/builds")).raise_for_status().json()
    return [each["id"] for each in answer["builds"] if each["id"] not in known]


async def state_of(api: httpx.AsyncClient, number: str) -> str:
    return str((await api.get(f"/builds/{number}")).raise_for_status().json()["state"])


async def end_of(api: httpx.AsyncClient, number: str) -> str:
    """The state with which a build has ended, which the list tells, too."""
    state = ""

    async def ended() -> bool:
        nonlocal state
        state = await state_of(api, number)
        return state in _ENDED

    await until(ended, f"{number} ends", SECONDS)
    listed = {each["id"]: each["state"] for each in (await api.get("/builds")).json()["builds"]}
    assert listed[number] == state
    return state


async def overlapping(api: httpx.AsyncClient, builds: list[str]) -> list[str]:
    """Those of some builds that have begun before the one before them had ended."""
    found = [(await api.get(f"/builds/{each}")).raise_for_status().json() for each in builds]
    pairs = itertools.pairwise(found)
    return [later["id"] for earlier, later in pairs if later["started"] < earlier["ended"]]


async def shown_end_of(browser: httpx.AsyncClient, number: str) -> str:
    """The same on the page of the build: the browser logs in again by itself."""
    page = (await browser.get(f"{PAGES}builds/{number}")).raise_for_status()
    found = re.search(r'role="status">([^<]*)<', page.text)
    assert found is not None, page.text
    return found[1]


async def nothing_runs(client: Client) -> bool:
    """Whether all applications have ended, of all users and types."""
    request = GetApplicationsRequest(application_states=NOT_ENDED)
    return not await client.resource_manager.get_applications(request)


# --- its database


async def test_the_database_is_killed_while_usage_is_stored_and_limits_are_read(
    hub: HubWithPlatform,
    hers: httpx.AsyncClient,
    yarn: Client,
    postgresql: PostgreSQL,
    moments: random.Random,
) -> None:
    async with (
        await users_api(hub, ADMINISTRATOR) as administrator,
        logged_in(hub.url, ADMINISTRATOR, hub.admin_password) as browser,
    ):
        for kind in ("servers", "builds"):
            answer = await limit(administrator, kind, 0)
            assert answer.status_code == 200, answer.text
        await until(partial(no_start_is_accepted, hub, hers), "the limits are read")
        before = (await administrator.get("/limits/entries")).json()
        assert len(before) == 2
        for _ in range(ROUNDS):
            key = secrets.token_hex(32)
            tags = frozenset({f"yarnhub-env:{key}"})
            number = await yarn.submit(replace(sleeping("uses"), tags=tags))
            await running(hers, str(number))
            await until(partial(used, hers, key), "its usage is stored")
            async with onlookers(
                partial(hers.get, "/usage"),
                partial(browser.get, f"{PAGES}usage"),
                partial(browser.get, f"{PAGES}limits"),
            ):
                await asyncio.sleep(moments.uniform(0, 2))
                await asyncio.to_thread(postgresql.kill)
                try:
                    refused = await limit(administrator, "builds", 5)
                    assert (refused.status_code, refused.json()["detail"]) == (503, NO_DATABASE)
                    for page in ("usage", "limits"):
                        assert NO_DATABASE in (await browser.get(f"{PAGES}{page}")).text
                    await until(partial(works, hub, database=False), "its health says so")
                    assert (await browser.get(PAGES)).status_code == 200
                    assert await no_start_is_accepted(hub, hers)
                    await asyncio.sleep(moments.uniform(0, 3))
                    assert await no_start_is_accepted(hub, hers)
                finally:
                    await asyncio.to_thread(postgresql.start)
                await until(partial(works, hub, database=True), "its health says so")
            stored = await used(hers, key)
            assert (await administrator.get("/limits/entries")).json() == before
            assert await no_start_is_accepted(hub, hers)
            await until(partial(uses_more, hers, key, stored), "usage goes on")
            await yarn.kill(number)
            await until(partial(is_counted_once, hers, key, yarn, number), "all of it is counted")


async def limit(api: httpx.AsyncClient, kind: str, count: int) -> httpx.Response:
    """Set the number that alice can have of something."""
    path = f"/limits/entries/{kind}/user/set?name=alice"
    return await api.post(path, json={"count": count})


async def no_start_is_accepted(hub: HubWithPlatform, api: httpx.AsyncClient) -> bool:
    """Whether alice is refused servers and builds because her limits are 0."""
    server = await hub.api.post("/users/alice/server")
    if server.is_success:
        await hub.stop_server("alice")
    limits = {each["kind"]: each["limit"] for each in (await api.get("/limits")).json()}
    if limits["builds"] is None:
        return False  # the platform has not read it yet
    begun = await build(api, {"name": "table", "pip": ["table"]})
    assert begun is not None
    return all(
        f"The limit of the user alice is 0 {many}." in answer.text
        for many, answer in (("servers", server), ("builds", begun))
    )


async def works(hub: HubWithPlatform, *, database: bool) -> bool:
    """Whether the service's health says that its database works, or that it does not."""
    answer = await hub.api.get(f"{hub.url}{PAGES}health")
    found = answer.json()["database"]
    assert found or answer.status_code == 503
    return bool(found) is database


async def usage_of(api: httpx.AsyncClient, key: str) -> dict[str, Any]:
    """What was stored of the applications with an environment; empty if that is nothing."""
    answer = await api.get("/usage", params={"by": "environment"})
    series = answer.raise_for_status().json()["series"]
    found: list[dict[str, Any]] = [each["total"] for each in series if each["name"] == key]
    return found[0] if found else {}


async def used(api: httpx.AsyncClient, key: str) -> int:
    """MiB-seconds that are stored."""
    return int((await usage_of(api, key)).get("memory_seconds", 0))


async def uses_more(api: httpx.AsyncClient, key: str, before: int) -> bool:
    return await used(api, key) > before


async def is_counted_once(
    api: httpx.AsyncClient, key: str, client: Client, number: ApplicationId
) -> bool:
    """Whether exactly what YARN reports of an application that has ended is stored."""
    stored = await usage_of(api, key)
    reported = (await client.application_report(number)).app_resource_usage
    assert stored["memory_seconds"] <= reported.memory_seconds
    assert stored["vcore_seconds"] <= reported.vcore_seconds
    assert stored["begun"] == 1
    return (stored["memory_seconds"], stored["vcore_seconds"], stored["ended"]) == (
        reported.memory_seconds,
        reported.vcore_seconds,
        1,
    )


# --- its hub


async def test_the_hub_is_killed_while_pages_are_open(
    hub: HubWithPlatform, moments: random.Random
) -> None:
    async with (
        logged_in(hub.url, "alice", hub.password) as browser,
        logged_in(hub.url, "bob", hub.password) as other,
    ):

        async def follow() -> httpx.Response:
            async with browser.stream("GET", f"{PAGES}home/changes") as answer:
                await answer.aread()
                return answer

        async def log_in_anew() -> httpx.Response:
            other.cookies.delete(COOKIE)
            return await other.get(f"{PAGES}applications")

        assert "Default server" in (await browser.get(PAGES)).text
        for _ in range(ROUNDS):
            async with (
                await users_api(hub, "alice") as hers,
                onlookers(
                    follow,
                    log_in_anew,
                    partial(browser.get, PAGES),
                    partial(browser.get, f"{PAGES}applications"),
                    partial(browser.get, f"{PAGES}cluster"),
                ),
            ):
                await asyncio.sleep(moments.uniform(0, 1))
                await hub.kill()
                # The service has not looked up this token before.
                refused = await hers.get("/applications")
                assert (refused.status_code, refused.json()["detail"]) == (503, NO_HUB)
                assert NO_HUB in (await browser.get(PAGES)).text
                await asyncio.sleep(moments.uniform(0, 2))
                await hub.start()
                assert (await hers.get("/applications")).status_code == 200
            home = await browser.get(PAGES)
            assert home.status_code == 200
            assert "Default server" in home.text, "she is still logged in, and sees her servers"
            again = await log_in_anew()
            assert (again.status_code, again.url.path) == (200, f"{PAGES}applications")
