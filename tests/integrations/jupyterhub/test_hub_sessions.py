"""What all spawners of one hub share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integrations.jupyterhub.spawning import made
from unmanaged.damage import offline
from yarnhub.integrations.jupyterhub.spawner import YarnSpawner
from yarnhub.sessions.cluster_holder import ClusterHolder
from yarnhub.sessions.unmanaged_holder import UnmanagedHolder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offline(tmp_path)
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path / "conf"))
    monkeypatch.setenv("HADOOP_USER_NAME", "hub")


def of_one_hub(tmp_path: Path, count: int) -> list[YarnSpawner]:
    hub: dict[str, object] = {}
    folder = str(tmp_path / "kept")
    return [made(YarnSpawner, hub, applications_folder=folder) for _ in range(count)]


def test_spawners_of_one_hub_share_what_holds_their_servers(tmp_path: Path) -> None:
    first, second, third = of_one_hub(tmp_path, 3)
    assert first.holder() is second.holder()
    assert isinstance(first.holder(), UnmanagedHolder)
    third.application_master = "cluster"
    assert isinstance(third.holder(), ClusterHolder)
    assert third.holder() is first.holder_of_all()
    assert first.hub_tags is third.hub_tags is first.holder().hub
    assert first.hub_sessions.queues(first) is third.hub_sessions.queues(third)


def test_those_of_another_hub_do_not(tmp_path: Path) -> None:
    (ours,) = of_one_hub(tmp_path, 1)
    (theirs,) = of_one_hub(tmp_path / "other", 1)
    assert ours.holder() is not theirs.holder()
    assert ours.hub_tags.all_sessions != theirs.hub_tags.all_sessions
