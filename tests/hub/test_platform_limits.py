"""Limits that an administrator changes on the platform's page: a real hub and its services obey."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect
from visitor import START

from environments.kernel_environment import ClusterEnvironments
from hub.all_services import HubWithServices
from hub.platform_pages import PAGES, alert, assert_accessible, sleeping
from hub.platform_users import client_of, kill_all, users_api
from yarnhub.environments.cluster_build.application import TAG, name_tag

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    import httpx
    from playwright.async_api import Page
    from visitor import Visitor

    from environments.build_site import Site
    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="module")]


@dataclass(frozen=True)
class Started:
    """What a user starts by a service's API.

    Attributes:
        one: Its name in sentences.
        title: Its name on pages.
        service: The beginning of the service's paths.
        new: The path that starts one.
        body: The request for one.
        end: The method and the path that end one, whose id is in the response.
        id: Where the response has it.
    """

    one: str
    title: str
    service: str
    new: str
    body: Mapping[str, object]
    end: tuple[str, str]
    id: str = "id"


KERNELS = Started(
    one="kernel",
    title="Kernels",
    service="/gateway/api",
    new="/kernels",
    body={"name": "science"},
    end=("DELETE", "/kernels/{}"),
)
CLUSTERS = Started(
    one="cluster",
    title="Dask clusters",
    service="/dask-gateway/api/v1",
    new="/clusters/",
    body={},
    end=("DELETE", "/clusters/{}"),
    id="name",
)
BUILDS = Started(
    one="build",
    title="Builds of environments",
    service="/platform/api/v1",
    new="/environments/build",
    body={"name": "small", "pip": ["table"]},
    end=("POST", "/builds/{}/cancel"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(
    cluster: HadoopCluster,
    dask_python: Path,
    site: Site,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[HubWithServices]:
    """A hub whose services read the platform's limits; alice is an administrator there."""
    more = "c.YarnSpawner.user_limit = {'servers': 1}\nc.Platform.administrators = {'alice'}\n"
    folder = tmp_path_factory.mktemp("hub")
    with pytest.MonkeyPatch.context() as patch:
        if cluster.options.kerberos:
            patch.setenv("KRB5_CONFIG", cluster.env["KRB5_CONFIG"])
        async with HubWithServices(folder, cluster, dask_python, site, more) as hub:
            yield hub


async def save(page: Page, count: str) -> None:
    """Fill in the number of the form that is shown, and save it."""
    await page.get_by_label("Number").fill(count)
    await page.get_by_role("button", name="Save").click()


async def test_a_lowered_limit_refuses_a_server_until_it_is_removed(
    hub: HubWithServices, alice: Visitor, screenshots: Path
) -> None:
    page, complaints = alice.page, alert(alice.page)
    await page.goto(f"{alice.url}{PAGES}")
    await page.get_by_role("link", name="Limits", exact=True).click()
    await assert_accessible(page)
    await page.get_by_role("link", name="New limit").click()
    await page.get_by_label("For", exact=True).select_option("user")
    await save(page, "many")
    await expect(page.locator("#count-problem")).to_contain_text("Must be a whole number")
    await expect(page.locator("#name-problem")).to_contain_text("Enter the name of the user")
    await assert_accessible(page)
    await page.screenshot(path=screenshots / "limit-form.png")
    await page.get_by_label("Name", exact=True).fill("alice")
    await save(page, "0")
    limits = page.get_by_role("region", name="Limits of notebook servers")
    await expect(limits).to_contain_text("alice")
    await assert_accessible(page)
    await page.screenshot(path=screenshots / "limits.png")

    async with await users_api(hub, "alice") as api:
        async with asyncio.timeout(60):  # the platform reads it like other services
            while not (await api.get("/limits")).json()[0]["limit"]:
                await asyncio.sleep(0.1)
    await page.goto(f"{alice.url}{PAGES}")
    await expect(page.locator("#limits")).to_contain_text("Notebook servers: 0 of 0")
    await page.screenshot(path=screenshots / "home-limits.png")
    assert [each for each in complaints if "422" not in each] == []  # of the form that was invalid

    async def refused() -> bool:
        """Whether the hub refuses a server by then: it reads the limit within seconds."""
        answer = await hub.api.post("/users/alice/server")
        if answer.status_code < 400:
            await hub.stop_server("alice")
        return "The limit of the user alice is 0 servers" in answer.text

    async with asyncio.timeout(120):
        while not await refused():
            await asyncio.sleep(0.1)
    await page.goto(f"{alice.url}/hub/spawn/alice")
    await expect(page.locator("body")).to_contain_text("The limit of the user alice is 0 servers")

    await page.goto(f"{alice.url}{PAGES}limits")
    await limits.get_by_role("button", name="Remove").click()
    await expect(page.locator("body")).to_contain_text("removed: True")
    async with asyncio.timeout(120):  # what the hub's configuration says applies again
        while await refused():
            await asyncio.sleep(0.1)
    await page.goto(f"{alice.url}/hub/spawn/alice")
    await page.wait_for_url(f"{alice.url}/user/alice/**", timeout=START)


