"""Choosing a profile on a real hub: what is offered is given, and nothing else ever is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import pytest_asyncio
from visitor import Visitor, browser

from hub.hub import Hub
from hub.on_yarn import yarn_config
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="module")]

PROFILES = """
c.YarnSpawner.choose_queue = True

async def profiles(spawner):
    return [
        {"display_name": "Small", "description": "For looking around."},
        {
            "display_name": "Fruit",
            "yarn_override": {"queue": "apples", "application_master": "cluster"},
            "profile_options": {
                "memory": {
                    "display_name": "Memory",
                    "choices": {"little": {"display_name": "1 GB"}},
                    "unlisted_choice": {
                        "enabled": True,
                        "display_name": "Megabytes",
                        "validation_regex": "[5-9][0-9]{2}",
                        "validation_message": "500 to 999",
                        "yarn_override": {"mem_limit": "{value} M"},
                    },
                },
            },
        },
    ]

c.YarnSpawner.profile_list = profiles
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(
    hadoop_cluster: HadoopCluster, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Hub]:
    config = yarn_config(hadoop_cluster, Path(sys.executable)) + PROFILES
    async with Hub(tmp_path_factory.mktemp("hub"), hadoop_cluster.env, config) as hub:
        yield hub


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"profile": "big"}, "The profile 'big' does not exist; choose one of 'small', 'fruit'."),
        ({"profile": "small", "mem_limit": "1 T"}, "The profile has no option 'mem_limit'"),
        ({"profile": "fruit", "queue": "default"}, "The profile has no option 'queue'"),
        ({"queue": "root"}, "Queue: 'root' is not offered"),
        ({"profile": "fruit", "memory--unlisted-choice": "4096"}, "500 to 999"),
        ({"profile": ["small"]}, "The option 'profile' must be a single text."),
    ],
)
async def test_a_forged_request_is_refused_in_words(
    hub: Hub, options: dict[str, object], words: str
) -> None:
    answer = await hub.api.post("/users/alice/server", json={"user_options": options})
    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert words in answer.json()["message"]
    assert (await hub.api.get("/users/alice")).json()["servers"] == {}


async def started(hub: Hub, cluster: HadoopCluster, options: object) -> tuple[str, bool]:
    """The queue of alice's new server with these options, and whether its AM is the hub's."""
    answer = await hub.api.post("/users/alice/server", json={"user_options": options})
    assert answer.is_success, answer.text
    async with hub.api.stream("GET", "/users/alice/server/progress", timeout=300) as events:
        said = [line async for line in events.aiter_lines() if line.startswith("data:")]
    assert '"ready": true' in said[-1], said
    (server,) = (await hub.api.get("/users/alice")).json()["servers"].values()
    number = ApplicationId.parse(server["state"]["application_id"])
    async with Client(Settings.from_environment(cluster.env)) as client:
        report = await client.application_report(number)
    return report.queue.rpartition(".")[2], report.unmanaged_application


async def test_a_choice_holds_for_one_server(hub: Hub, hadoop_cluster: HadoopCluster) -> None:
    fruit = {"profile": "fruit", "memory--unlisted-choice": "512"}
    try:
        assert await started(hub, hadoop_cluster, fruit) == ("apples", False)
        # Where it runs is the profile's word, which a new hub knows from the server's state.
        await hub.kill()
        await hub.start()
        await hub.server_ready("alice")
        await hub.stop_server("alice")
        assert await started(hub, hadoop_cluster, {}) == ("default", True)
    finally:
        await hub.stop_server("alice")


async def test_the_form_shows_what_can_be_chosen(hub: Hub, screenshots: Path) -> None:
    async with browser() as chromium:
        page = await (await chromium.new_context()).new_page()
        alice = Visitor(page, hub.url, "alice")
        await alice.log_in(hub.password)
        await page.goto(f"{hub.url}/hub/spawn")
        small, fruit = page.get_by_label("Small"), page.get_by_label("Fruit")
        queue, memory = page.get_by_label("Queue"), page.get_by_label("Memory")
        written = page.get_by_label("Megabytes")
        assert await small.is_checked()
        assert await queue.is_visible()
        assert not await memory.is_visible()
        assert "free)" in await queue.inner_text()

        await small.focus()
        await page.keyboard.press("ArrowDown")
        assert await fruit.is_checked()
        assert not await queue.is_visible()
        assert not await written.is_visible()
        await memory.select_option("Other...")
        await written.fill("4096")
        await page.screenshot(path=screenshots / "profiles.png")
        # The browser sees what is wrong, and so does the hub where there is no browser.
        assert not await written.evaluate("field => field.checkValidity()")
        await written.evaluate("field => field.removeAttribute('pattern')")
        await page.get_by_role("button", name="Start").click()
        await page.get_by_text("'4096' is not accepted: 500 to 999").wait_for()
        # A link is checked as the form is.
        await page.goto(f"{hub.url}/hub/spawn?opt-profile=fruit&opt-memory=much")
        await page.get_by_text("Memory: 'much' is not offered").wait_for()
        # It fills the form in, and starts nothing: somebody else may have written it.
        await page.goto(f"{hub.url}/hub/spawn?opt-profile=fruit&opt-memory--unlisted-choice=512")
        await page.get_by_text("Check them before you start the server").wait_for()
        assert await fruit.is_checked()
        assert await written.input_value() == "512"
        assert (await hub.api.get("/users/alice")).json()["servers"] == {}
