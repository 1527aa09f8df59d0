"""The tests' hub: killed, it takes its servers over; stopped, it leaves nothing behind."""

from __future__ import annotations

import os
from pathlib import Path

from hub.hub import Hub

CONFIG = """\
c.JupyterHub.spawner_class = "simple"
c.Spawner.args = ["--allow-root"]
c.SimpleLocalProcessSpawner.home_dir_template = {home!r}
"""


async def test_a_killed_hub_takes_its_servers_over(tmp_path: Path) -> None:
    config = CONFIG.format(home=str(tmp_path / "{username}"))
    async with Hub(tmp_path, os.environ, config) as hub:  # noqa: TID251  # a hub inherits it
        await hub.api.post("/users/alice/server")
        (before,) = (await hub.api.get("/users/alice")).json()["servers"].values()
        assert before["ready"]
        process = Path(f"/proc/{before['state']['pid']}")
        assert process.exists()

        await hub.kill()
        await hub.start()
        (after,) = (await hub.api.get("/users/alice")).json()["servers"].values()
        assert after["ready"]
        assert after["started"] == before["started"]
    assert not process.exists()
