"""An environment from the platform's form to a colleague's list, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect

from environments.kernel_environment import ClusterEnvironments
from hub.platform_pages import PAGES, alert, assert_accessible
from hub.platform_service import HubWithPlatform
from hub.platform_users import client_of, kill_all, users_api

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx
    from visitor import Visitor

    from environments.build_site import Site
    from yarnhub.cluster import HadoopCluster

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(900),
]

BUILT = 420_000
"""Milliseconds for a build on a machine that is overloaded."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(
    cluster: HadoopCluster, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[HubWithPlatform]:
    with pytest.MonkeyPatch.context() as patch:
        if cluster.options.kerberos:
            patch.setenv("KRB5_CONFIG", cluster.env["KRB5_CONFIG"])
        async with HubWithPlatform(tmp_path_factory.mktemp("hub"), cluster, site=site.file) as hub:
            yield hub


async def names(api: httpx.AsyncClient) -> list[str]:
    """The environments that a user can use."""
    answer = await api.get("/environments")
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()["environments"]]


async def test_an_environment_is_built_by_the_form_and_shared(
    hub: HubWithPlatform,
    cluster: HadoopCluster,
    alice: Visitor,
    tmp_path: Path,
    screenshots: Path,
) -> None:
    await ClusterEnvironments(cluster, tmp_path).prepare()
    page, complaints = alice.page, alert(alice.page)
    await page.goto(f"{alice.url}{PAGES}")
    await page.get_by_role("link", name="Environments").click()
    await assert_accessible(page)
    await page.get_by_role("link", name="New environment").click()

    # Problems are shown while she types, and what she types is kept.
    await page.get_by_label("Pip packages").fill("table\n--pre")
    await expect(page.locator("#pip-problem")).to_contain_text("Line 2: ")
    await expect(page.locator("#pip")).to_have_attribute("aria-invalid", "true")
    await expect(page.locator("#pip")).to_have_value("table\n--pre")
    await assert_accessible(page)
    await page.screenshot(path=screenshots / "environment-form.png")
    await page.get_by_label("Pip packages").fill("table")
    await expect(page.locator("#pip-problem")).to_be_empty()
    await expect(page.locator("#pip")).not_to_have_attribute("aria-invalid", "true")
    await page.get_by_label("Name", exact=True).fill("small")
    await page.get_by_label("Notebooks can use it").uncheck()
    await page.get_by_role("button", name="Build").click(timeout=300_000)

    await expect(page.get_by_role("heading", name="Build of small")).to_be_visible(timeout=300_000)
    await assert_accessible(page)
    await expect(page.get_by_role("status")).to_have_text("Ready", timeout=BUILT)
    await expect(page.locator("#build-log")).to_contain_text("install: ", timeout=60_000)
    await assert_accessible(page)
    await page.screenshot(path=screenshots / "environment-build.png")
    await page.get_by_role("link", name="Show the environment").click()
    await expect(page.get_by_role("heading", name="small", exact=True)).to_be_visible()
    await assert_accessible(page)

    async with await users_api(hub, "bob") as his:
        assert await names(his) == []
        assert (await his.get("/environments/alice/small")).status_code == 404
        await page.get_by_label("Users", exact=True).fill("bob")
        await page.get_by_role("button", name="Share").click()
        await expect(page.locator(".facts")).to_contain_text("bob")
        assert await names(his) == ["small"]
        refused = await his.post("/environments/alice/small/delete?force=true")
        assert refused.status_code == 403

    await page.get_by_role("link", name="Delete", exact=True).click()
    await expect(page.get_by_role("heading", name="Delete small")).to_be_visible()
    await assert_accessible(page)
    await page.get_by_role("button", name="Delete it").click()
    await expect(page.get_by_role("link", name="small", exact=True)).to_have_count(1)  # its build
    assert complaints == []


async def test_a_build_is_canceled_on_its_page(
    hub: HubWithPlatform, cluster: HadoopCluster, alice: Visitor, tmp_path: Path
) -> None:
    await ClusterEnvironments(cluster, tmp_path).prepare()
    async with await users_api(hub, "alice") as hers:
        answer = await hers.post(
            "/environments/build", json={"name": "short", "pip": ["table"]}, timeout=300
        )
        assert answer.status_code == 202, answer.text
        number = answer.json()["id"]
        page = alice.page
        await page.goto(f"{alice.url}{PAGES}builds/{number}")
        await page.get_by_role("link", name="Cancel").click()
        await page.get_by_role("button", name="Cancel the build").click()
        await expect(page.get_by_role("status")).to_have_text("Killed", timeout=60_000)
        assert (await hers.get(f"/builds/{number}")).json()["state"] == "killed"
        assert (await hers.get("/environments/alice/short")).status_code == 404
    async with client_of(cluster, "alice", tmp_path) as client:
        await kill_all(client)
