"""An environment from its publication to a colleague's notebook, in a real browser."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from visitor import START, Visitor

from environments.kernel_environment import ClusterEnvironments, KernelEnvironment
from hub.kernel_service import KERNEL, HubWithKernels, kernel_servers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Browser

    from yarnhub.cluster import HadoopCluster

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(900),
]

USE = "import tabulate; print(tabulate.tabulate([[6 * 7]], tablefmt='plain'))"
LISTED = 120.0
"""Seconds for a new kernelspec to be in the launcher: see `docs/howto/environments.md`."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(
    cluster: HadoopCluster, shared_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[HubWithKernels]:
    folder = tmp_path_factory.mktemp("hub")
    with kernel_servers(shared_python.parent.parent), pytest.MonkeyPatch.context() as patch:
        if cluster.options.kerberos:
            patch.setenv("KRB5_CONFIG", cluster.env["KRB5_CONFIG"])
        async with HubWithKernels(folder, cluster, shared_python) as hub:
            yield hub


@pytest_asyncio.fixture(loop_scope="module")
async def bob(hub: HubWithKernels, chromium: Browser, screenshots: Path) -> AsyncIterator[Visitor]:
    context = await chromium.new_context()
    visitor = Visitor(await context.new_page(), hub.url, "bob")
    try:
        await visitor.log_in(hub.password)
        yield visitor
    finally:
        await visitor.page.screenshot(path=screenshots / "environment-bob.png")
        await context.close()
        await hub.stop_server("bob")


async def until_listed(visitor: Visitor, kernel: str, *, listed: bool = True) -> None:
    async with asyncio.timeout(LISTED):
        while (kernel in await visitor.kernels()) is not listed:
            # With the launcher instead of the notebooks that were open.
            await visitor.page.goto(f"{visitor.url}/user/{visitor.name}/lab?reset")


async def test_an_environment_is_a_kernel_of_those_who_can_use_it(
    hub: HubWithKernels,
    cluster: HadoopCluster,
    kernel_environment: KernelEnvironment,
    alice: Visitor,
    bob: Visitor,
    tmp_path: Path,
) -> None:
    environments = ClusterEnvironments(cluster, tmp_path)
    await environments.prepare()
    table = await environments.publish("alice", kernel_environment)
    python = f"(Python {table.manifest.python.rpartition('.')[0]})"
    of_alice, of_bob = f"table {python}", f"table of alice {python}"
    for each in (alice, bob):
        await each.start()
    for each in (alice, bob):
        await each.wait_for_lab()

    await until_listed(alice, of_alice)
    await alice.open_notebook(of_alice, START)
    assert await alice.run_cell(USE) == "42"
    await alice.choose("Kernel", "Shut Down Kernel")

    listed = await bob.kernels()
    assert KERNEL in listed
    assert not any("table" in each for each in listed)
    await environments.share("alice", "bob")
    await until_listed(bob, of_bob)
    await bob.open_notebook(of_bob, START)
    assert await bob.run_cell(USE) == "42"
    await bob.choose("Kernel", "Shut Down Kernel")

    await environments.delete("alice")
    await bob.choose("File", "New Launcher")
    await until_listed(bob, of_bob, listed=False)
