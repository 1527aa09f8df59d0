"""The site files depend on the options only."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from cluster.site_inputs import inputs
from yarnhub.client.access.trust import SiteTrust
from yarnhub.cluster.daemon_names import DaemonNames
from yarnhub.cluster.options import SITE_FILES, RpcProtection, Scheduler
from yarnhub.cluster.preparation import prepare_folders, write_configuration
from yarnhub.cluster.site.federation import resource_manager_address
from yarnhub.cluster.site.files import site_files, site_xml
from yarnhub.cluster.site.key_server import key_server_sites
from yarnhub.cluster.site.resource_managers import zookeeper_properties
from yarnhub.cluster.site.scheduler import QUEUE_SHARES, fair_queues
from yarnhub.cluster.state.layout import Layout

if TYPE_CHECKING:
    from pathlib import Path


def all_properties(**changes: object) -> dict[str, str]:
    merged: dict[str, str] = {}
    for properties in site_files(inputs(**changes)).values():
        merged |= properties
    return merged


def test_every_site_file_is_written() -> None:
    assert tuple(site_files(inputs())) == SITE_FILES


@pytest.mark.parametrize("kerberos", [False, True])
@pytest.mark.parametrize(("ha", "count"), [(False, 14), (True, 20)])
def test_every_address_is_on_loopback(kerberos: bool, ha: bool, count: int) -> None:
    for number in (1, 2):
        files = site_files(inputs(nodes=2, ha=ha, kerberos=kerberos), f"nodemanager-{number}")
        addresses = [
            value
            for properties in files.values()
            for name, value in properties.items()
            if name.removesuffix(".rm1").removesuffix(".rm2").endswith("address")
        ]
        assert len(addresses) == count
        assert all(address.startswith("localhost:2") for address in addresses)


def test_resource_managers_keep_what_they_know_in_the_state_folder() -> None:
    properties = all_properties()
    for name in ("resourcemanager.fs.state-store.uri", "node-attribute.fs-store.root-dir"):
        assert properties[f"yarn.{name}"].startswith("file:///state/yarn/")


def test_of_a_pair_one_is_elected_and_both_see_one_store() -> None:
    properties = all_properties(ha=True)
    assert properties["yarn.resourcemanager.ha.enabled"] == "true"
    assert properties["yarn.resourcemanager.ha.rm-ids"] == "rm1,rm2"
    assert properties["yarn.resourcemanager.store.class"].endswith(".ZKRMStateStore")
    for server in ("", "scheduler.", "resource-tracker.", "admin.", "webapp."):
        one, two = (properties[f"yarn.resourcemanager.{server}address.rm{n}"] for n in (1, 2))
        assert one != two
        assert f"yarn.resourcemanager.{server}address" not in properties
    lines = zookeeper_properties(inputs(ha=True)).splitlines()
    assert "clientPortAddress=127.0.0.1" in lines
    assert f"clientPort={properties['hadoop.zk.address'].partition(':')[2]}" in lines


def test_nodes_have_their_own_ports_and_folders() -> None:
    one, two = (site_files(inputs(nodes=2), f"nodemanager-{n}")["yarn-site.xml"] for n in (1, 2))
    differing = {name for name in one if one[name] != two[name]}
    assert differing == {
        "yarn.nodemanager.address",
        "yarn.nodemanager.localizer.address",
        "yarn.nodemanager.webapp.address",
        "yarn.nodemanager.amrmproxy.address",
        "yarn.nodemanager.local-dirs",
        "yarn.nodemanager.log-dirs",
        "yarn.nodemanager.recovery.dir",
    }


def test_of_a_pair_of_name_nodes_clients_know_the_name_of_both_together() -> None:
    properties = all_properties(name_node_ha=True)
    assert properties["fs.defaultFS"] == "hdfs://yarnhub"
    assert properties["dfs.ha.namenodes.yarnhub"] == "nn1,nn2"
    folders = {properties[f"dfs.namenode.name.dir.yarnhub.nn{n}"] for n in (1, 2)}
    assert len(folders) == 2
    assert "dfs.namenode.rpc-address" not in properties


def test_clients_of_a_federation_ask_its_router_and_nodes_do_not() -> None:
    options = inputs(federation=True)
    clients = site_files(options)["yarn-site.xml"]
    node = site_files(options, "nodemanager-1")["yarn-site.xml"]
    address = "yarn.resourcemanager.address"
    assert clients[address] == clients["yarn.router.clientrm.address"] != node[address]
    assert node[address] == resource_manager_address(options.ports)
    proxy = "yarn.nodemanager.amrmproxy.address"
    assert clients[proxy] == node[proxy]


def test_hadoop_2_has_no_https_on_the_java_of_today() -> None:
    old, new = (all_properties(kerberos=True, hadoop=version) for version in ("2.10.2", "3.1.4"))
    assert old["ignore.secure.ports.for.testing"] == "true"
    assert "dfs.namenode.http-address" in old
    assert "ignore.secure.ports.for.testing" not in new
    assert "dfs.namenode.https-address" in new


def test_both_schedulers_have_the_same_queues() -> None:
    found = {}

    def look(queue: ET.Element, path: str) -> None:
        children = queue.findall("queue")
        if children:
            found[path] = {
                each.attrib["name"]: int(each.findtext("weight", "")) for each in children
            }
        for each in children:
            look(each, f"{path}.{each.attrib['name']}")

    root = ET.fromstring(fair_queues()).find("queue")
    assert root is not None
    look(root, "root")
    assert found == QUEUE_SHARES
    fair = all_properties(scheduler=Scheduler.FAIR)
    assert fair["yarn.resourcemanager.scheduler.class"].endswith(".FairScheduler")


def test_queues_of_each_parent_add_up_to_all_of_it() -> None:
    queues = site_files(inputs())["capacity-scheduler.xml"]
    prefix = "yarn.scheduler.capacity"
    for parent in ("root", "root.fruit"):
        children = queues[f"{prefix}.{parent}.queues"].split(",")
        assert sum(int(queues[f"{prefix}.{parent}.{child}.capacity"]) for child in children) == 100
    assert queues[f"{prefix}.root.queues"] == "default,fruit,jupyterhub"
    assert queues[f"{prefix}.root.fruit.queues"] == "apples,bananas,oranges"


def test_the_calling_user_may_act_for_others_without_kerberos() -> None:
    properties = all_properties()
    assert "alice" in properties["hadoop.proxyuser.carol.users"].split(",")
    assert properties["hadoop.proxyuser.carol.hosts"] == "127.0.0.1,localhost"
    assert "hadoop.security.authentication" not in properties


def test_kerberos_turns_all_of_security_on() -> None:
    properties = all_properties(kerberos=True)
    wanted = {
        "hadoop.security.authentication": "kerberos",
        "hadoop.security.authorization": "true",
        "hadoop.rpc.protection": "privacy",
        "dfs.data.transfer.protection": "privacy",
        "dfs.block.access.token.enable": "true",
        "yarn.acl.enable": "true",
        "dfs.http.policy": "HTTPS_ONLY",
        "yarn.http.policy": "HTTPS_ONLY",
        "yarn.admin.acl": "yarn",
        "yarn.resourcemanager.principal": "rm/localhost@YARNHUB.TEST",
        "yarn.nodemanager.linux-container-executor.path": "/state/container-executor",
    }
    assert {name: properties[name] for name in wanted} == wanted
    assert "ignore.secure.ports.for.testing" not in properties
    webs = [name for name in properties if re.search(r"(http|webapp)[.-]address", name)]
    assert not webs, "a plain web server"


def test_nodes_alone_ask_for_a_ticket_on_their_pages() -> None:
    node = site_files(inputs(kerberos=True), "nodemanager-1")["core-site.xml"]
    assert node["hadoop.http.authentication.type"] == "kerberos"
    assert node["hadoop.http.authentication.kerberos.principal"] == "HTTP/localhost@YARNHUB.TEST"
    for others in (site_files(inputs(kerberos=True)), site_files(inputs(), "nodemanager-1")):
        assert "hadoop.http.authentication.type" not in others["core-site.xml"]


def test_proxies_may_act_for_named_users_only() -> None:
    properties = all_properties(kerberos=True)
    for service in ("jupyterhub", "dask"):
        assert properties[f"hadoop.proxyuser.{service}.users"] == "alice,bob"
        assert properties[f"hadoop.proxyuser.{service}.hosts"] == "127.0.0.1,localhost"
    assert not [name for name in properties if name.startswith("hadoop.proxyuser.carol.")]


@pytest.mark.parametrize("protection", RpcProtection)
def test_the_protection_can_be_chosen(protection: RpcProtection) -> None:
    properties = all_properties(kerberos=True, rpc_protection=protection)
    assert properties["hadoop.rpc.protection"] == protection.value


@pytest.mark.parametrize("kerberos", [False, True])
def test_chosen_properties_win(kerberos: bool) -> None:
    chosen = {"yarn-site.xml": {"yarn.acl.enable": "maybe", "my.own": "<&>"}}
    properties = site_files(inputs(kerberos=kerberos, site=chosen))["yarn-site.xml"]
    assert properties["yarn.acl.enable"] == "maybe"
    assert properties["my.own"] == "<&>"


def test_the_text_is_what_hadoop_reads() -> None:
    root = ET.fromstring(site_xml({"b": "<&>", "a": "one\ntwo"}))
    assert root.tag == "configuration"
    read = [(p.findtext("name"), p.findtext("value")) for p in root.findall("property")]
    assert read == [("a", "one\ntwo"), ("b", "<&>")]


def test_a_key_server_is_named_where_there_is_one() -> None:
    with_keys = inputs(kerberos=True, encryption_zone=True)
    provider = site_files(with_keys)["core-site.xml"]["hadoop.security.key.provider.path"]
    assert provider == f"kms://https@localhost:{with_keys.ports['kms']}/kms"
    assert "hadoop.security.key.provider.path" not in all_properties(kerberos=True)
    sites = key_server_sites(with_keys)
    assert sites["kms-site.xml"]["hadoop.kms.ssl.enabled"] == "true"
    assert sites["kms-site.xml"]["hadoop.kms.authentication.type"] == "kerberos"
    assert sites["kms-site.xml"]["hadoop.kms.proxyuser.jupyterhub.users"] == "alice,bob"
    assert sites["kms-acls.xml"]["default.key.acl.GENERATE_EEK"] == "hdfs"


def test_only_the_daemons_user_reads_what_proves_them(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    made = replace(inputs(kerberos=True, nodes=2), layout=layout)
    prepare_folders(layout)
    write_configuration(made, DaemonNames.of(made.options).node_managers, tmp_path)
    private = {"ssl-server.xml", "keystore.p12"}
    found = {path for path in tmp_path.rglob("*") if path.name in private}
    assert len(found) == 4
    assert all(path.stat().st_mode & 0o077 == 0 for path in found)
    for path in (layout.ca, layout.truststore, layout.conf / "ssl-client.xml"):
        assert path.stat().st_mode & 0o004
    site = SiteTrust(folder=layout.conf)
    assert site().certificates == layout.ca.read_text()
