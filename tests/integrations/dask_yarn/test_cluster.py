"""Dask clusters on a real cluster: what users of dask-yarn do, and what they are told."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask.config
import pytest
import yaml
from distributed import Client as DaskClient

import skein
from e2e.walk import eventually, of_application
from integrations.dask_yarn.programs import run, start
from yarnhub.base.errors import ConfigurationError, SpecError
from yarnhub.client.access.settings import Settings
from yarnhub.client.client import Client
from yarnhub.client.errors import ApplicationFailedError
from yarnhub.integrations.dask_yarn import YarnCluster
from yarnhub.yarn.records.applications import FinalApplicationStatus, YarnApplicationState
from yarnhub.yarn.records.ids import ApplicationId

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnhub.cluster import HadoopCluster
    from yarnhub.yarn.records.applications import ApplicationReport

pytestmark = pytest.mark.cluster

SMALL: dict[str, Any] = {
    "environment": f"python://{sys.executable}",
    "worker_memory": "512 MiB",
    "scheduler_memory": "512 MiB",
}
MIB = 1 << 20


@pytest.fixture
def variables(
    hadoop_cluster: HadoopCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """The environment of a user's process, which is also this one's."""
    found = {**hadoop_cluster.env, "SKEIN_CONFIG": str(tmp_path / "skein")}
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def small(variables: dict[str, str]) -> Iterator[YarnCluster]:
    """A cluster with one worker."""
    with YarnCluster(n_workers=1, **SMALL) as cluster:
        yield cluster


def report_of(application_id: str, variables: dict[str, str]) -> ApplicationReport:
    async def ask() -> ApplicationReport:
        async with Client(Settings.from_environment(variables)) as yarn:
            return await yarn.application_report(ApplicationId.parse(application_id))

    return asyncio.run(ask())


def state_of(application_id: str, variables: dict[str, str]) -> tuple[str, str]:
    report = report_of(application_id, variables)
    return report.yarn_application_state.name, report.final_application_status.name


def kill_container(application_id: str, name: str) -> None:
    """Kill the processes of a container."""
    mark = f"SKEIN_CONTAINER_ID={name}\n"
    found = [pid for pid, (*_, env) in of_application(application_id).items() if mark in env]
    assert found
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_a_cluster_from_its_start_to_its_shutdown(variables: dict[str, str]) -> None:
    with (
        YarnCluster(n_workers=1, worker_vcores=2, name="mine", tags=["a-tag"], **SMALL) as cluster,
        DaskClient(cluster) as client,
    ):
        application_id = cluster.app_id
        report = report_of(application_id, variables)
        assert (report.name, report.application_tags) == ("mine", ("a-tag",))
        assert client.submit(sum, [1, 2, 3]).result(timeout=60) == 6
        (info,) = client.scheduler_info(n_workers=-1)["workers"].values()
        assert info["nthreads"] == 2
        assert info["memory_limit"] == 384 * MIB, "less than the container has"
        assert application_id in info["local_directory"], "in the container's folder"
        cluster.scale(2)
        client.wait_for_workers(2, timeout=60)
        names = [each.id for each in cluster.workers()]
        assert names == ["dask.worker_0", "dask.worker_1"]
        # The scheduler tells the cluster of its workers after it has told the client.
        eventually(
            lambda: (
                {each["name"] for each in cluster.scheduler_info["workers"].values()} == {*names}
            ),
            "the cluster knows them",
        )
        logs = cluster.logs()
        assert "Scheduler" in logs
        assert len(logs) == 3
        cluster.scale(1)
        assert [each.state for each in cluster.workers()] == ["RUNNING"]
        assert cluster.dashboard_link is not None
        assert cluster.application_client.get_specification().name == "mine"
        assert application_id in repr(cluster)
        assert cluster._repr_html_()
        eventually(lambda: "2" not in cluster._scaling_status(), "the cluster knows the one")
    assert state_of(application_id, variables) == ("FINISHED", "SUCCEEDED")


def test_who_does_not_have_the_certificate_cannot_connect(small: YarnCluster) -> None:
    assert small.scheduler_address.startswith("tls://")
    with DaskClient(small.scheduler_address, security=small.security) as client:
        assert client.scheduler_info(n_workers=-1)["id"]
    _, host, port = small.scheduler_address.replace("/", "").split(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        pytest.raises(ssl.SSLError, match="certificate required"),
        context.wrap_socket(plain) as encrypted,
    ):
        encrypted.recv(1)


def test_the_status_of_a_shutdown_is_yarns(variables: dict[str, str]) -> None:
    cluster = YarnCluster(**SMALL)
    application_id = cluster.app_id
    cluster.shutdown("FAILED", "the data is missing")
    cluster.shutdown()
    report = report_of(application_id, variables)
    assert report.final_application_status is FinalApplicationStatus.FAILED
    assert "the data is missing" in report.diagnostics


def test_workers_come_and_go_with_the_load(variables: dict[str, str]) -> None:
    with YarnCluster(**SMALL) as cluster, DaskClient(cluster) as client:
        cluster.adapt(minimum=0, maximum=2, interval="200ms")
        assert client.submit(sum, [1, 2]).result(timeout=60) == 3
        eventually(lambda: not cluster.workers(), "no worker is left", deadline=60)


def test_a_worker_that_is_killed_is_told_and_replaced(
    small: YarnCluster, caplog: pytest.LogCaptureFixture
) -> None:
    with DaskClient(small) as client:
        client.wait_for_workers(1, timeout=60)
        kill_container(small.app_id, "dask.worker_0")
        eventually(lambda: "dask.worker_0 of" in caplog.text, "it is told", deadline=30)
        assert "signal 9" in caplog.text
        assert client.submit(sum, [1, 2]).result(timeout=60) == 3
        assert [each.id for each in small.workers()] == ["dask.worker_1"]


def test_workers_that_fail_too_often_fail_the_cluster(
    variables: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with YarnCluster(n_workers=1, worker_restarts=0, **SMALL) as cluster:
        application_id = cluster.app_id
        with DaskClient(cluster) as client:
            client.wait_for_workers(1, timeout=60)
        kill_container(application_id, "dask.worker_0")
        eventually(lambda: "has ended: application_" in caplog.text, "it is told", deadline=60)
        with pytest.raises(ApplicationFailedError, match=r"dask\.worker_0 ended.*signal 9"):
            cluster.scale(2)
    assert state_of(application_id, variables)[1] == "FAILED"


def test_a_scheduler_that_is_killed_is_told(
    small: YarnCluster, caplog: pytest.LogCaptureFixture
) -> None:
    kill_container(small.app_id, "dask.scheduler_0")
    eventually(lambda: "The Dask cluster has ended" in caplog.text, "it is told", deadline=60)
    with pytest.raises(ApplicationFailedError, match=r"dask\.scheduler_0 ended.*signal 9"):
        small.scale(2)


def test_an_application_that_somebody_kills_is_told(
    small: YarnCluster, caplog: pytest.LogCaptureFixture
) -> None:
    with skein.Client() as client:
        client.kill_application(small.app_id)
    eventually(lambda: "The Dask cluster has ended" in caplog.text, "it is told", deadline=60)
    with pytest.raises(ApplicationFailedError, match="is KILLED"):
        small.workers()


def test_another_process_uses_the_cluster_and_leaves_it(
    small: YarnCluster, tmp_path: Path, variables: dict[str, str]
) -> None:
    program = f"""
