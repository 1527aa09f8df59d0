"""JupyterHub's pages and REST interface where nothing is started; no cluster is needed for that."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
from typing import TYPE_CHECKING

import httpx
import pytest

from hub.hub import POLL, Hub

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
import yarnspawner
c.JupyterHub.spawner_class = "yarnspawner.YarnSpawner"
c.JupyterHub.template_paths = yarnspawner.template_paths
"""
PROFILES = """
c.YarnSpawner.profile_list = [
    {"display_name": "Small"},
    {
        "display_name": "Large",
        "profile_options": {
            "memory": {
                "display_name": "Memory",
                "choices": {"much": {"display_name": "9 GB"}},
                "unlisted_choice": {"enabled": True, "yarn_override": {"mem_limit": "{value} M"}},
            },
        },
    },
]
"""
SITE = """<configuration>
<property><name>yarn.resourcemanager.address</name><value>127.0.0.1:{port}</value></property>
</configuration>"""


async def page(hub: Hub, path: str) -> httpx.Response:
    """What alice sees there."""
    async with httpx.AsyncClient(
        base_url=hub.url, trust_env=False, follow_redirects=True, timeout=30
    ) as alice:
        await alice.get("/hub/login")
        form = {"username": "alice", "password": hub.password, "_xsrf": alice.cookies["_xsrf"]}
        await alice.post("/hub/login", params={"next": "/hub/home"}, data=form)
        return await alice.get(path)


async def events(hub: Hub) -> list[str]:
    """What is said to who looks at the progress of a start, to its end."""
    answer = await hub.api.get("/users/alice/server/progress")
    found = re.findall(r"^data: (.*)$", answer.text, re.MULTILINE)
    return [json.loads(each)["message"] for each in found]


async def failure(hub: Hub) -> tuple[str, ...]:
    """What a program, and who looks at the progress, reads of a start that fails."""
    answer = await hub.api.post("/users/alice/server")
    said = answer.json()["message"] if answer.is_error else ""
    return said, *(await events(hub))[-1:]


async def test_a_link_fills_the_form_in_and_starts_nothing(tmp_path: Path) -> None:
    async with Hub(tmp_path / "hub", dict(os.environ), CONFIG + PROFILES) as hub:  # noqa: TID251
        link = "/hub/spawn?opt-profile=large&opt-memory--unlisted-choice=512"
        answer = await page(hub, link)
        assert answer.status_code == httpx.codes.OK
        assert "Check them before you start the server" in answer.text
        assert "spawn-error-msg" not in answer.text
        assert 'value="512"' in answer.text
        answer = await page(hub, "/hub/spawn?opt-profile=huge")
        assert answer.status_code == httpx.codes.BAD_REQUEST
        assert "The profile &#39;huge&#39; does not exist" in answer.text
        assert (await hub.api.get("/users/alice")).json()["servers"] == {}


async def test_a_hub_that_is_not_set_up_says_so_everywhere(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    environment = {**os.environ, "HADOOP_CONF_DIR": nowhere}  # noqa: TID251
    async with Hub(tmp_path / "hub", environment, CONFIG) as hub:
        words = f"The hub is not configured correctly: the Hadoop .* {nowhere} does not"
        said = await failure(hub)
        assert re.search(words, "\n".join(said))
        answer = await page(hub, "/hub/spawn")
        assert answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR
        assert re.search(words, answer.text)


@pytest.mark.parametrize("listens", [True, False], ids=["silent", "away"])
async def test_a_cluster_that_does_not_answer_is_named_in_time(
    listens: bool, tmp_path: Path
) -> None:
    conf = tmp_path / "conf"
    conf.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        if not listens:
            silent.close()
        (conf / "yarn-site.xml").write_text(SITE.format(port=port))
        environment = {**os.environ, "HADOOP_CONF_DIR": str(conf)}  # noqa: TID251
        # The hub's own time-out, which gives no reason, is half a second later than ours.
        config = f"{CONFIG}c.YarnSpawner.start_timeout = 5\n"
        async with Hub(tmp_path / "hub", environment, config) as hub:
            said = " ".join(await failure(hub))
            # Whether connecting is tried again for so long depends on the machine.
            assert "the cluster does not respond" in said or re.search(
                "is not ready after 5 s. YARN has not accepted it .* ResourceManager", said
            )
            assert "TimeoutError" not in hub.log.read_text()


SLOW_HOOK = """
import asyncio

async def look_up(spawner):
    await asyncio.sleep(3)

c.YarnSpawner.pre_spawn_hook = look_up
"""


async def test_who_looks_while_hooks_run_sees_all_that_follows(tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    conf.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        (conf / "yarn-site.xml").write_text(SITE.format(port=silent.getsockname()[1]))
        environment = {**os.environ, "HADOOP_CONF_DIR": str(conf)}  # noqa: TID251
        config = f"{CONFIG}{SLOW_HOOK}c.YarnSpawner.start_timeout = 5\n"
        async with (
            Hub(tmp_path / "hub", environment, config) as hub,
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(hub.api.post("/users/alice/server"))
            while (said := await events(hub)) == []:
                await asyncio.sleep(POLL)
    before, asking, failed = said[-3:]
    assert before == "Preparing your server."
    assert asking == "Requesting a container in queue default."
    assert failed.startswith("Spawn failed: Your server is not ready after 5 s.")
