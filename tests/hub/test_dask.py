"""What users of Dask see and do in a hub, in a real browser, on both kinds of cluster."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio
from dask_gateway import Gateway, GatewayServerError
from dask_gateway.auth import JupyterHubAuth
from playwright.async_api import expect
from visitor import Visitor

from docs.blocks import example_of
from hub.dask_service import PAGE, HubWithDask
from hub.kernel_service import LOCAL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Browser

    from yarnhub.cluster import HadoopCluster

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(300),
]

CELL = example_of(PAGE, "cluster = Gateway().new_cluster()", {})
PLOT = ".bk-Figure, .bk-Plot, canvas"
SCOPE = "access:services!service=dask-gateway"
COMPUTE = """\
cluster.scale(1)
client = cluster.get_client()
client.wait_for_workers(1)
import json, os, pwd
user = client.submit(lambda: pwd.getpwuid(os.getuid()).pw_name)
total = client.submit(sum, [1, 2])
found = {"user": user.result(), "sum": total.result(), "name": cluster.name}
print(json.dumps(found | {"link": cluster.dashboard_link}))"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(
    cluster: HadoopCluster, dask_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[HubWithDask]:
    async with HubWithDask(tmp_path_factory.mktemp("hub"), cluster, dask_python) as hub:
        yield hub


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _no_clusters_are_left(hub: HubWithDask) -> AsyncIterator[None]:
    yield
    await hub.end_clusters()


async def test_jupyterlab_in_its_container(
    hub: HubWithDask, cluster: HadoopCluster, alice: Visitor, chromium: Browser, screenshots: Path
) -> None:
    errors = alice.errors()
    await alice.start()
    await alice.wait_for_lab()
    await alice.open_notebook(LOCAL)
    found = json.loads(await alice.run_cell(f"{CELL}{COMPUTE}"))
    assert found["sum"] == 3
    assert found["user"] == ("alice" if cluster.options.kerberos else cluster.host.user)
    assert found["link"] == f"/user/alice/proxy/dask-gateway/clusters/{found['name']}/status"

    page = await alice.page.context.new_page()
    for below in ("user/alice/proxy", "services"):  # her server's page, and the service's
        await page.goto(f"{hub.url}/{below}/dask-gateway/clusters/{found['name']}/status")
        await expect(page.locator(PLOT).first).to_be_visible()
        await page.screenshot(path=screenshots / f"dask-{below.partition('/')[0]}.png")
    await bob_sees_nothing(hub, chromium, found["name"])
    assert await alice.run_cell("cluster.shutdown(); print('ended')") == "ended"
    assert errors == []


async def bob_sees_nothing(hub: HubWithDask, chromium: Browser, name: str) -> None:
    """Another user sees a cluster as one that does not exist, and nothing of alice's server."""
    context = await chromium.new_context()
    try:
        bob = Visitor(await context.new_page(), hub.url, "bob")
        await bob.log_in(hub.password)
        proxy = hub.dask_proxy.url.removesuffix("/api/health")
        assert (await hub.api.get(f"{proxy}/clusters/{name}/status")).status_code == 404
        texts = set()
        for cluster in (name, "0" * 32):
            answer = await bob.page.goto(f"{hub.service_url}/clusters/{cluster}/status")
            assert answer is not None
            assert answer.status == 404
            texts.add(await answer.text())
        assert len(texts) == 1
        of_alice = f"{hub.url}/user/alice/proxy/dask-gateway/clusters/{name}/status"
        answer = await bob.page.goto(of_alice)
        assert answer is not None
        assert answer.status == 403
    finally:
        await context.close()


