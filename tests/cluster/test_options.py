"""Options are checked when they are created, with clear messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.cluster.options import ClusterOptions, group_by_site_file, site_file_of
from yarnhub.cluster.site.key_server import check_key_server

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "../up"}, "is not a valid cluster name"),
        ({"name": ""}, "is not a valid cluster name"),
        ({"hadoop": "3.4"}, "not a Hadoop version"),
        ({"nodes": 0}, "at least one node"),
        ({"node_memory": 0}, "at least 1 MiB"),
        ({"node_vcores": 0}, "one vcore"),
        ({"site": {"yarn.xml": {}}}, "yarn.xml: not one of core-site.xml"),
    ],
)
def test_a_wrong_option_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ClusterOptions(**changes)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("dfs.replication", "hdfs-site.xml"),
        ("yarn.scheduler.capacity.root.queues", "capacity-scheduler.xml"),
        ("yarn.scheduler.minimum-allocation-mb", "yarn-site.xml"),
        ("mapreduce.framework.name", "mapred-site.xml"),
        ("hadoop.rpc.protection", "core-site.xml"),
        ("fs.defaultFS", "core-site.xml"),
    ],
)
def test_a_property_belongs_to_the_file_that_hadoop_reads_it_from(name: str, file: str) -> None:
    assert site_file_of(name) == file


def test_properties_are_grouped_by_file() -> None:
    assert group_by_site_file(
        {"dfs.replication": "1", "yarn.acl.enable": "true", "dfs.x": "2"}
    ) == {
        "hdfs-site.xml": {"dfs.replication": "1", "dfs.x": "2"},
        "yarn-site.xml": {"yarn.acl.enable": "true"},
    }


def test_an_encryption_zone_goes_with_kerberos_only() -> None:
    assert ClusterOptions(kerberos=True, encryption_zone=True).encryption_zone
    with pytest.raises(ConfigurationError, match="requires the kerberos option"):
        ClusterOptions(encryption_zone=True)


def test_a_version_without_a_key_server_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"Hadoop 3\.3\.6, only for 3\.4\.2"):
        check_key_server("3.3.6", tmp_path)
    (tmp_path / "hadoop-kms-3.4.2.jar").touch()
    check_key_server("3.4.2", tmp_path)
