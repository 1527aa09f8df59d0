"""Fixtures with a running cluster, for `pytest_plugins = ["yarnhub.cluster.pytest_plugin"]`.

`YARNHUB_TEST_CLUSTER_STATE` names state folders of running clusters, separated by colons. The
fixtures then use those and keep them running, so that tests under development start at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from yarnhub.cluster.hadoop import HadoopCluster
from yarnhub.cluster.native import has_library
from yarnhub.cluster.options import ClusterOptions
from yarnhub.cluster.state.folder import is_running

if TYPE_CHECKING:
    from collections.abc import Iterator

STATE_VARIABLE = "YARNHUB_TEST_CLUSTER_STATE"

SITE = {
    # Java's own, since the native library has none.
    "core-site.xml": {
        "hadoop.security.crypto.codec.classes.aes.ctr.nopadding": (
            "org.apache.hadoop.crypto.JceAesCtrCryptoCodec"
        ),
    },
    # With Kerberos, blocks are encrypted, by default with 3DES: about 5 MB/s.
    "hdfs-site.xml": {"dfs.encrypt.data.transfer.cipher.suites": "AES/CTR/NoPadding"},
    # The ResourceManager gives a node's containers out at its heartbeats, each second by default:
    # most of what a test would wait for.
    "yarn-site.xml": {"yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": "200"},
}
"""Properties of both clusters, with which tests wait less."""


@pytest.fixture(scope="session")
def hadoop_cluster() -> Iterator[HadoopCluster]:
    """A cluster without Kerberos, with one node that sends a heartbeat every 0.2 s.

    The node has Hadoop's native library, if there is one for this machine.
    """
    with _running_cluster(kerberos=False) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kerberos_cluster() -> Iterator[HadoopCluster]:
    """A cluster with Kerberos and an encryption zone, with one node as above; needs root."""
    with _running_cluster(kerberos=True) as cluster:
        yield cluster


@contextlib.contextmanager
def _running_cluster(*, kerberos: bool) -> Iterator[HadoopCluster]:
    # pytest has no other way to pass a developer's choice for one run.
    states = os.environ.get(STATE_VARIABLE, "").split(":")  # noqa: TID251
    for state in map(Path, filter(None, states)):
        if is_running(state):
            cluster = HadoopCluster.attach(state)
            if cluster.options.kerberos == kerberos:
                yield cluster
                return
    options = ClusterOptions(
        kerberos=kerberos, encryption_zone=kerberos, native=has_library(), site=SITE
    )
    cluster = HadoopCluster(options)
    asyncio.run(cluster.start())
    try:
        yield cluster
    finally:
        asyncio.run(cluster.stop())
