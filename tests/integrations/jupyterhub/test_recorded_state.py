"""What an earlier hub kept in its database and in `applications_folder`: files that it wrote."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from integrations.jupyterhub.spawning import made
from unmanaged.damage import offline
from yarnhub.integrations.jupyterhub.spawner import YarnSpawner
from yarnhub.sessions.session import Session

RECORDED = Path(__file__).with_name("recorded")
STATES = json.loads((RECORDED / "states.json").read_text("utf-8"))
"""Of alice's servers, by their names, and of one that has ended."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder as the next hub finds it; no ResourceManager responds to that."""
    folder = tmp_path / "yarn-applications"
    shutil.copytree(RECORDED / "yarn-applications", folder)
    folder.chmod(0o700)
    (folder / "port").unlink()  # another program may have it on this machine
    offline(tmp_path)
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path / "conf"))
    monkeypatch.setenv("HADOOP_USER_NAME", "hub")
    return folder


def spawner_of(server: str, folder: Path, hub_settings: dict[str, object]) -> YarnSpawner:
    """Alice's spawner in the next hub."""
    spawner = made(YarnSpawner, hub_settings, applications_folder=str(folder), api_token="")
    spawner.orm_spawner = SimpleNamespace(name=server, server=None)
    spawner.load_state(dict(STATES[server]))
    return spawner


@pytest.mark.parametrize("server", STATES)
def test_a_state_is_kept_as_it_was(server: str, tmp_path: Path) -> None:
    assert spawner_of(server, tmp_path, {}).get_state() == STATES[server]


def test_the_reason_of_an_end_is_still_shown(tmp_path: Path) -> None:
    kept = spawner_of("ended", tmp_path, {})
    assert kept.ended_because == "it used more memory than it asked for"
    assert kept.application_id == ""


async def test_servers_are_taken_over(folder: Path) -> None:
    hub_settings: dict[str, object] = {}
    for server in ("", "second"):
        spawner = spawner_of(server, folder, hub_settings)
        assert await spawner.poll() is None
        found = await spawner.holder().find(spawner.application_id)
        assert isinstance(found, Session)
        assert found.identity == (await spawner.chosen_request()).identity
        snapshot = await found.snapshot()
        assert snapshot.node == ("node-1" if server == "" else "")