with YarnCluster.from_application_id({small.app_id!r}) as cluster, Client(cluster) as client:
    print(client.submit(sum, [1, 2, 3]).result(), cluster.scheduler_address, len(cluster.workers()))
"""
    assert run(program, tmp_path, variables).split() == ["6", small.scheduler_address, "1"]
    assert state_of(small.app_id, variables)[0] == "RUNNING"
    program = f"YarnCluster.from_application_id({small.app_id!r}).shutdown(diagnostics='enough')"
    run(program, tmp_path, variables)
    assert report_of(small.app_id, variables).diagnostics.startswith("enough")


def test_tasks_find_the_cluster_that_they_run_in(small: YarnCluster) -> None:
    def task() -> list[object]:
        from distributed import worker_client

        from yarnhub.integrations.dask_yarn import YarnCluster

        cluster = YarnCluster.from_current()
        cluster.scale_up(2)
        with worker_client(separate_thread=False) as client:
            client.wait_for_workers(2, timeout=60)
        found = [cluster.app_id, len(cluster.workers())]
        cluster.close()
        return found

    with DaskClient(small) as client:
        assert client.submit(task).result(timeout=90) == [small.app_id, 2]
        assert client.submit(sum, [1, 2], workers=["dask.worker_1"]).result(timeout=60) == 3


def test_outside_of_a_container_there_is_no_current_cluster(variables: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="does not run in a container"):
        _ = YarnCluster.from_current()


def test_an_application_of_another_kind_is_refused(variables: dict[str, str]) -> None:
    service = {"resources": {"memory": 128, "vcores": 1}, "script": "sleep 600"}
    whole = {"services": {"other": service}}
    with skein.Client() as client, client.submit_and_connect(whole) as application:
        with pytest.raises(ValueError, match="is not a Dask cluster"):
            _ = YarnCluster.from_application_id(application.id, client)
        application.shutdown()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"queue": "nowhere"}, ApplicationFailedError, "nowhere"),
        ({"scheduler_memory": "1 TiB"}, SpecError, r"dask\.scheduler"),
        ({"worker_memory": "1 TiB"}, SpecError, r"dask\.worker"),
        ({"environment": "python:///no/such/python"}, ApplicationFailedError, "127"),
        ({"environment": "python:///usr/bin/python3 -S"}, ApplicationFailedError, "127"),
        ({"environment": "missing.tar.gz"}, SpecError, "does not exist"),
    ],
)
def test_what_yarn_or_a_node_refuses_is_told_by_the_constructor(
    variables: dict[str, str], options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        _ = YarnCluster(**{**SMALL, **options})


def test_an_environment_that_does_not_exist_is_named(variables: dict[str, str]) -> None:
    with pytest.raises(ApplicationFailedError) as caught:
        _ = YarnCluster(**{**SMALL, "environment": "venv:///no/such/folder"})
    notes = "".join(caught.value.__notes__)
    assert "Python of `environment`" in notes
    assert f"YARN keeps its logs as those of {caught.value.application_id}." in notes


def test_an_environment_without_dask_is_told_by_the_constructor(
    variables: dict[str, str], tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    python.chmod(0o755)
    with pytest.raises(ApplicationFailedError, match="cannot import distributed"):
        _ = YarnCluster(**{**SMALL, "environment": f"python://{python}"})


def test_a_worker_class_that_does_not_exist_is_told(
    variables: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    why, told = "no worker_class nowhere.Worker", ""
    try:
        with YarnCluster(n_workers=1, worker_class="nowhere.Worker", **SMALL):
            eventually(lambda: why in caplog.text, "it", deadline=60)
    except ApplicationFailedError as error:  # the worker was faster than the constructor
        told = str(error)
    assert why in caplog.text + told


@pytest.mark.parametrize("mode", ["remote", "local"])
def test_yarn_ends_the_cluster_of_a_process_that_is_killed(
    variables: dict[str, str], tmp_path: Path, mode: str
) -> None:
    program = f"""
