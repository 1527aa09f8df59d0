"""A running cluster: use, failures, restarts and stops."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.cluster import HadoopCluster
from yarnhub.cluster.errors import ClusterError, DaemonError
from yarnhub.cluster.processes.process import marked_processes

pytestmark = pytest.mark.cluster

DEADLINE = 90.0


def run(cluster: HadoopCluster, *command: str) -> str:
    done = subprocess.run(
        command, env=cluster.env, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ask(cluster: HadoopCluster, method: str, path: str, **body: Any) -> Any:
    """The ResourceManager's REST interface, as the user who runs the cluster."""
    answer = httpx.request(
        method,
        f"{cluster.rm_web_url}/ws/v1/cluster/{path}",
        params={"user.name": cluster.host.user},
        json=body or None,
        trust_env=False,
        timeout=60,
    )
    answer.raise_for_status()
    return answer.json() if answer.content else None


async def until_running(cluster: HadoopCluster, application: str) -> None:
    """Wait until the application's first container runs."""
    async with asyncio.timeout(DEADLINE):
        while not container_processes(cluster, application):
            await asyncio.sleep(0.1)


def container_processes(cluster: HadoopCluster, application: str) -> set[int]:
    """The programs that the application's containers run, without the shells around them."""
    # container_TIME_NUMBER_..., with the ResourceManager's epoch before it after a restart.
    mark = re.compile(rf"\0CONTAINER_ID=container\w*{application.removeprefix('application')}_")
    found = set()
    for process in marked_processes(cluster.state):
        folder = Path(f"/proc/{process.pid}")
        try:
            sleeps = (folder / "cmdline").read_bytes() == b"sleep\x00600\x00"
            ours = mark.search((folder / "environ").read_text(errors="replace"))
        except OSError:
            continue
        if sleeps and ours:
            found.add(process.pid)
    return found


def submit(cluster: HadoopCluster, command: str = "sleep 600") -> str:
    """An ApplicationMaster that never registers: good enough for a running container."""
    application: str = ask(cluster, "POST", "apps/new-application")["application-id"]
    ask(
        cluster,
        "POST",
        "apps",
        **{
            "application-id": application,
            "application-name": "sleep",
            "queue": "apples",
            "application-type": "TEST",
            "max-app-attempts": 1,
            "am-container-spec": {"commands": {"command": command}},
            "resource": {"memory": 64, "vCores": 1},
        },
    )
    return application


def test_the_wrappers_and_java_tools_work(hadoop_cluster: HadoopCluster) -> None:
    listed = run(hadoop_cluster, "yarn", "node", "-list")
    assert f"{hadoop_cluster.address('nodemanager-1')}\t" in listed.replace(" ", "")
    homes = run(hadoop_cluster, "hdfs", "dfs", "-ls", "/user")
    assert "/user/alice" in homes
    path = run(hadoop_cluster, "yarn", "classpath", "--glob").strip()
    assert path == hadoop_cluster.classpath
    assert len(path.split(":")) > 100


def test_its_addresses_answer(hadoop_cluster: HadoopCluster) -> None:
    url = f"{hadoop_cluster.web_hdfs_url}/tmp?op=GETFILESTATUS"
    status = httpx.get(url, trust_env=False, timeout=60).json()["FileStatus"]
    assert status["permission"] == "1777"
    assert ask(hadoop_cluster, "GET", "info")["clusterInfo"]["haState"] == "ACTIVE"
    scheduler = ask(hadoop_cluster, "GET", "scheduler")["scheduler"]["schedulerInfo"]
    assert {queue["queueName"] for queue in scheduler["queues"]["queue"]} == {
        "default",
        "fruit",
        "jupyterhub",
    }
    for address in (
        hadoop_cluster.resource_manager_address,
        hadoop_cluster.scheduler_address,
        hadoop_cluster.name_node_address,
    ):
        socket.create_connection(address, timeout=5).close()


def listening_addresses(pid: int) -> list[str]:
    """Where a process listens, as /proc/net/tcp and tcp6 write addresses: in hexadecimal."""
    inodes = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            inodes.add(path.readlink().name)
    addresses = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                addresses.append(fields[1].partition(":")[0])
    return addresses


def test_every_server_is_on_loopback_only(hadoop_cluster: HadoopCluster) -> None:
    pids = [pid for pid in hadoop_cluster.pids.values() if pid is not None]
    addresses = [address for pid in pids for address in listening_addresses(pid)]
    assert len(addresses) >= 13
    assert {address[-8:] for address in addresses} == {"0100007F"}


async def test_the_resource_manager_survives_a_kill(hadoop_cluster: HadoopCluster) -> None:
    application = submit(hadoop_cluster)
    await until_running(hadoop_cluster, application)
    before = container_processes(hadoop_cluster, application)
    await hadoop_cluster.kill("resourcemanager")
    assert hadoop_cluster.pids["resourcemanager"] is None
    await hadoop_cluster.restart("resourcemanager")
    state = ask(hadoop_cluster, "GET", f"apps/{application}")["app"]["state"]
    assert state in {"ACCEPTED", "RUNNING"}
    assert container_processes(hadoop_cluster, application) == before
    ask(hadoop_cluster, "PUT", f"apps/{application}/state", state="KILLED")


