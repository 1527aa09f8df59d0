"""The queues that users are offered."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from yarnhub.client.access.settings import Settings
from yarnhub.client.queues import ClusterQueues
from yarnhub.hadoop.security.kerberos import Keytab
from yarnhub.sessions.queues import OnlyConfigured, QueueChoice, offered, queue_choices
from yarnhub.yarn.queues.tree import with_paths
from yarnhub.yarn.queues.usable import Room, Use
from yarnhub.yarn.records.cluster import QueueInfo, QueueState

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster


def queue(path: str, *children: QueueInfo, used: float = 0.0, most: float = 1.0) -> QueueInfo:
    return QueueInfo(
        queue_name=path.rpartition(".")[2],
        queue_path=path,
        child_queues=children,
        capacity=0.5,
        current_capacity=used,
        maximum_capacity=most,
        state=QueueState.RUNNING,
    )


ROOT = queue(
    "root",
    queue("root.default", used=0.6),
    queue("root.a", queue("root.a.x"), replace(queue("root.a.y"), state=QueueState.STOPPED)),
    queue("root.b", queue("root.b.x"), queue("root.b.z")),
)
ALL = frozenset({"root", "root.default", "root.a", "root.a.x", "root.a.y", "root.b.x", "root.b.z"})


def names(allowed: frozenset[str], configured: str) -> list[tuple[str, bool]]:
    return [(each.name, each.default) for each in offered(ROOT, allowed, configured)]


def test_leaves_that_run_are_offered_by_names_that_say_which() -> None:
    assert names(ALL, "default") == [
        ("default", True),
        ("root.a.x", False),
        ("root.b.x", False),
        ("z", False),
    ]


def test_the_default_has_the_name_that_the_administrator_gave_it() -> None:
    assert names(ALL, "root.b.z")[-1] == ("root.b.z", True)


def test_only_queues_that_the_user_may_submit_to_are_offered() -> None:
    assert names(frozenset({"root.b.z"}), "default") == [("z", False)]


def test_queues_of_yarns_own_making_are_offered_too() -> None:
    assert names(frozenset({"root.b.z"}), "root.users") == [("root.users", True), ("z", False)]


def test_whoever_may_submit_to_none_is_told() -> None:
    (one,) = offered(ROOT, frozenset(), "default")
    assert one == QueueChoice(
        name="default", default=True, why_only_configured=OnlyConfigured.NONE_USABLE
    )


@pytest.mark.parametrize("configured", ["default", "root.default"])
@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("default", "default"),  # CapacityScheduler until Hadoop 3.2
        ("default", "root.default"),  # of 3.3
        ("root.default", "root.default"),  # FairScheduler
    ],
)
def test_one_queue_is_offered_once_whatever_it_is_called(
    name: str, allowed: str, configured: str
) -> None:
    told = QueueInfo(queue_name="root", child_queues=(QueueInfo(queue_name=name),))
    (one,) = offered(with_paths(told), {"root", allowed}, configured)
    assert (one.name, one.default) == (configured, True)


def test_room_is_told_of_each_where_the_scheduler_tells_it() -> None:
    default, *_, last = offered(ROOT, ALL, "default")
    assert default.room == Room(Use.FREE, 0.4)
    assert last.room == Room(Use.FREE, 1.0)
    unknown = with_paths(QueueInfo(queue_name="root", child_queues=(QueueInfo(queue_name="a"),)))
    (one,) = offered(unknown, {"a"}, "a")
    assert one.room == Room(Use.UNKNOWN)


async def test_without_an_answer_the_configured_queue_is_left(tmp_path: Path) -> None:
    (tmp_path / "yarn-site.xml").write_text(
        "<configuration><property><name>yarn.resourcemanager.address</name>"
        "<value>127.0.0.1:1</value></property></configuration>"
    )
    settings = Settings.from_environment({"HADOOP_CONF_DIR": str(tmp_path), "HOME": str(tmp_path)})
    (one,) = await queue_choices(ClusterQueues(settings, deadline=0.1), "alice", "research")
    assert one == QueueChoice(
        name="research", default=True, why_only_configured=OnlyConfigured.NO_ANSWER
    )


@pytest.mark.cluster
async def test_the_queues_of_a_cluster(hadoop_cluster: HadoopCluster) -> None:
    queues = ClusterQueues(Settings.from_environment(hadoop_cluster.env))
    found = await queue_choices(queues, "alice", "default")
    assert {each.name: each.default for each in found} == {
        "default": True,
        "apples": False,
        "bananas": False,
        "oranges": False,
        "jupyterhub": False,
    }
    assert all(each.room.use is not Use.UNKNOWN for each in found)


@pytest.mark.cluster
async def test_the_queues_of_a_cluster_with_kerberos(
    kerberos_cluster: HadoopCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRB5_CONFIG", kerberos_cluster.env["KRB5_CONFIG"])
    keytab = Keytab(kerberos_cluster.keytab("jupyterhub"), "jupyterhub")
    queues = ClusterQueues(Settings.from_environment(kerberos_cluster.env, keytab))
    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(queue_choices(queues, user, "default"))
            for user in ("alice", "bob") * 5
        ]
    assert {len(each.result()) for each in asked} == {5}
    # The cluster lets the hub act for its users, and nobody else.
    (alone,) = await queue_choices(queues, "mallory", "default")
    assert alone.why_only_configured is OnlyConfigured.NO_ANSWER