dask.config.set({{"yarn.lease": 8}})
cluster = YarnCluster(n_workers=1, deploy_mode={mode!r}, **{SMALL!r})
print(cluster.app_id, flush=True)
time.sleep(600)
"""
    process = start(program, tmp_path, variables)
    try:
        assert process.stdout is not None
        application_id = process.stdout.readline().strip()
        report = report_of(application_id, variables)
        limits = {each.expire_time for each in report.app_timeouts.values()}
        eventually(
            lambda: (
                {
                    each.expire_time
                    for each in report_of(application_id, variables).app_timeouts.values()
                }
                != limits
            ),
            "a process that runs extends the limit",
            deadline=60,
        )
        process.kill()
    finally:
        process.communicate()
    eventually(lambda: state_of(application_id, variables)[0] == "KILLED", "its end", deadline=60)
    eventually(lambda: not of_application(application_id), "its containers' ends", deadline=60)
    assert "lifetime" in report_of(application_id, variables).diagnostics


def test_an_interrupted_start_leaves_nothing(variables: dict[str, str], tmp_path: Path) -> None:
    with skein.Client() as client:
        before = {each.id for each in client.get_applications()}
        with start(f"YarnCluster(**{SMALL!r})", tmp_path, variables) as process:
            eventually(
                lambda: {each.id for each in client.get_applications()} - before,
                "its begin",
                deadline=60,
            )
            (application_id,) = {each.id for each in client.get_applications()} - before
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in errors
    assert state_of(application_id, variables)[0] == "KILLED"


def test_the_end_of_a_program_shuts_its_clusters_down(
    variables: dict[str, str], tmp_path: Path
) -> None:
    program = f"cluster = YarnCluster(**{SMALL!r})\nprint(cluster.app_id)\n"
    application_id = run(program, tmp_path, variables).split()[0]
    eventually(
        lambda: state_of(application_id, variables) == ("FINISHED", "SUCCEEDED"),
        "its end",
        deadline=60,
    )


async def test_on_an_event_loop(variables: dict[str, str]) -> None:
    async with (
        YarnCluster(asynchronous=True, n_workers=1, **SMALL) as cluster,
        DaskClient(cluster, asynchronous=True) as client,
    ):
        assert await client.submit(sum, [1, 2]) == 3
        await cluster.scale(2)
        assert len(await cluster.workers()) == 2
        await cluster.scale_down(["dask.worker_0"])
        assert [each.id for each in await cluster.workers()] == ["dask.worker_1"]
        application_id = cluster.app_id
    assert await asyncio.to_thread(state_of, application_id, variables) == (
        "FINISHED",
        "SUCCEEDED",
    )


async def test_a_start_that_is_cancelled_leaves_nothing(
    hadoop_cluster: HadoopCluster, variables: dict[str, str]
) -> None:
    async with Client(Settings.from_environment(variables)) as yarn:
        before = {each.application_id for each in await yarn.applications()}

        async def begun() -> list[ApplicationReport]:
            found = await yarn.applications()
            return [each for each in found if each.application_id not in before]

        cluster = YarnCluster(asynchronous=True, **SMALL)
        starting = asyncio.ensure_future(cluster._start())  # noqa: TID251  # as users do
        while not await begun():
            await asyncio.sleep(0.01)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        (report,) = await begun()
        ended = await yarn.wait(report.application_id, deadline=30)
        assert ended.yarn_application_state is YarnApplicationState.KILLED


def test_a_scheduler_in_this_process(variables: dict[str, str]) -> None:
    with YarnCluster(deploy_mode="local", **SMALL) as cluster, DaskClient(cluster) as client:
        cluster.scale(1)
        assert client.submit(sum, [1, 2]).result(timeout=60) == 3
        cluster.scale(0)
        cluster.scale(1)
        assert client.submit(sum, [1, 3]).result(timeout=60) == 4, "it has not ended with them"
        application_id = cluster.app_id
    assert state_of(application_id, variables) == ("FINISHED", "SUCCEEDED")


def test_a_specification_of_ones_own(variables: dict[str, str], tmp_path: Path) -> None:
    resources = {"memory": "512 MiB", "vcores": 1}
    path = f"export PATH={Path(sys.executable).parent}:$PATH\n"
    document = {
        "name": "own",
        "services": {
            "dask.scheduler": {
                "resources": resources,
                "script": f"{path}dask-yarn services scheduler",
            },
            "dask.worker": {
                "resources": resources,
                "instances": 1,
                "max_restarts": -1,
                "depends": ["dask.scheduler"],
                "script": f"{path}dask-yarn services worker --nthreads 3 --memory_limit '100 MiB'",
            },
        },
    }
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(document))
    for whole in (document, str(tmp_path / "own.yaml"), skein.ApplicationSpec.from_dict(document)):
        with YarnCluster.from_specification(whole) as cluster, DaskClient(cluster) as client:
            client.wait_for_workers(1, timeout=60)
            (info,) = client.scheduler_info(n_workers=-1)["workers"].values()
            assert (info["nthreads"], info["memory_limit"]) == (3, 100 * MIB)
            assert cluster.spec.name == "own"
    configured = {"yarn.specification": str(tmp_path / "own.yaml")}
    with dask.config.set(configured), YarnCluster() as cluster:
        assert cluster.spec.name == "own"


def test_the_login_of_a_client_is_used(variables: dict[str, str], tmp_path: Path) -> None:
    security = skein.Security.new_credentials()
    with (
        skein.Client(security=security) as client,
        YarnCluster(skein_client=client, **SMALL) as cluster,
        client.connect(cluster.app_id) as connected,
    ):
        assert connected.kv["dask.scheduler"] == cluster.scheduler_address.encode()


def test_why_a_cluster_waits_is_told(variables: dict[str, str], tmp_path: Path) -> None:
    with skein.Client() as client:
        eventually(
            lambda: not any(each.used_resources.memory for each in client.get_nodes()),
            "earlier containers have ended",
            deadline=60,
        )
        free = sum(each.total_resources.memory for each in client.get_nodes())
        # Its ApplicationMaster has 512 MiB: what is left is too little for another one.
        service = {"resources": {"memory": free - 768, "vcores": 1}, "script": "sleep 600"}
        with client.submit_and_connect({"services": {"large": service}}) as other:
            eventually(lambda: other.get_containers(states=["RUNNING"]), "it runs", deadline=60)
            with start(f"YarnCluster(**{SMALL!r}).shutdown()", tmp_path, variables) as process:
                assert process.stderr is not None
                line = process.stderr.readline()
                other.shutdown()
                _, errors = process.communicate(timeout=60)
    assert "has not started yet" in line, errors
    assert process.returncode == 0, errors
