"""One look at the cluster for all applications that wait; the real one is in another module."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from client.explain.reports import node, queue, waiting
from integrations.doctor.pages import serve_pages
from yarn.queues.pages import recorded
from yarnhub.client.access.settings import Settings
from yarnhub.client.explain.reasons import UnmanagedMasterLimit
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.ipc.options import RpcOptions
from yarnhub.hadoop.security.users import SimpleUser
from yarnhub.unmanaged.waiting_reasons import WaitingReasons
from yarnhub.yarn.queues.tree import with_paths
from yarnhub.yarn.records.applications import ApplicationReport

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from yarnhub.client.explain.facts import ApplicationFacts
    from yarnhub.client.explain.reasons import Reason
    from yarnhub.yarn.records.cluster import QueueInfo
    from yarnhub.yarn.records.ids import ApplicationId

PAGE = "/ws/v1/cluster/scheduler?user.name=hub"


class Held:
    """An application that waits for its first container."""

    def __init__(self, number: int) -> None:
        self.id = f"application_1_{number:04d}"
        self.waits = True
        self.waits_for: Reason | None = None

    def facts(self, name: str) -> ApplicationFacts:
        found = waiting(None)
        return replace(found, report=replace(found.report, queue=name))


class Manager:
    """A ResourceManager whose rules put all applications into `apples`; counts what it is asked."""

    def __init__(self) -> None:
        self.looks = self.reports = 0

    async def get_queues(self) -> QueueInfo:
        self.looks += 1
        apples = queue(queue_name="apples", queue_path="root.fruit.apples")
        fruit = queue(queue_name="fruit", queue_path="root.fruit", child_queues=(apples,))
        root = queue(queue_name="root", queue_path="root", child_queues=(queue(), fruit))
        return with_paths(root)

    async def get_cluster_nodes(self, _: object) -> tuple[object, ...]:
        return (node(),)

    async def get_cluster_node_labels(self) -> tuple[object, ...]:
        return ()

    async def get_application_report(self, number: ApplicationId) -> ApplicationReport:
        self.reports += 1
        return ApplicationReport(application_id=number, queue="root.fruit.apples")


async def test_who_waits_at_two_looks_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = Held(1), Held(2)
    applications: Any = {each.id: each for each in (first, second)}  # the part that is looked at
    manager: Any = Manager()
    async with serve_pages({PAGE: json.dumps(recorded("3.4.2-masters"))}) as address:
        settings = Settings(
            configuration=Configuration({"yarn.resourcemanager.webapp.address": address}),
            user=SimpleUser("hub"),
            user_name="hub",
            config_folder=tmp_path,
            cache_folder=tmp_path,
            language="C",
            options=RpcOptions(),
        )
        watch = WaitingReasons(applications, manager, settings)
        await watch.look()
        assert (first.waits_for, manager.looks) == (None, 0), "it may just have begun"
        with caplog.at_level(logging.WARNING):
            await watch.look()
            await watch.look()
        for each in (first, second):
            assert isinstance(each.waits_for, UnmanagedMasterLimit)
            assert each.waits_for.queue == "root.fruit.apples"
        limit = "yarn.scheduler.capacity.root.fruit.apples.maximum-am-resource-percent"
        assert all(limit in message for message in caplog.messages)
        assert [message.split()[0] for message in caplog.messages] == [first.id, second.id]
        assert (manager.looks, manager.reports) == (2, 2), "once for all, and where each one is"
        first.waits = second.waits = False
        await watch.look()
    assert [each.waits_for for each in (first, second)] == [None, None]
    assert manager.looks == 2, "nobody waits"
