"""Chosen ports are free, and stay the same if possible."""

from __future__ import annotations

import socket

from yarnhub.cluster.daemon_names import DaemonNames
from yarnhub.cluster.options import ClusterOptions
from yarnhub.cluster.ports import FIRST_PORT, LAST_PORT, choose_ports, port_names


def test_ports_differ_and_are_not_those_of_outgoing_connections() -> None:
    names = port_names(DaemonNames.of(ClusterOptions(nodes=2)))
    ports = choose_ports(names, {})
    assert list(ports) == names
    assert len(set(ports.values())) == len(names) == 20
    assert all(FIRST_PORT <= port < LAST_PORT for port in ports.values())


def test_a_pair_has_ports_of_its_own_under_hadoops_names() -> None:
    names = port_names(DaemonNames.of(ClusterOptions(ha=True)))
    assert len(set(names)) == len(names) == 22
    assert {"yarn.resourcemanager.address.rm1", "yarn.resourcemanager.address.rm2"} < set(names)
    assert "zookeeper" in names


def test_a_pair_of_name_nodes_has_ports_under_hadoops_names() -> None:
    names = set(port_names(DaemonNames.of(ClusterOptions(name_node_ha=True))))
    assert {f"dfs.namenode.rpc-address.yarnhub.nn{n}" for n in (1, 2)} < names
    assert "dfs.namenode.rpc-address" not in names


def test_earlier_ports_are_kept_unless_somebody_has_them() -> None:
    earlier = choose_ports(["one", "two"], {})
    with socket.create_server(("127.0.0.1", earlier["two"])):
        again = choose_ports(["one", "two"], earlier)
    assert again["one"] == earlier["one"]
    assert again["two"] != earlier["two"]
