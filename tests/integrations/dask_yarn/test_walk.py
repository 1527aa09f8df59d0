"""The page for users of dask-yarn, on both kinds of cluster, with an archive as environment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from docs.blocks import PROJECT, blocks
from docs.session import commands
from integrations.dask_gateway.environment import pack
from integrations.dask_yarn.programs import execute, run

if TYPE_CHECKING:
    from pathlib import Path

    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

PROGRAM, CONSOLE = blocks(PROJECT / "docs" / "howto" / "migrate-from-dask-yarn.md")
SMALL = {"worker_memory": "512 MiB", "scheduler_memory": "512 MiB"}
USERS = f"""
from yarnhub.yarn.records.ids import ApplicationId

def user():
    import os, pwd
    return pwd.getpwuid(os.getuid()).pw_name

with YarnCluster("environment.tar.gz", n_workers=1, **{SMALL!r}) as cluster:
    with Client(cluster) as client:
        client.wait_for_workers(1, timeout=120)
        print(*client.run(user).values(), client.run_on_scheduler(user))
    with YarnCluster.from_application_id(cluster.app_id) as same:
        print(same.scheduler_address == cluster.scheduler_address)
    number = ApplicationId.parse(cluster.app_id)
    report = cluster.sync(cluster._application._client.application_report, number)
    print(*(each.remaining_time > 0 for each in report.app_timeouts.values()))
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(tmp_path_factory.mktemp("dask"))


@pytest.fixture(params=["hadoop_cluster", "kerberos_cluster"], ids=["simple", "kerberos"])
def cluster(request: pytest.FixtureRequest) -> HadoopCluster:
    found: HadoopCluster = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def variables(cluster: HadoopCluster, archive: Path, tmp_path: Path) -> dict[str, str]:
    """Of alice, with a ticket if there are tickets, in whose folder is the archive."""
    (tmp_path / "environment.tar.gz").symlink_to(archive)
    found = {**cluster.env, "SKEIN_CONFIG": str(tmp_path / "skein"), "HADOOP_USER_NAME": "alice"}
    if cluster.options.kerberos:
        await cluster.kinit("alice", tmp_path / "ticket")
        found["KRB5CCNAME"] = f"FILE:{tmp_path / 'ticket'}"
    return found


async def test_the_page(variables: dict[str, str], tmp_path: Path) -> None:
    text = PROGRAM.text
    assert '"4 GiB"' in text
    text = text.replace('"4 GiB"', '"512 MiB", scheduler_memory="512 MiB"')
    (command,) = commands(CONSOLE)
    assert command.text == f"python {PROGRAM.file}"
    out = await asyncio.to_thread(execute, text, tmp_path, variables)
    assert out.strip() == command.shown


async def test_a_cluster_belongs_to_its_user(
    cluster: HadoopCluster, variables: dict[str, str], tmp_path: Path
) -> None:
    out = await asyncio.to_thread(run, USERS, tmp_path, variables)
    *users, same, limited = out.split()
    assert (same, limited) == ("True", "True")
    if cluster.options.kerberos:  # else containers are processes of the NodeManager's user
        assert users == ["alice", "alice"]
