"""The clients of YARN, and what a NodeManager makes of our launch contexts, on a real cluster."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import secrets
from typing import TYPE_CHECKING

import pytest

from appmaster.contract import World, context, play
from yarnhub.base.errors import RemoteError
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.security.users import SimpleUser
from yarnhub.yarn import launch
from yarnhub.yarn.addresses import CLIENT, SCHEDULER, resource_manager
from yarnhub.yarn.node_manager import NodeManagers
from yarnhub.yarn.records.applications import (
    ApplicationSubmissionContext,
    FinalApplicationStatus,
    YarnApplicationState,
)
from yarnhub.yarn.records.launch import ContainerLaunchContext
from yarnhub.yarn.records.resources import Priority, Resource
from yarnhub.yarn.records.scheduler import AllocateRequest
from yarnhub.yarn.resource_manager import ResourceManager
from yarnhub.yarn.scheduler import ALLOCATE, Scheduler

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster
    from yarnhub.yarn.records.ids import ApplicationId

pytestmark = pytest.mark.cluster


class Attempt(World):
    """An unmanaged ApplicationMaster's."""

    manager: ResourceManager
    application_id: ApplicationId
    scheduler: Scheduler
    nodes: NodeManagers


@contextlib.asynccontextmanager
async def unmanaged(cluster: HadoopCluster) -> AsyncIterator[Attempt]:
    """Submit an application whose AM is this process; it is killed if it has not ended."""
    configuration = Configuration.load(cluster.conf_dir)
    user = SimpleUser(getpass.getuser())
    async with (
        asyncio.timeout(90),
        ResourceManager(resource_manager(configuration, CLIENT), user) as manager,
    ):
        application_id = (await manager.get_new_application()).application_id
        await manager.submit_application(
            ApplicationSubmissionContext(
                application_id=application_id,
                application_name="yarnhub test",
                queue="default",
                priority=Priority(priority=0),
                am_container_spec=ContainerLaunchContext(),
                unmanaged_am=True,
                max_app_attempts=1,
                resource=Resource(memory=32, virtual_cores=1),
            )
        )
        token = None
        while token is None:
            await asyncio.sleep(0.05)
            token = (await manager.get_application_report(application_id)).am_rm_token
        (node, *_) = await manager.get_cluster_nodes()
        places = (node.node_id.host, node.rack_name, "*")
        addresses = resource_manager(configuration, SCHEDULER).addresses
        try:
            async with Scheduler(addresses, token) as scheduler, NodeManagers() as nodes:
                attempt = Attempt(scheduler, nodes, places)
                attempt.manager, attempt.application_id = manager, application_id
                yield attempt
        finally:
            await manager.force_kill_application(application_id)


async def test_the_contract(hadoop_cluster: HadoopCluster) -> None:
    async with unmanaged(hadoop_cluster) as attempt:
        await play(attempt)
        report = await attempt.manager.get_application_report(attempt.application_id)
        while not report.yarn_application_state.ended:
            await asyncio.sleep(0.05)
            report = await attempt.manager.get_application_report(attempt.application_id)
        assert report.yarn_application_state is YarnApplicationState.FINISHED
        assert report.final_application_status is FinalApplicationStatus.SUCCEEDED
        assert report.diagnostics == "done"
        assert report.unmanaged_application
        assert (report.host, report.rpc_port) == ("localhost", 1)


async def test_a_heartbeat_that_fetches_a_lost_answer_is_not_looked_at(
    hadoop_cluster: HadoopCluster,
) -> None:
    # Why the runner says all again after a lost answer.
    async with unmanaged(hadoop_cluster) as attempt:
        await attempt.scheduler.register("localhost", 1, "")
        await attempt.scheduler.allocate((), (), 0.1)
        again = AllocateRequest(ask=tuple(attempt.asks(1, 1)), response_id=0, progress=0.1)
        response = await attempt.scheduler._rpc.call(ALLOCATE, again)
        assert response.response_id == 1
        with pytest.raises(TimeoutError):
            await attempt.allocate((), 1, seconds=2)
        # The time may have ended within a heartbeat: its answer is lost as well, and fetched here.
        await attempt.scheduler.allocate((), (), 0.1)
        await attempt.allocate(attempt.asks(1, 1), 1)


async def test_another_response_id_is_refused(hadoop_cluster: HadoopCluster) -> None:
    async with unmanaged(hadoop_cluster) as attempt:
        await attempt.scheduler.register("localhost", 1, "")
        with pytest.raises(RemoteError, match="responseId"):
            await attempt.scheduler._rpc.call(ALLOCATE, AllocateRequest(response_id=7, progress=0))


async def test_what_is_refused_is_told_and_heartbeats_go_on(
    hadoop_cluster: HadoopCluster,
) -> None:
    import dataclasses

    async with unmanaged(hadoop_cluster) as attempt:
        await attempt.scheduler.register("localhost", 1, "")
        (ask,) = attempt.asks(1, 1)[-1:]
        bad = dataclasses.replace(ask, node_label_expression="no-such-label")
        with pytest.raises(RemoteError, match="node label"):
            await attempt.scheduler.allocate([bad], (), 0.1)
        await attempt.allocate(attempt.asks(1, 1), 1)


@pytest.mark.parametrize(
    "nasty",
    [
        '{"a": {"b": {"c": 1}}} {{X}} {{{{ }}}}',
        "<LOG_DIR> <CPS> $HOME `id` \"q\" 'q' \\ \\\\ ! % * ~ ; & | # é",
        "two\nlines\t\r.",
    ],
)
async def test_variables_and_scripts_arrive_as_they_are(
    hadoop_cluster: HadoopCluster, tmp_path: Path, nasty: str
) -> None:
    # tests/yarn/launcher.py plays the NodeManager; this holds it against a real one.
    tmp_path.chmod(0o777)
    name = tmp_path / secrets.token_hex(4)
    quoted = "'" + nasty.replace("'", "'\\''") + "'"
    script = (
        f'printf %s "$NASTY" > {name}.variable\nprintf %s {quoted} > {name}.script\n'
        f'echo one\necho two >&2\ncat "$LOG_DIRS/log" > {name}.log; touch {name}.done'
    )
    async with unmanaged(hadoop_cluster) as attempt:
        await attempt.scheduler.register("localhost", 1, "")
        (given,) = await attempt.allocate(attempt.asks(1, 1), 1)
        made = ContainerLaunchContext(
            environment=launch.environment({"NASTY": nasty}), command=context(script).command
        )
        await attempt.nodes.start_container(given, made)
        ends = await attempt.completed(given.id)
        assert ends[given.id].exit_status == 0, ends[given.id].diagnostics
        await attempt.scheduler.finish(FinalApplicationStatus.SUCCEEDED, "")
    assert tmp_path.joinpath(f"{name.name}.variable").read_bytes().decode() == nasty
    assert tmp_path.joinpath(f"{name.name}.script").read_bytes().decode() == nasty
    assert tmp_path.joinpath(f"{name.name}.log").read_text() == "one\ntwo\n"