async def test_a_lowered_limit_refuses_kernels_clusters_and_builds_until_it_is_removed(
    hub: HubWithServices, cluster: HadoopCluster, alice: Visitor, tmp_path: Path
) -> None:
    await ClusterEnvironments(cluster, tmp_path).prepare()
    page = alice.page
    async with client_of(cluster, "alice", tmp_path) as yarn, await hub.client_of("alice") as hers:
        try:
            for each in (KERNELS, CLUSTERS):
                assert await accepted(hers, each)
            # A build as the platform sees it, which does not end by itself.
            tags = frozenset({TAG, name_tag("held")})
            await yarn.submit(replace(sleeping("held"), tags=tags))

            for each in (KERNELS, CLUSTERS, BUILDS):
                await page.goto(f"{alice.url}{PAGES}limits/edit")
                await page.get_by_label("Kind").select_option(each.title)
                await page.get_by_label("For", exact=True).select_option("user")
                await page.get_by_label("Name", exact=True).fill("alice")
                await save(page, "1")
                await expect(page.get_by_role("region", name=each.title)).to_contain_text("alice")
            await builds_are_limited(hers, to=1)
            for each in (KERNELS, CLUSTERS, BUILDS):
                assert re.search(
                    rf"This {each.one} would exceed the limit of the user alice: "
                    rf"\d {each.one}s? of 1 {each.one} in use, and it needs 1 {each.one}\. "
                    r".*or ask an administrator for a higher limit\.",
                    await refusal(hers, each),
                )

            await page.goto(f"{alice.url}{PAGES}limits")
            for each in (KERNELS, CLUSTERS, BUILDS):
                await page.get_by_role("button", name=f"Remove: {each.title}").click()
                await expect(page.get_by_role("region", name=each.title)).to_have_count(0)
            await builds_are_limited(hers, to=None)
            assert await accepted(hers, BUILDS)
            for each in (KERNELS, CLUSTERS):
                async with asyncio.timeout(120):
                    while not await accepted(hers, each):
                        await asyncio.sleep(0.1)
        finally:
            for each in (KERNELS, CLUSTERS):
                found = (await hers.get(f"{each.service}{each.new}")).json()
                for number in found if each is CLUSTERS else [kernel["id"] for kernel in found]:
                    await ended(hers, each, number)
            await kill_all(yarn)


async def accepted(api: httpx.AsyncClient, what: Started) -> bool:
    """Whether a service starts one more."""
    answer = await api.post(f"{what.service}{what.new}", json=what.body, timeout=300)
    return answer.is_success


async def refusal(api: httpx.AsyncClient, what: Started) -> str:
    """What a service says that refuses to start one more: it reads the limit within seconds."""
    async with asyncio.timeout(120):
        while True:
            answer = await api.post(f"{what.service}{what.new}", json=what.body, timeout=300)
            if answer.is_client_error:
                return answer.text
            await ended(api, what, answer.json()[what.id])


async def ended(api: httpx.AsyncClient, what: Started, number: str) -> None:
    """End one."""
    method, path = what.end
    (await api.request(method, f"{what.service}{path.format(number)}")).raise_for_status()


async def builds_are_limited(api: httpx.AsyncClient, *, to: int | None) -> None:
    """Wait until the platform has read the limit of builds, too."""
    async with asyncio.timeout(60):
        while True:
            found = {
                each["kind"]: each for each in (await api.get("/platform/api/v1/limits")).json()
            }
            if (found["builds"]["limit"] or {}).get("count") == to:
                return
            await asyncio.sleep(0.1)