async def test_the_panel_of_jupyterlab(hub: HubWithDask, alice: Visitor, screenshots: Path) -> None:
    page = alice.page
    await alice.start()
    await alice.wait_for_lab()
    await page.locator('.jp-SideBar [data-id="dask-dashboard-launcher"]').click()
    panel, item = page.locator(".dask-DaskClusterManager"), page.locator(".dask-ClusterListingItem")
    await panel.get_by_text("NEW").click()
    await expect(item).to_contain_text("Number of Workers: 0", timeout=60_000)

    await item.locator(".dask-ClusterListingItem-scale").click()
    await page.get_by_role("dialog").locator("input[type=number]").first.fill("1")
    await alice.confirm()
    await expect(item).to_contain_text("Number of Workers: 1", timeout=60_000)

    await page.locator('.dask-DashboardListing-item button[value="Workers Memory"]').click()
    plot = page.frame_locator("#jp-main-dock-panel iframe").locator(PLOT).first
    await expect(plot).to_be_visible()
    await page.screenshot(path=screenshots / "dask-panel.png")

    await item.locator(".dask-ClusterListingItem-stop").click()
    await expect(item).to_have_count(0)
    assert await hub.clusters("alice") == []


async def test_who_computes_notices_nothing_of_what_is_killed(
    hub: HubWithDask, alice: Visitor
) -> None:
    await alice.start()
    await alice.wait_for_lab()
    await alice.open_notebook(LOCAL)
    name = json.loads(await alice.run_cell(f"{CELL}{COMPUTE}"))["name"]
    await alice.run_cell("kept = client.submit(pow, 2, 10); print(kept.result())")
    compute = "print(client.submit(sum, [{}]).result() + kept.result())"
    await hub.service.kill()
    assert await alice.run_cell(compute.format(1)) == "1025"
    await hub.service.start()
    await hub.kill()
    assert await alice.run_cell(compute.format(2)) == "1026"
    await hub.start()
    again = "print([each.name for each in Gateway().list_clusters()])"
    assert await alice.run_cell(again) == f"['{name}']"
    scaled = "cluster.scale(2); client.wait_for_workers(2); print(kept.result())"
    assert await alice.run_cell(scaled) == "1024"
    another = "other = Gateway().new_cluster(); print(other.get_client().submit(sum, [1]).key != 0)"
    assert await alice.run_cell(another) == "True"
    assert await alice.run_cell("other.shutdown(); cluster.shutdown(); print('ended')") == "ended"


# The environment of the containers has numpy.
@pytest.mark.filterwarnings("ignore::distributed.versions.VersionMismatchWarning")
async def test_clusters_outlive_the_proxies(hub: HubWithDask) -> None:
    auth = JupyterHubAuth(api_token=await hub.token_of("alice"))
    async with Gateway(
        hub.service_url, proxy_address=hub.proxy_address, auth=auth, asynchronous=True
    ) as gateway:
        cluster = await gateway.new_cluster()
        await cluster.scale(1)
        async with cluster.get_client(set_as_default=False) as client:
            before = await client.submit(os.getpid)
            await hub.kill_proxy()
            assert await client.submit(sum, [1, 2]) == 3, "another way leads to clusters"
            hub.start_proxy()
            async with asyncio.timeout(60):
                while await names(gateway) != [cluster.name]:
                    await asyncio.sleep(0.2)
        await hub.dask_proxy.kill()
        await hub.dask_proxy.start()
        async with (
            gateway.connect(cluster.name) as again,
            again.get_client(set_as_default=False) as client,
        ):
            assert await client.submit(os.getpid) == before, "the same worker"
        await cluster.shutdown()


async def names(gateway: Gateway) -> list[str]:
    """The names of a user's clusters; empty if the hub's proxy does not know the service yet."""
    try:
        return [each.name for each in await gateway.list_clusters()]
    except (aiohttp.ClientError, GatewayServerError, ValueError):
        return []


async def test_a_token_needs_the_scope(hub: HubWithDask) -> None:
    for token, status, reason in (
        (await hub.token_of("alice", "read:users!user=alice"), 403, SCOPE),
        (secrets.token_hex(16), 401, "A valid token of JupyterHub is required"),
    ):
        auth = JupyterHubAuth(api_token=token)
        async with Gateway(
            hub.service_url, proxy_address=hub.proxy_address, auth=auth, asynchronous=True
        ) as gateway:
            with pytest.raises(aiohttp.ClientResponseError) as refused:
                await gateway.list_clusters()
        assert refused.value.status == status
        assert reason in refused.value.message
