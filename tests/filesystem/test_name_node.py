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
        uri="hdfs://one:9000",
        rpc=(Address("one", 9000),),
        web=("http://one:9870", "http://one:50070"),
    )


@pytest.mark.parametrize(
    ("properties", "web"),
    [
        # An address that is not configured has the port of Hadoop 3, or that of Hadoop 2.
        ({"dfs.http.policy": "https_only"}, ("https://one:9871", "https://one:50470")),
        ({"dfs.namenode.http-address": "web"}, ("http://web:9870",)),
        # Where requests have tokens in them, nobody else's port is asked without a certificate.
        ({"hadoop.security.authentication": "kerberos"}, ("http://one:9870",)),
        (
            {"hadoop.security.authentication": "kerberos", "dfs.http.policy": "HTTPS_ONLY"},
            ("https://one:9871", "https://one:50470"),
        ),
    ],
)
def test_the_web_servers_where_nothing_is_configured(
    properties: dict[str, str], web: tuple[str, ...]
) -> None:
    assert find_name_nodes("hdfs://one", properties).web == web


def test_the_newer_ports_of_a_pair_are_asked_first() -> None:
    properties = {
        "dfs.ha.namenodes.pair": "a,b",
        "dfs.namenode.rpc-address.pair.a": "one",
        "dfs.namenode.rpc-address.pair.b": "two",
    }
    ports = [url.rpartition("/")[2] for url in find_name_nodes("hdfs://pair", properties).web]
    assert ports == ["one:9870", "two:9870", "one:50070", "two:50070"]


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
            "dfs.namenode.rpc-address.pair.nn1 is not set",
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
