"""The configuration of our backend, with dask-gateway's names."""

from __future__ import annotations

import base64

import pytest
from dask_gateway_server.app import DaskGateway
from traitlets.config import Config

from yarnhub.base.worker_memory import memory_limit
from yarnhub.integrations.dask_gateway import YarnBackend, YarnClusterConfig

KEYS = [base64.b64encode(bytes(32)).decode()]
MIB = 1 << 20


def backend(**traits: object) -> YarnBackend:
    config = Config({"YarnBackend": {"db_encrypt_keys": KEYS, **traits}})
    return YarnBackend(parent=DaskGateway(config=config), config=config)


def test_clusters_outlive_a_server_that_has_a_database() -> None:
    assert backend().stop_clusters_on_shutdown
    assert not backend(db_url="sqlite:///x.sqlite").stop_clusters_on_shutdown
    assert backend(
        db_url="sqlite:///x.sqlite", stop_clusters_on_shutdown=True
    ).stop_clusters_on_shutdown


def test_timeouts_can_be_set_where_dask_gateways_documentation_sets_them() -> None:
    config = Config({"YarnClusterConfig": {"cluster_start_timeout": 300.0}})
    found = YarnBackend(parent=DaskGateway(config=config), config=config)
    assert (found.cluster_start_timeout, found.worker_start_timeout) == (300, 600)
    assert backend(worker_start_timeout=7.0).worker_start_timeout == 7


def test_the_commands_are_those_of_todays_distributed() -> None:
    config = YarnClusterConfig()
    assert config.scheduler_cmd == ["python", "-m", "distributed.cli.dask_scheduler"]
    assert config.worker_cmd == ["python", "-m", "distributed.cli.dask_worker"]


@pytest.mark.parametrize(("container", "limit"), [(4096, 3968), (512, 384), (100, 75)])
def test_dask_has_less_memory_than_its_container(container: int, limit: int) -> None:
    assert memory_limit(container * MIB) == limit * MIB
