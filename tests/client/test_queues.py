"""How often a ResourceManager is asked for its queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from client.sites import managed_by
from hadoop.server import Call, answer, serving
from yarnhub.base.tasks import task_group
from yarnhub.client.queues import ClusterQueues
from yarnhub.hadoop.codec import encode
from yarnhub.yarn.records import resource_manager as rm
from yarnhub.yarn.records.cluster import QueueACL, QueueInfo, QueueUserACLInfo

if TYPE_CHECKING:
    from pathlib import Path


class Manager:
    """A ResourceManager with one queue, to which everybody may submit."""

    def __init__(self, *, answers: bool = True) -> None:
        self.calls: list[str] = []
        self._answers = answers

    def __call__(self, call: Call) -> bytes | None:
        self.calls.append(call.method)
        if not self._answers:
            return None
        if call.method == "getQueueInfo":
            default = QueueInfo(queue_name="default")
            root = QueueInfo(queue_name="root", child_queues=(default,))
            return answer(call.call_id, encode(rm.GetQueueInfoResponse(queue_info=root)))
        assert call.method == "getQueueUserAcls"
        acls = QueueUserACLInfo(
            queue_name="root.default", user_acls=(QueueACL.SUBMIT_APPLICATIONS,)
        )
        response = rm.GetQueueUserAclsInfoResponse(queue_user_acls=(acls,))
        return answer(call.call_id, encode(response))


async def test_all_callers_share_one_look(tmp_path: Path) -> None:
    manager = Manager()
    async with serving(manager) as server:
        queues = ClusterQueues(managed_by(server.address, tmp_path))
        async with task_group() as group:
            trees = [group.create_task(queues.tree()) for _ in range(100)]
        (tree,) = {each.result() for each in trees}
        assert await queues.tree() == tree
    assert tree is not None
    assert [each.queue_path for each in tree.child_queues] == ["root.default"]
    assert manager.calls == ["getQueueInfo"]


async def test_each_user_is_looked_at_once(tmp_path: Path) -> None:
    manager = Manager()
    async with serving(manager) as server:
        queues = ClusterQueues(managed_by(server.address, tmp_path))
        async with task_group() as group:
            asked = [group.create_task(queues.allowed(user)) for user in ("alice", "bob") * 5]
    assert {each.result() for each in asked} == {frozenset({"root.default"})}
    assert manager.calls == ["getQueueUserAcls"] * 2


async def test_that_yarn_does_not_answer_is_shared_too(tmp_path: Path) -> None:
    manager = Manager(answers=False)
    async with serving(manager) as server:
        queues = ClusterQueues(managed_by(server.address, tmp_path), deadline=1)
        assert await queues.tree() is None
        assert await queues.tree() is None
    assert manager.calls == ["getQueueInfo"]
