"""What users of the hub see and do, in a real browser, on both kinds of cluster."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect

from hub.hub import Hub
from hub.on_yarn import yarn_config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from visitor import Visitor

    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="module")]

PROFILES = """
c.YarnSpawner.profile_list = [
    {{"display_name": "Notebook", "description": "For most of what one does."}},
    {{"display_name": "Small", "yarn_override": {{"mem_limit": "400 M"}}}},
    {{"display_name": "Whole node", "yarn_override": {{"mem_limit": "{most} M"}}}},
    {{"display_name": "Supercomputer", "yarn_override": {{"mem_limit": "1 T"}}}},
]
c.JupyterHub.allow_named_servers = True
"""
PLACE = """\
import os, pwd
print(pwd.getpwuid(os.getuid()).pw_name, os.environ["CONTAINER_ID"])"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(
    cluster: HadoopCluster, shared_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Hub]:
    # Whatever else runs on the node, a second server of this size does not fit.
    profiles = PROFILES.format(most=cluster.options.node_memory - 512)
    config = yarn_config(cluster, shared_python) + profiles
    async with Hub(tmp_path_factory.mktemp("hub"), cluster.env, config) as hub:
        yield hub


async def test_a_notebook_from_login_to_stop_and_back(
    hub: Hub, cluster: HadoopCluster, alice: Visitor, screenshots: Path
) -> None:
    errors = alice.errors()
    await alice.start("Notebook")
    await alice.wait_for_lab()
    await alice.open_folder("hdfs")
    printed = await alice.run_cell(PLACE)
    user, container = printed.split()
    assert user == ("alice" if cluster.options.kerberos else cluster.host.user)
    assert container.startswith("container_")
    notebook = f"walk-{secrets.token_hex(4)}.ipynb"
    await alice.save_as(notebook)
    await alice.page.screenshot(path=screenshots / "lab.png")
    await alice.stop()
    await hub.server_ended("alice")  # its page does not wait for a server that is slow to stop

    await alice.start("Notebook")  # in another container: what was saved is in HDFS
    await alice.wait_for_lab()
    await alice.open_folder("hdfs")
    await alice.open_file(notebook)
    output = alice.page.locator(".jp-Notebook .jp-OutputArea-output")
    await expect(output).to_have_text(printed)
    (await hub.api.delete(f"{hub.url}/user/alice/api/contents/hdfs/{notebook}")).raise_for_status()
    assert errors == []


async def test_who_works_notices_nothing_of_a_hub_that_is_killed(hub: Hub, alice: Visitor) -> None:
    await alice.start("Notebook")
    await alice.wait_for_lab()
    before = await alice.run_cell(PLACE)
    await hub.kill()
    assert await alice.run_cell(PLACE) == before
    await hub.start()
    assert await alice.run_cell(PLACE) == before
    await hub.server_ready("alice")


async def test_a_full_queue(
    hub: Hub, cluster: HadoopCluster, alice: Visitor, screenshots: Path
) -> None:
    nodes = [f"node{number}" for number in range(cluster.options.nodes)]
    message = alice.page.locator("#progress-message")
    try:
        for node in nodes:
            whole = {"user_options": {"profile": "whole-node"}}
            assert (await hub.api.post(f"/users/bob/servers/{node}", json=whole)).is_success
        await alice.start("Notebook")
        await expect(message).to_contain_text("waits for a container in queue default:")
        await alice.page.screenshot(path=screenshots / "full-queue.png")
    finally:
        for node in nodes:
            await hub.stop_server("bob", node)
    await alice.wait_for_lab()


async def test_an_impossible_request(hub: Hub, alice: Visitor) -> None:
    await alice.start("Supercomputer")
    await expect(alice.page.locator(".spawn-error-msg")).to_contain_text("1048576 MiB")
    assert (await hub.api.get("/users/alice")).json()["servers"] == {}


async def test_a_notebook_that_eats_its_memory(hub: Hub, alice: Visitor, screenshots: Path) -> None:
    await alice.start("Small")
    await alice.wait_for_lab()
    await alice.enter_cell("hog = b'x' * 2**29")
    await hub.server_ended("alice")
    await expect(alice.page.get_by_role("dialog")).to_contain_text("not running", timeout=60_000)
    await alice.page.screenshot(path=screenshots / "memory-lab.png")
    await alice.page.goto(f"{alice.url}/user/alice/lab")
    because = "it used more memory than it requested: start it with more memory"
    await expect(alice.page.locator("#ended-because")).to_contain_text(because)
    await alice.page.screenshot(path=screenshots / "memory.png")
