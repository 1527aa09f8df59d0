"""What is asked of whom, and what is known where one of them does not answer."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from client.explain.applications import attempt, instance, spec
from client.explain.reports import node, queue, report
from integrations.doctor.pages import serve_pages
from yarn.queues.pages import recorded
from yarnhub.base.errors import AccessDeniedError, ConnectError, RemoteError
from yarnhub.client.access.settings import Settings
from yarnhub.client.explain.lookup import look_up
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.ipc.options import RpcOptions
from yarnhub.hadoop.security.users import SimpleUser
from yarnhub.yarn.queues.tree import with_paths
from yarnhub.yarn.records.applications import ApplicationResourceUsageReport
from yarnhub.yarn.records.ids import ApplicationAttemptId

if TYPE_CHECKING:
    from yarnhub.client.application.client import ApplicationClient
    from yarnhub.client.explain.facts import ApplicationFacts
    from yarnhub.yarn.records.applications import ApplicationReport

PAGE = "/ws/v1/cluster/scheduler?user.name=alice"
ATTEMPT = attempt("RUNNING").application_attempt_id


class Manager:
    """A ResourceManager that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.silent = asyncio.Event()

    async def get_application_attempts(self, _: object) -> tuple[object, ...]:
        self.asked.append("attempts")
        return (attempt("RUNNING"),)

    async def get_queues(self) -> object:
        self.asked.append("queues")
        apples = queue(queue_name="apples", queue_path="root.fruit.apples")
        fruit = queue(queue_name="fruit", queue_path="root.fruit", child_queues=(apples,))
        return with_paths(queue(queue_name="root", queue_path="root", child_queues=(fruit,)))

    async def get_cluster_nodes(self, _: object) -> tuple[object, ...]:
        return (node(),)

    async def get_cluster_node_labels(self) -> tuple[object, ...]:
        return ()

    async def get_applications(self, _: object) -> tuple[ApplicationReport, ...]:
        return ()

    async def get_containers(self, _: object) -> tuple[object, ...]:
        raise RemoteError("ApplicationAttemptNotFoundException", "it has just ended")


class SilentManager(Manager):
    """One that never says who holds what."""

    async def get_applications(self, _: object) -> tuple[ApplicationReport, ...]:
        self.silent.set()
        await asyncio.get_running_loop().create_future()
        return ()


class Master:
    """An ApplicationMaster."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def get_containers(self, *, states: object) -> tuple[object, ...]:
        return (instance("a", 0, "REQUESTED"),)

    async def get_specification(self) -> str:
        return json.dumps(spec().to_dict())


async def reached() -> ApplicationClient:
    master: Any = Master()  # the part that is asked
    return master  # type: ignore[no-any-return]


async def unreachable() -> ApplicationClient:
    raise ConnectError("nobody answers")


def visible(state: str, **changes: Any) -> ApplicationReport:
    return report(state, current_application_attempt_id=ATTEMPT, queue="apples", **changes)


def holding_one(state: str) -> ApplicationReport:
    usage = ApplicationResourceUsageReport(num_used_containers=1)
    return visible(state, app_resource_usage=usage)


async def known(
    of: ApplicationReport, manager: Any, connect: Any = reached, page: str = "127.0.0.1:1"
) -> ApplicationFacts:
    settings = Settings(
        configuration=Configuration({"yarn.resourcemanager.webapp.address": page}),
        user=SimpleUser("alice"),
        user_name="alice",
        config_folder=Path("/nosuch"),
        cache_folder=Path("/nosuch"),
        language="C",
        options=RpcOptions(),
    )
    return await look_up(of, manager, settings, connect)


async def test_what_runs_is_known_with_its_cluster() -> None:
    found = await known(holding_one("RUNNING"), Manager())
    assert [each.queue_path for each in found.queues] == ["root", "root.fruit", "root.fruit.apples"]
    assert found.nodes == (node(),)
    assert found.spec == spec()
    assert found.instances == (instance("a", 0, "REQUESTED"),)
    assert found.containers == (), "the attempt has just ended"
    assert found.figures is None, "nothing keeps it from its first container"


async def test_the_figures_of_its_queue_are_asked_for_while_it_has_nothing() -> None:
    async with serve_pages({PAGE: json.dumps(recorded("3.4.2-masters"))}) as address:
        found = await known(visible("RUNNING"), Manager(), page=address)
    assert found.figures is not None
    assert found.figures.path == "root.fruit.apples"


async def test_without_its_application_master_the_rest_is_known() -> None:
    found = await known(holding_one("RUNNING"), Manager(), unreachable)
    assert (found.instances, found.spec) == (None, None)
    assert found.nodes


async def test_of_what_has_ended_only_its_reports_are_looked_at() -> None:
    manager = Manager()
    found = await known(visible("FINISHED"), manager, unreachable)
    assert manager.asked == ["attempts"]
    assert found.nodes == ()


async def test_what_its_owner_does_not_show_is_refused() -> None:
    hidden = ApplicationAttemptId(application_id=ATTEMPT.application_id, attempt_id=-1)
    manager = Manager()
    with pytest.raises(AccessDeniedError, match="does not allow alice to view it"):
        await known(
            replace(visible("RUNNING", user="bob"), current_application_attempt_id=hidden), manager
        )
    assert manager.asked == []


async def test_cancelling_leaves_nothing_behind() -> None:
    manager = SilentManager()
    before = asyncio.all_tasks()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(known(holding_one("RUNNING"), manager))
        await manager.silent.wait()
        task.cancel()
    assert task.cancelled()
    assert asyncio.all_tasks() == before
