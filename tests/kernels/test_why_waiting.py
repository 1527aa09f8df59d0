"""What the applications of kernels wait for, with a ResourceManager in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import pytest

from client.explain.reports import holding, node, queue, report
from sessions.in_memory import SETTINGS
from yarnhub.base.errors import LocalProtocolError
from yarnhub.kernels import why_waiting
from yarnhub.kernels.why_waiting import WhyWaiting
from yarnhub.yarn.queues.tree import with_paths

if TYPE_CHECKING:
    from yarnhub.client.access.settings import Settings
    from yarnhub.yarn.records.applications import ApplicationReport
    from yarnhub.yarn.records.cluster import QueueInfo

TAG = "kernel-1"
HERS = "application_1_0007"
USED = 7680


class Yarn:
    """A cluster of 8 GiB, with one queue that is almost full."""

    def __init__(self) -> None:
        self.report = report("RUNNING", application_tags=(TAG,))
        self.users: list[str] = []
        self.looks = 0

    def client(self, settings: Settings) -> Client:
        self.users.append(settings.user_name)
        return Client(self)


class Client:
    def __init__(self, yarn: Yarn) -> None:
        self._yarn = yarn
        self.resource_manager: Any = self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def application_report(self, _: object) -> ApplicationReport:
        return self._yarn.report

    async def get_applications(self, _: object) -> list[ApplicationReport]:
        return [holding("bob", 7168), self._yarn.report]

    async def get_queues(self) -> QueueInfo:
        self._yarn.looks += 1
        default = queue(USED)
        root = queue(USED, queue_name="root", queue_path="root", child_queues=(default,))
        return with_paths(root)

    async def get_cluster_nodes(self, _: object) -> tuple[object, ...]:
        return (node(),)

    async def get_cluster_node_labels(self) -> tuple[object, ...]:
        return ()


@pytest.fixture
def yarn(monkeypatch: pytest.MonkeyPatch) -> Yarn:
    yarn = Yarn()
    monkeypatch.setattr(why_waiting, "Client", yarn.client)
    return yarn


async def why(asked: WhyWaiting, application: str = HERS, memory: int = 896) -> str:
    return await asked.why_none("alice", TAG, application, memory=memory, vcores=1)


async def test_a_full_queue_its_limit_and_its_users_are_named(yarn: Yarn) -> None:
    asked = WhyWaiting(SETTINGS)
    text = await why(asked)
    assert "A container of executors requests 896 MiB and 1 vcore, and queue root is full" in text
    assert "7680 MiB" in text
    assert "of 8192 MiB" in text
    assert "application_1_0009 of bob (7168 MiB)" in text
    assert yarn.users == ["alice", SETTINGS.user_name]
    assert await why(asked) == text
    assert yarn.looks == 1, "one look for all kernels"


async def test_containers_that_start_are_told(yarn: Yarn) -> None:
    usage = type(yarn.report.app_resource_usage)(num_used_containers=2)
    yarn.report = report("RUNNING", application_tags=(TAG,), app_resource_usage=usage)
    assert "2 containers of executors are starting" in await why(WhyWaiting(SETTINGS))


@pytest.mark.parametrize(
    ("application", "memory"),
    [
        *(("", 896), ("all", 896), ("application_1", 896), ("application_1_" + 60 * "9", 896)),
        *((HERS, 0), (HERS, -1), (HERS, 2**40)),
    ],
)
async def test_what_is_not_asked_for_by_a_session_is_refused(
    yarn: Yarn, application: str, memory: int
) -> None:
    with pytest.raises(LocalProtocolError):
        await why(WhyWaiting(SETTINGS), application, memory)
    assert yarn.looks == 0


@pytest.mark.parametrize(
    "other", [report("RUNNING"), report("RUNNING", user="bob", application_tags=(TAG,))]
)
async def test_other_applications_are_not_explained(yarn: Yarn, other: ApplicationReport) -> None:
    yarn.report = other
    with pytest.raises(LocalProtocolError, match="does not belong to this kernel"):
        await why(WhyWaiting(SETTINGS))
