from __future__ import annotations

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.filesystem.name_node import NameService, find_name_nodes
from yarnhub.hadoop.address import Address

PAIR = {
    "fs.defaultFS": "hdfs://pair",
    "dfs.nameservices": "pair",
    "dfs.ha.namenodes.pair": "nn1, nn2",
    "dfs.namenode.rpc-address.pair.nn1": "one:8021",
    "dfs.namenode.rpc-address.pair.nn2": "two",
    "dfs.namenode.http-address.pair.nn1": "one:50070",
    "dfs.namenode.http-address.pair.nn2": "0.0.0.0:9870",
}


def test_a_single_name_node() -> None:
    assert find_name_nodes("hdfs://one:9000/x", {}) == NameService(
        uri="hdfs://one:9000", rpc=(Address("one", 9000),), web=("http://one:9870",)
    )


def test_a_pair() -> None:
    assert find_name_nodes("hdfs:///x", PAIR) == NameService(
        uri="hdfs://pair",
        rpc=(Address("one", 8021), Address("two", 8020)),
        web=("http://one:50070", "http://two:9870"),
        nameservice="pair",
    )


def test_https_only() -> None:
    properties = {"dfs.http.policy": "HTTPS_ONLY", "dfs.namenode.https-address": "web:9999"}
    assert find_name_nodes("hdfs://one", properties).web == ("https://web:9999",)


def test_a_single_name_node_configured_under_a_nameservice() -> None:
    properties = {"dfs.nameservices": "x", "dfs.namenode.http-address.x": "one:1234"}
    assert find_name_nodes("hdfs://one", properties).web == ("http://one:1234",)


def test_the_prefix_of_home_directories() -> None:
    service = find_name_nodes("hdfs://one", {"dfs.user.home.dir.prefix": "/home/"})
    assert service.home_prefix == "/home"


@pytest.mark.parametrize(
    ("url", "properties", "message"),
    [
        ("hdfs:///", {"fs.defaultFS": "file:///"}, "fs.defaultFS is file:///"),
        ("hdfs://one:x", {}, "hdfs://one:x"),
        (
            "hdfs://pair",
            {"dfs.ha.namenodes.pair": "nn1"},
            "dfs.namenode.rpc-address.pair.nn1 is missing",
        ),
        (
            "hdfs://pair",
            {"dfs.ha.namenodes.pair": "a", "dfs.namenode.rpc-address.pair.a": "one:x"},
            "dfs.namenode.rpc-address.pair.a: ",
        ),
        ("hdfs://one", {"dfs.namenode.http-address": "one:x"}, "dfs.namenode.http-address"),
    ],
)
def test_what_is_wrong(url: str, properties: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        find_name_nodes(url, properties)