async def test_containers_survive_a_restart_of_their_node(hadoop_cluster: HadoopCluster) -> None:
    application = submit(hadoop_cluster)
    await until_running(hadoop_cluster, application)
    before = container_processes(hadoop_cluster, application)
    await hadoop_cluster.kill("nodemanager-1")
    await hadoop_cluster.restart("nodemanager-1")
    assert container_processes(hadoop_cluster, application) == before
    ask(hadoop_cluster, "PUT", f"apps/{application}/state", state="KILLED")
    async with asyncio.timeout(DEADLINE):
        while container_processes(hadoop_cluster, application):
            await asyncio.sleep(0.1)


async def test_a_container_that_takes_too_much_memory_is_ended_soon(
    hadoop_cluster: HadoopCluster,
) -> None:
    program = "text = chr(97) * (200 << 20); input()"
    application = submit(hadoop_cluster, f"mkfifo f; python3 -c '{program}' 0<>f")
    async with asyncio.timeout(DEADLINE):
        while True:
            app = ask(hadoop_cluster, "GET", f"apps/{application}")["app"]
            if app["state"] == "FAILED":
                break
            await asyncio.sleep(0.1)
    assert "exitCode: -104" in app["diagnostics"]
    assert "beyond the 'PHYSICAL' memory limit" in app["diagnostics"]


async def test_hdfs_survives_a_restart(hadoop_cluster: HadoopCluster) -> None:
    run(hadoop_cluster, "hdfs", "dfs", "-mkdir", "/tmp/kept")
    await hadoop_cluster.kill("namenode")
    await hadoop_cluster.restart("namenode")
    await hadoop_cluster.restart("datanode")
    assert "/tmp/kept" in run(hadoop_cluster, "hdfs", "dfs", "-ls", "/tmp")


async def test_an_unknown_daemon_is_named(hadoop_cluster: HadoopCluster) -> None:
    with pytest.raises(ConfigurationError, match=r"no daemon 'nodemanager-9'; it has .*namenode"):
        await hadoop_cluster.kill("nodemanager-9")
    with pytest.raises(ConfigurationError, match="no keytab for 'alice'"):
        hadoop_cluster.keytab("alice")


async def test_a_running_cluster_can_be_attached_to(hadoop_cluster: HadoopCluster) -> None:
    other = HadoopCluster.attach(hadoop_cluster.state)
    assert other.pids == hadoop_cluster.pids
    assert other.env == hadoop_cluster.env
    with pytest.raises(ClusterError, match="is already running"):
        await HadoopCluster(state=hadoop_cluster.state).start()


async def test_another_version_starts_beside_it_and_ends_without_a_trace(
    tmp_path: Path, hadoop_cluster: HadoopCluster
) -> None:
    state = tmp_path / "older"
    await HadoopCluster(hadoop="3.3.6", state=state).provide()
    async with HadoopCluster(hadoop="3.3.6", nodes=2, state=state) as cluster:
        nodes = ask(cluster, "GET", "nodes")["nodes"]["node"]
        assert {node["version"] for node in nodes} == {"3.3.6"}
        assert [node["state"] for node in nodes] == ["RUNNING", "RUNNING"]
        application = submit(cluster)
        await until_running(cluster, application)
    assert marked_processes(state) == []
    with pytest.raises(ConfigurationError, match=r"contains a cluster of Hadoop 3\.3\.6"):
        await HadoopCluster(state=state).start()


PARENT = """
import asyncio, sys
from pathlib import Path
from yarnhub.cluster import HadoopCluster

async def main():
    async with HadoopCluster(state=Path(sys.argv[1])):
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("ready", [True, False], ids=["running", "starting"])
async def test_it_ends_with_its_parent(tmp_path: Path, *, ready: bool) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path), stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    async with asyncio.timeout(DEADLINE):
        if ready:
            assert await parent.stdout.readline() == b"ready\n"
        while len(marked_processes(tmp_path)) < 2:
            await asyncio.sleep(0.05)
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    async with asyncio.timeout(DEADLINE):
        while marked_processes(tmp_path):
            await asyncio.sleep(0.1)


async def test_a_daemon_that_dies_is_named_and_the_rest_ended(tmp_path: Path) -> None:
    site = {"yarn-site.xml": {"yarn.resourcemanager.scheduler.class": "no.such.Scheduler"}}
    cluster = HadoopCluster(state=tmp_path, site=site)
    with pytest.raises(DaemonError, match=r"(?s)resourcemanager exited.*no\.such\.Scheduler"):
        await cluster.start()
    assert marked_processes(tmp_path) == []


async def test_a_cancelled_start_leaves_nothing_behind(tmp_path: Path) -> None:
    cluster = HadoopCluster(state=tmp_path)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await cluster.start()
    assert marked_processes(tmp_path) == []
