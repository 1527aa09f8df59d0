"""The platform's first page of a real hub, on both kinds of cluster: servers and applications."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect
from visitor import START

from hub.on_yarn import yarn_config
from hub.platform_pages import PAGES, alert, assert_accessible, sleeping
from hub.platform_service import HubWithPlatform
from hub.platform_users import client_of, kill_all, running, users_api

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from visitor import Visitor

    from yarnhub.client.client import Client
    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(
    cluster: HadoopCluster, shared_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[HubWithPlatform]:
    more = f"{yarn_config(cluster, shared_python)}c.JupyterHub.allow_named_servers = True\n"
    async with HubWithPlatform(tmp_path_factory.mktemp("hub"), cluster, more) as hub:
        yield hub


@pytest_asyncio.fixture(loop_scope="module")
async def alices_yarn(cluster: HadoopCluster, tmp_path: Path) -> AsyncIterator[Client]:
    """YARN, as alice uses it without the hub."""
    async with client_of(cluster, "alice", tmp_path) as client:
        yield client
        await kill_all(client)


async def test_servers_are_started_and_stopped_at_home(
    hub: HubWithPlatform, alice: Visitor
) -> None:
    page, complaints = alice.page, alert(alice.page)
    await page.goto(f"{alice.url}{PAGES}")
    servers = page.locator("#servers tr")
    default = servers.filter(has_text="Default server")
    await expect(default).to_contain_text("Stopped")
    await assert_accessible(page)
    await default.get_by_role("button", name="Start Default server").click()
    # The page is not loaded again: it follows the hub and YARN.
    await expect(default).to_contain_text("Running", timeout=START)
    await expect(default.get_by_role("link", name="Application of Default server")).to_be_visible()
    await assert_accessible(page)
    async with await users_api(hub, "alice") as api:
        (listed,) = (await api.get("/servers")).json()
        assert (listed["name"], listed["state"]) == ("", "running")
        hers = {"kind": "server", "user": "alice"}
        async with asyncio.timeout(60):  # the list follows
            while [
                each["state"]
                for each in (await api.get("/applications", params=hers)).json()["applications"]
            ].count("RUNNING") != 1:
                await asyncio.sleep(0.1)
        # It is in the server's row.
        await expect(page.locator("#servers tr[id]")).to_have_count(0)

        # A user's token without the scope, as of a hub that does not allow it.
        name_only = await hub.token_of("alice", "access:services!service=platform")
        refused = await api.get("/servers", headers={"Authorization": f"Bearer {name_only}"})
        assert refused.status_code == 403
        assert "read:servers!user" in refused.json()["detail"]

    await default.get_by_role("link", name="Default server", exact=True).click()
    await page.wait_for_url(f"{alice.url}/user/alice/**", timeout=START)
    await page.goto(f"{alice.url}{PAGES}")
    await default.get_by_role("button", name="Stop Default server").click()
    await expect(default).to_contain_text("Stopped", timeout=START)
    assert (await hub.api.get("/users/alice")).json()["servers"] == {}
    assert [each for each in complaints if "/user/" not in each] == []


async def test_own_applications_are_at_home_and_move_to_another_queue(
    hub: HubWithPlatform, alice: Visitor, alices_yarn: Client, cluster: HadoopCluster
) -> None:
    page, complaints = alice.page, alert(alice.page)
    await page.goto(f"{alice.url}{PAGES}")
    number = str(await alices_yarn.submit(sleeping("<b>nap</b>")))
    row = page.locator(f"#{number}")
    await expect(row).to_contain_text("Running", timeout=60_000)
    await expect(row).to_contain_text("default")
    await row.get_by_role("link", name="<b>nap</b>", exact=True).click()
    await page.get_by_role("link", name="Move").click()
    queues = page.get_by_role("combobox", name="Queue")
    await expect(queues).to_contain_text("apples")
    assert "apples" in await queues.locator("option").all_inner_texts()
    assert "default" not in await queues.locator("option").all_inner_texts()
    await assert_accessible(page)
    await queues.select_option("apples")
    await page.get_by_role("button", name="Move").click()
    await expect(page.locator(".facts")).to_contain_text("apples")

    async with await users_api(hub, "alice") as api:
        async with asyncio.timeout(60):  # the list follows
            while not (found := await running(api, number))["queue"].endswith("apples"):
                await asyncio.sleep(0.1)
        assert found["kind"] == "other"
        for queue, status in (("nowhere", 409), ("fruit", 409), ("default", 204)):
            moved = await api.post(f"/applications/{number}/move", json={"queue": queue})
            assert moved.status_code == status, moved.text
        async with await users_api(hub, "bob") as his:
            moved = await his.post(f"/applications/{number}/move", json={"queue": "apples"})
            # Without access control lists, YARN lets everybody do it.
            assert moved.status_code == (403 if cluster.options.kerberos else 204)
        assert (await api.post(f"/applications/{number}/kill")).status_code == 204
        ended = await api.post(f"/applications/{number}/move", json={"queue": "apples"})
        assert ended.status_code == 409

    await page.goto(f"{alice.url}{PAGES}")
    lately = page.get_by_role("region", name="Ended in the last 24 hours")
    await expect(lately.locator(f"#{number}")).to_contain_text("Killed", timeout=60_000)
    assert complaints == []
