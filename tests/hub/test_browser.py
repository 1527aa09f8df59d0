"""What users of the hub see and do, in a real browser, on both kinds of cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from visitor import Visitor, browser

from hub.hub import Hub
from hub.on_yarn import yarn_config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Browser

    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="module")]

PLACE = """\
import os, pwd
print(pwd.getpwuid(os.getuid()).pw_name, os.environ["CONTAINER_ID"])
"""


@pytest.fixture(scope="module", params=["hadoop_cluster", "kerberos_cluster"])
def cluster(request: pytest.FixtureRequest) -> HadoopCluster:
    found: HadoopCluster = request.getfixturevalue(request.param)
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(
    cluster: HadoopCluster, shared_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Hub]:
    folder = tmp_path_factory.mktemp("hub")
    async with Hub(folder, cluster.env, yarn_config(cluster, shared_python)) as hub:
        yield hub


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with browser() as chromium:
        yield chromium


@pytest_asyncio.fixture(loop_scope="module")
async def alice(
    hub: Hub, chromium: Browser, screenshots: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Visitor]:
    """Alice, who is logged in; in the end her server is stopped, and what she saw last is kept."""
    context = await chromium.new_context()
    visitor = Visitor(await context.new_page(), hub.url, "alice")
    try:
        await visitor.log_in(hub.password)
        yield visitor
    finally:
        await visitor.page.screenshot(path=screenshots / f"{request.node.name}.png")
        await context.close()
        await hub.stop_server("alice")


async def test_a_notebook_from_login_to_stop(
    hub: Hub, cluster: HadoopCluster, alice: Visitor
) -> None:
    errors = alice.errors()
    await alice.start()
    await alice.wait_for_lab()
    user, container = (await alice.run_cell(PLACE)).split()
    assert user == ("alice" if cluster.options.kerberos else cluster.host.user)
    assert container.startswith("container_")
    await alice.stop()
    assert errors == []
    assert (await hub.api.get("/users/alice")).json()["servers"] == {}


async def test_who_works_notices_nothing_of_a_hub_that_is_killed(hub: Hub, alice: Visitor) -> None:
    await alice.start()
    await alice.wait_for_lab()
    before = await alice.run_cell(PLACE)
    await hub.kill()
    assert await alice.run_cell(PLACE) == before
    await hub.start()
    assert await alice.run_cell(PLACE) == before
    (server,) = (await hub.api.get("/users/alice")).json()["servers"].values()
    assert server["ready"]
