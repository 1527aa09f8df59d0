"""What users of kernels in containers see and do, in a real browser, on both kinds of cluster."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect
from visitor import Visitor

from e2e.walk import eventually, of_application
from hub.kernel_service import KERNEL, LOCAL, HubWithKernels, kernel_servers, notebook_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Browser

    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="module")]

PLACE = """\
import os, pwd
print(pwd.getpwuid(os.getuid()).pw_name, os.environ["CONTAINER_ID"])"""
SLEEP = """\
import time
print("begun", flush=True)
time.sleep(600)"""

SLIDER = """\
import ipywidgets
slider = ipywidgets.IntSlider(value=20, description="Pears")
slider"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(
    cluster: HadoopCluster, shared_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[HubWithKernels]:
    folder = tmp_path_factory.mktemp("hub")
    with kernel_servers(shared_python.parent.parent):
        async with HubWithKernels(folder, cluster, shared_python) as hub:
            yield hub


async def test_a_notebook_server_elsewhere(
    hub: HubWithKernels,
    cluster: HadoopCluster,
    chromium: Browser,
    screenshots: Path,
    tmp_path: Path,
) -> None:
    server = notebook_server(tmp_path / "lab", hub.service_url, await hub.token_of("alice"))
    page = await chromium.new_page()
    url = server.url.removesuffix("/api")
    alice = Visitor(page, url, "alice")
    async with server:
        try:
            await alice.open_lab(f"{url}/lab?token=lab")
            assert await alice.kernels() == [KERNEL]
            user, container = (await alice.run_cell(PLACE)).split()
            assert user == ("alice" if cluster.options.kerberos else cluster.host.user)
            await alice.run_cell("x = 41; print(x)")

            cell = await alice.enter_cell(SLEEP)
            await expect(cell).to_contain_text("begun")
            await alice.choose("Kernel", "Interrupt Kernel")
            await expect(cell).to_contain_text("KeyboardInterrupt")
            assert await alice.run_cell("print(x + 1)") == "42"

            await alice.choose("Kernel", "Restart Kernel")
            await alice.confirm()
            assert await alice.run_cell("print('x' in globals())") == "False"
            assert (await alice.run_cell(PLACE)).split() == [user, container]

            await alice.choose("Kernel", "Shut Down Kernel")
            gone = _application(container)
            eventually(lambda: not of_application(gone), "it ends", deadline=60)
            # Its end is recorded when YARN has told it.
            eventually(lambda: "stop" in recorded(hub), "its end is recorded", deadline=60)
        finally:
            await page.screenshot(path=screenshots / "gateway.png")
            await page.close()
    assert recorded(hub) == ["start", "interrupt", "restart", "stop"]


def recorded(hub: HubWithKernels) -> list[str]:
    """What the service has recorded, except for connections."""
    said = (hub.service.folder / "state" / "audit.jsonl").read_text().splitlines()
    return [event for each in map(json.loads, said) if (event := each["event"]) != "connect"]


async def test_jupyterlab_in_its_container(
    hub: HubWithKernels, cluster: HadoopCluster, alice: Visitor, screenshots: Path
) -> None:
    errors = alice.errors()
    await alice.start()
    await alice.wait_for_lab()
    assert {LOCAL, KERNEL} <= set(await alice.kernels())
    await alice.open_notebook(LOCAL)
    of_server = (await alice.run_cell(PLACE)).split()
    await alice.open_notebook(KERNEL)
    of_kernel = (await alice.run_cell(PLACE)).split()
    user = "alice" if cluster.options.kerberos else cluster.host.user
    assert of_server[0] == of_kernel[0] == user
    assert of_server[1] != of_kernel[1]

    cell = await alice.enter_cell(SLIDER)
    await expect(cell.locator(".widget-readout")).to_have_text("20")
    handle = cell.locator(".noUi-handle")
    await handle.drag_to(cell.locator(".noUi-connects"), target_position={"x": 5, "y": 2})
    await expect(cell.locator(".widget-readout")).not_to_have_text("20")
    moved = await cell.locator(".widget-readout").inner_text()
    assert await alice.run_cell("print(slider.value)") == moved
    await alice.page.screenshot(path=screenshots / "slider.png")
    assert errors == []


async def test_a_kernel_is_found_again_after_its_server_was_killed(
    hub: HubWithKernels, alice: Visitor, screenshots: Path
) -> None:
    notebook = f"walk-{secrets.token_hex(4)}.ipynb"
    await alice.start()
    await alice.wait_for_lab()
    await alice.open_folder("hdfs")
    await alice.open_notebook(KERNEL)
    place = await alice.run_cell(PLACE)
    await alice.run_cell("x = 41; print(x)")
    await alice.save_as(notebook)
    (server,) = (await hub.api.get("/users/alice")).json()["servers"].values()
    for pid in of_application(server["state"]["application_id"]):
        with contextlib.suppress(ProcessLookupError):  # some end with others
            os.kill(pid, signal.SIGKILL)
    await hub.server_ended("alice")

    await alice.page.goto(f"{alice.url}/hub/home")
    await alice.start()
    await alice.wait_for_lab()
    await alice.open_folder("hdfs")
    await alice.open_file(notebook)
    await alice.wait_for_kernel(KERNEL)
    assert await alice.run_cell("print(x + 1)") == "42"
    assert await alice.run_cell(PLACE) == place
    await alice.page.screenshot(path=screenshots / "found-again.png")
    await alice.choose("Kernel", "Shut Down Kernel")
    gone = _application(place.split()[1])
    eventually(lambda: not of_application(gone), "it ends", deadline=60)
    (await hub.api.delete(f"{hub.url}/user/alice/api/contents/hdfs/{notebook}")).raise_for_status()


def _application(container: str) -> str:
    return re.sub(r"^container_(?:e\d+_)?(\d+_\d+)_.*", r"application_\1", container)
