"""The queues that users are offered."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from yarnhub.client.queues import ClusterQueues
from yarnhub.client.settings import Settings
from yarnhub.hadoop.security.kerberos import Keytab
from yarnhub.sessions.profiles import QueueChoice
from yarnhub.sessions.queues import NONE, UNKNOWN, offered, queue_choices, room_words
from yarnhub.yarn.queues.tree import with_paths
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
    assert one == QueueChoice(name="default", words=NONE, default=True)


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


@pytest.mark.parametrize(
    ("used", "most", "words"),
    [
        (0.0, 1.0, "100 % free"),
        (0.6, 1.0, "40 % free"),
        (1.0, 1.0, "its share is in use; it borrows what other queues leave"),
        (2.0, 1.0, "full"),
        (1.0, 0.5, "full"),
        (1.0, 0.0, "its share is in use"),
        (float("nan"), 1.0, ""),
    ],
)
def test_how_free_a_queue_is(used: float, most: float, words: str) -> None:
    assert room_words(queue("root.q", used=used, most=most)) == words


def test_nothing_is_said_of_a_queue_without_a_share() -> None:
    assert room_words(replace(queue("root.q"), capacity=0.0)) == ""


async def test_without_an_answer_the_configured_queue_is_left(tmp_path: Path) -> None:
    (tmp_path / "yarn-site.xml").write_text(
        "<configuration><property><name>yarn.resourcemanager.address</name>"
        "<value>127.0.0.1:1</value></property></configuration>"
    )
    settings = Settings.from_environment({"HADOOP_CONF_DIR": str(tmp_path), "HOME": str(tmp_path)})
    (one,) = await queue_choices(ClusterQueues(settings, deadline=0.1), "alice", "research")
    assert one == QueueChoice(name="research", words=UNKNOWN, default=True)


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
    assert all(each.words for each in found)


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
    assert alone.words == UNKNOWN
