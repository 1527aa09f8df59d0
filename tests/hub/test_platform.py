"""The platform's service of a real hub, on both kinds of cluster: who sees and kills what."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from playwright.async_api import expect
from visitor import Visitor

from hub.platform_pages import PAGES, alert, assert_accessible, sleeping
from hub.platform_service import HubWithPlatform
from hub.platform_users import SECONDS, client_of, kill_all, running, users_api
from yarnhub.base.units import MiB, VCores
from yarnhub.spec import ACLs, ApplicationSpec, Resources, Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx
    from playwright.async_api import Browser

    from yarnhub.client.client import Client
    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(
    cluster: HadoopCluster, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[HubWithPlatform]:
    async with HubWithPlatform(tmp_path_factory.mktemp("hub"), cluster) as hub:
        yield hub


@pytest_asyncio.fixture(loop_scope="module")
async def alices_yarn(cluster: HadoopCluster, tmp_path: Path) -> AsyncIterator[Client]:
    """YARN, as alice uses it without the hub."""
    async with client_of(cluster, "alice", tmp_path) as client:
        yield client
        await kill_all(client)


async def explained(api: httpx.AsyncClient, number: str) -> dict[str, Any]:
    answer = await api.get(f"/applications/{number}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def killed_as_told(api: httpx.AsyncClient, lines: AsyncIterator[str], number: str) -> None:
    """Look at an application after each event that names it, until it is killed."""
    async with asyncio.timeout(SECONDS):
        async for line in lines:
            if line.startswith("data: ") and number in json.loads(line[6:])["changed"]:
                page = (await api.get("/applications", params={"text": number})).json()
                if page["applications"][0]["state"] == "KILLED":
                    return
    pytest.fail("the stream has ended")


async def test_a_user_sees_and_kills_applications(
    hub: HubWithPlatform, cluster: HadoopCluster, alices_yarn: Client
) -> None:
    number = str(await alices_yarn.submit(sleeping("<b>nap</b>")))
    async with await users_api(hub, "alice") as hers, await users_api(hub, "bob") as his:
        found = await running(hers, number)
        assert (found["name"], found["user"], found["type"]) == ("<b>nap</b>", "alice", "skein")
        # With access control lists, YARN shows the rest to its owner, but not to the service.
        assert (found["used"] is None) is cluster.options.kerberos
        async with asyncio.timeout(SECONDS):
            # YARN reports the application and its containers one after the other.
            while (shown := await explained(hers, number))["application"]["used"]["containers"] < 2:
                await asyncio.sleep(0.1)
        assert shown["summary"] == "It runs, with 2 containers."
        assert len(shown["containers"]) == 2

        assert (await running(his, number))["used"] is None
        if cluster.options.kerberos:  # without access control lists, YARN lets everybody do it
            assert (await his.get(f"/applications/{number}")).status_code == 403
            refused = await his.post(f"/applications/{number}/kill")
            assert refused.status_code == 403
            assert "bob" in refused.json()["detail"]

        async with hers.stream("GET", "/applications/events") as stream:
            killed = await hers.post(f"/applications/{number}/kill")
            assert killed.status_code == 204, killed.text
            await killed_as_told(hers, stream.aiter_lines(), number)
    recorded = [json.loads(line) for line in hub.audit.read_text().splitlines()]
    events = [(each["event"], each["actor"]) for each in recorded if each["application"] == number]
    assert events == [("refuse", "bob")] * cluster.options.kerberos + [("kill", "alice")]


async def test_an_application_that_waits_is_the_first_and_says_why(
    hub: HubWithPlatform, alices_yarn: Client
) -> None:
    large = [str(await alices_yarn.submit(sleeping(f"large {n}", master=5000))) for n in range(2)]
    async with await users_api(hub, "alice") as api:
        await running(api, large[0])
        listed = (await api.get("/applications")).json()["applications"]
        assert listed[0]["id"] == large[1]
        assert listed[0]["state"] == "ACCEPTED"
        shown = await explained(api, large[1])
        assert shown["summary"] == "It waits for a container for its ApplicationMaster."
        assert shown["reasons"][0].startswith(
            "The ApplicationMasters of queue root.default can use"
        )
        for number in large:
            assert (await api.post(f"/applications/{number}/kill")).status_code == 204


# --- pages


async def test_pages_list_explain_and_kill(
    hub: HubWithPlatform, alice: Visitor, alices_yarn: Client, cluster: HadoopCluster
) -> None:
    first, second = [
        str(await alices_yarn.submit(sleeping(f"<b>large {n}</b>", master=5000))) for n in range(2)
    ]
    page, complaints = alice.page, alert(alice.page)
    # The hub knows her: nothing is asked.
    await page.goto(f"{alice.url}{PAGES}")
    await page.get_by_role("link", name="My applications").click()
    await expect(page.get_by_role("link", name="My applications")).to_have_attribute(
        "aria-current", "page"
    )
    await expect(page.locator(f"#{first}")).to_contain_text("Running", timeout=60_000)
    await expect(page.locator("tbody tr").first).to_have_attribute("id", second)
    await expect(page.locator(f"#{second}")).to_contain_text("Waiting")
    await assert_accessible(page)

    link = page.locator(f"#{second} th a")
    await expect(link).to_have_text("<b>large 1</b>")
    await link.click()
    await expect(page.locator(".summary")).to_have_text(
        "It waits for a container for its ApplicationMaster."
    )
    await expect(page.locator(".reasons")).to_contain_text(
        "The ApplicationMasters of queue root.default can use"
    )
    await assert_accessible(page)
    waits = await page.context.new_page()
    await waits.goto(page.url)

    await page.goto(f"{alice.url}{PAGES}applications?text={first}")
    await page.get_by_role("link", name="Kill <b>large 0</b>").click()
    await expect(page.get_by_role("heading", name="Kill <b>large 0</b>?")).to_be_visible()
    await assert_accessible(page)
    await page.get_by_role("button", name="Kill it").click()
    await expect(page.locator(".title .status")).to_have_text("Killed", timeout=60_000)
    # The other page has not been loaded again.
    await waits.bring_to_front()
    await expect(waits.locator(".title .status")).to_have_text("Running", timeout=60_000)
    await waits.close()

    await page.goto(f"{alice.url}{PAGES}applications/application_1_0001")
    await expect(page.get_by_role("heading")).to_have_text("Not Found")
    assert [each for each in complaints if "404" not in each] == []
    async with await users_api(hub, "alice") as api:
        assert (await api.post(f"/applications/{second}/kill")).status_code == 204


async def test_a_log_is_read_while_it_is_written(
    hub: HubWithPlatform, alice: Visitor, alices_yarn: Client
) -> None:
    script = 'i=0; while [ $i -lt 3000 ]; do echo "line $i <b>"; i=$((i+1)); sleep 0.2; done'
    small = Resources(memory=MiB(64), vcores=VCores(1))
    specification = ApplicationSpec(
        name="writes",
        services={"s": Service(resources=small, script=script)},
        acls=ACLs(enable=True, view_users=("jupyterhub",)),
    )
    number = str(await alices_yarn.submit(specification))
    page, complaints = alice.page, alert(alice.page)
    await page.goto(f"{alice.url}{PAGES}applications/{number}")
    await expect(page.locator(".title .status")).to_have_text("Running", timeout=60_000)
    await expect(page.locator("tbody")).to_contain_text("_01_000002", timeout=60_000)
    await page.get_by_role("link", name="Logs").click()
    await page.wait_for_url("**/logs")
    written = page.get_by_role("link", name="s.log", exact=True)
    async with asyncio.timeout(SECONDS):
        # YARN reports a container before its node has started it, and this page does not follow.
        while not await written.count():
            await page.reload()
    await written.click()
    shown = page.locator("#log")
    await expect(shown).to_contain_text("line 0 <b>")
    before = await shown.inner_text()
    await expect(shown).not_to_have_text(before)
    assert (await shown.inner_text()).startswith(before.strip())
    await assert_accessible(page)
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Download").click()
    path = await (await downloading.value).path()
    assert path.read_text().startswith("line 0 <b>\nline 1 <b>\n")
    assert complaints == []
    async with await users_api(hub, "alice") as api:
        assert (await api.post(f"/applications/{number}/kill")).status_code == 204


async def test_the_page_of_the_cluster_has_its_nodes_and_queues(
    alice: Visitor, cluster: HadoopCluster
) -> None:
    page, complaints = alice.page, alert(alice.page)
    await page.goto(f"{alice.url}{PAGES}cluster")
    await expect(page.get_by_role("link", name="default", exact=True)).to_be_visible()
    nodes = page.get_by_role("region", name="Nodes").locator("tbody tr")
    await expect(nodes).to_have_count(cluster.options.nodes)
    await expect(nodes.first).to_contain_text("Running")
    await assert_accessible(page)
    await page.get_by_role("link", name="default", exact=True).click()
    await expect(page.get_by_label("Queue")).to_have_value("root.default")
    assert complaints == []


async def test_usage_is_in_a_chart_and_in_a_table(
    hub: HubWithPlatform, alice: Visitor, alices_yarn: Client, cluster: HadoopCluster
) -> None:
    number = str(await alices_yarn.submit(sleeping("uses")))
    async with await users_api(hub, "alice") as api:
        await running(api, number)
        # With access control lists, YARN shows the service that it has begun, but not its usage.
        measure = "begun" if cluster.options.kerberos else "memory_seconds"
        async with asyncio.timeout(2 * SECONDS):  # the service stores it every 30 seconds
            while not (await api.get("/usage")).json()["total"][measure]:
                await asyncio.sleep(0.5)
    page, complaints = alice.page, alert(alice.page)
    await page.goto(f"{alice.url}{PAGES}cluster")
    await page.get_by_role("link", name="Usage").click()
    totals = page.get_by_role("region", name="Totals").locator("tbody tr")
    await expect(totals.filter(has_text="root.default")).to_have_count(1)
    await assert_accessible(page)
    # With access control lists, her other applications may be in a chart, but not this one.
    if not cluster.options.kerberos:
        drawn = page.get_by_role("img", name="Chart of GiB hours")
        await expect(drawn.locator("canvas")).to_have_count(1)
        size = page.viewport_size
        assert size is not None
        await drawn.hover(position={"x": size["width"] / 2, "y": 100})
        await expect(page.locator("#chart .time")).not_to_be_empty()
        await expect(page.locator("#chart .value").first).not_to_be_empty()
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Download as CSV").click()
    path = await (await downloading.value).path()
    assert path.read_text().startswith("time,queue,memory_mib_seconds,")

    await page.locator("[name=by]").select_option("Type")
    await page.locator("[name=step]").select_option("Hour")
    await page.get_by_role("button", name="Show").click()
    await expect(totals.filter(has_text="skein")).to_have_count(1)
    assert complaints == []
    await page.goto(f"{alice.url}{PAGES}usage?from=2026-11-30&to=2026-11-29")
    await expect(page.locator("[name=from]")).to_have_attribute("aria-invalid", "true")
    await assert_accessible(page)
    async with await users_api(hub, "alice") as api:
        assert (await api.post(f"/applications/{number}/kill")).status_code == 204


async def test_of_others_pages_show_what_yarn_shows(
    hub: HubWithPlatform, alices_yarn: Client, chromium: Browser, cluster: HadoopCluster
) -> None:
    number = str(await alices_yarn.submit(sleeping("nap")))
    context = await chromium.new_context()
    bob = Visitor(await context.new_page(), hub.url, "bob")
    page = bob.page
    await bob.log_in(hub.password)
    await page.goto(f"{hub.url}{PAGES}applications?text={number}")
    await expect(page.locator(f"#{number}")).to_contain_text("Running", timeout=60_000)
    assert await page.get_by_role("link", name="Kill").count() == 0
    await page.goto(f"{hub.url}{PAGES}applications/{number}?kill=true")
    await expect(page.get_by_role("button", name="Kill it")).to_have_count(0)
    if cluster.options.kerberos:
        await expect(page.get_by_role("alert")).to_have_text(
            f"YARN does not show {number} of alice to you"
        )
    # A form that was made by hand.
    token = await page.locator("[name=form_token]").get_attribute("value")
    answer = await page.request.post(
        f"{hub.url}{PAGES}applications/{number}/kill", form={"form_token": token or ""}
    )
    if cluster.options.kerberos:  # without access control lists, YARN lets everybody do it
        assert answer.status == 403
        assert "bob" in await answer.text()
    await page.get_by_role("button", name="Log out").click()
    await page.goto(f"{hub.url}{PAGES}")
    await expect(page.get_by_label("Username")).to_be_visible()
    await context.close()
    async with await users_api(hub, "alice") as api:
        assert (await api.post(f"/applications/{number}/kill")).status_code == 204
