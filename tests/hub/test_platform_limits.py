"""Limits that an administrator changes on the platform's page, and that a real hub obeys."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect
from visitor import START

from hub.on_yarn import yarn_config
from hub.platform_pages import PAGES, alert, assert_accessible
from hub.platform_service import HubWithPlatform
from hub.platform_users import users_api

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Page
    from visitor import Visitor

    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(
    cluster: HadoopCluster, shared_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[HubWithPlatform]:
    """A hub that reads the platform's limits; alice is an administrator there."""
    folder = tmp_path_factory.mktemp("hub")
    database = f"sqlite:///{folder / 'platform' / 'platform.sqlite'}"
    more = (
        f"{yarn_config(cluster, shared_python)}c.YarnSpawner.user_limit = {{'servers': 1}}\n"
        f"c.YarnSpawner.limits_database = {database!r}\n"
    )
    administrators = "c.Platform.administrators = {'alice'}\n"
    async with HubWithPlatform(folder, cluster, more, settings=administrators) as hub:
        yield hub


async def save(page: Page, count: str) -> None:
    """Fill in the number of the form that is shown, and save it."""
    await page.get_by_label("Number").fill(count)
    await page.get_by_role("button", name="Save").click()


async def test_a_lowered_limit_refuses_a_server_until_it_is_removed(
    hub: HubWithPlatform, alice: Visitor, screenshots: Path
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
