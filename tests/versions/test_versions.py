"""Each kind of cluster, walked through; those of `versions` by `./test versions` only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from versions.kinds import KINDS
from versions.page import FAILED, LIMIT, OK
from versions.walk import CAPABILITIES
from yarnhub.cluster.errors import ClusterError
from yarnhub.cluster.processes.run import run_program

if TYPE_CHECKING:
    from versions.kinds import Kind
    from versions.walk import Walk
    from yarnhub.cluster import HadoopCluster

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="module")]


PAIR_WITH_KERBEROS = KINDS["Hadoop 3.4.2, Kerberos, HA of NameNode and ResourceManager"]


@pytest.mark.parametrize("capability", CAPABILITIES)
async def test_capability(kind: Kind, walk: Walk, capability: str, results: dict[str, str]) -> None:
    results[capability] = FAILED
    limit = kind.limits.get(capability)
    if limit is None:
        await CAPABILITIES[capability](walk)
        results[capability] = OK
    else:
        with pytest.raises(Exception, match=limit.says):
            await CAPABILITIES[capability](walk)
        results[capability] = LIMIT


@pytest.mark.versions
@pytest.mark.parametrize("kind", [PAIR_WITH_KERBEROS], indirect=True, ids=[PAIR_WITH_KERBEROS.id])
async def test_only_a_pair_itself_reads_what_it_keeps_in_zookeeper(cluster: HadoopCluster) -> None:
    zookeeper = cluster.address("zookeeper")
    command = ["hadoop", "org.apache.zookeeper.ZooKeeperMain", "-server", zookeeper]
    shown = await run_program([*command, "ls", "/"], cluster.env)
    assert "rmstore" in shown
    with pytest.raises(ClusterError, match=r"NoAuth|Insufficient permission"):
        await run_program([*command, "ls", "-R", "/rmstore/ZKRMStateRoot"], cluster.env)
