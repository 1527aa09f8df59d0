"""Hubs on both kinds of cluster, and a browser for their users."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from visitor import Visitor, browser

from environments.build_site import build_site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from playwright.async_api import Browser

    from environments.build_site import Site
    from hub.hub import Hub
    from yarnhub.cluster.hadoop import HadoopCluster


@pytest.fixture(scope="module", params=["hadoop_cluster", "kerberos_cluster"])
def cluster(request: pytest.FixtureRequest) -> HadoopCluster:
    """Each of the shared clusters, one after the other."""
    found: HadoopCluster = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """The site of builds, whose cache and builder all tests share."""
    with build_site() as site:
        yield site


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures are kept: the folder that `YARNHUB_SCREENSHOTS` names, if it does."""
    named = os.environ.get("YARNHUB_SCREENSHOTS")  # noqa: TID251  # chosen for one run
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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
