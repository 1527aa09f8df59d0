from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.hadoop.conf import Configuration
from yarnhub.hadoop.ipc.client import Address
from yarnhub.yarn.addresses import (
    SCHEDULER,
    resource_manager,
    schedulers_of_containers,
    web_proxies,
)

if TYPE_CHECKING:
    from pathlib import Path

HA = {"yarn.resourcemanager.ha.enabled": "true", "yarn.resourcemanager.ha.rm-ids": "a,b"}
HOSTS = {"yarn.resourcemanager.hostname.a": "rm1", "yarn.resourcemanager.hostname.b": "rm2"}


def configuration(folder: Path, properties: dict[str, str]) -> Configuration:
    text = "".join(
        f"<property><name>{name}</name><value>{value}</value></property>"
        for name, value in properties.items()
    )
    (folder / "core-site.xml").write_text("<configuration/>")
    (folder / "yarn-site.xml").write_text(f"<configuration>{text}</configuration>")
    return Configuration.load(folder, {})


@pytest.mark.parametrize(
    ("properties", "proxies"),
    [
        ({"yarn.resourcemanager.hostname": "rm"}, ("http://rm:8088",)),
        ({"yarn.resourcemanager.webapp.address": "rm:80"}, ("http://rm:80",)),
        ({"yarn.resourcemanager.webapp.address": "[::1]:80"}, ("http://[::1]:80",)),
        (
            {"yarn.resourcemanager.hostname": "rm", "yarn.http.policy": "HTTPS_ONLY"},
            ("https://rm:8090",),
        ),
        (
            {"yarn.resourcemanager.hostname": "rm", "yarn.http.policy": "https_only"},
            ("https://rm:8090",),
        ),
        (
            {"yarn.resourcemanager.hostname": "rm", "yarn.web-proxy.address": "proxy:81"},
            ("http://proxy:81",),
        ),
        ({"yarn.web-proxy.address": "proxy", **HA, **HOSTS}, ("http://proxy:9099",)),
        ({**HA, **HOSTS}, ("http://rm1:8088", "http://rm2:8088")),
        (
            {**HA, **HOSTS, "yarn.resourcemanager.webapp.address.b": "web:82"},
            ("http://rm1:8088", "http://web:82"),
        ),
    ],
)
def test_the_web_proxies(
    tmp_path: Path, properties: dict[str, str], proxies: tuple[str, ...]
) -> None:
    assert web_proxies(configuration(tmp_path, properties)) == proxies


def test_a_proxy_on_every_address_goes_by_its_hosts_name(tmp_path: Path) -> None:
    expected = (f"http://{socket.gethostname()}:8088",)
    assert web_proxies(configuration(tmp_path, {})) == expected
    bound = {"yarn.resourcemanager.webapp.address": "0.0.0.0:8088"}
    assert web_proxies(configuration(tmp_path, bound)) == expected


def test_an_address_that_is_none_is_said_to_be(tmp_path: Path) -> None:
    for wrong in ({"yarn.web-proxy.address": "a:b"}, HA):
        with pytest.raises(ConfigurationError, match=r"yarn\.(web-proxy|resourcemanager)"):
            web_proxies(configuration(tmp_path, wrong))


@pytest.mark.parametrize(
    ("properties", "schedulers"),
    [
        ({"yarn.resourcemanager.hostname": "rm"}, (Address("rm", 8030),)),
        ({**HA, **HOSTS}, (Address("rm1", 8030), Address("rm2", 8030))),
        ({"yarn.nodemanager.amrmproxy.enabled": "true"}, (Address("localhost", 8049),)),
        (
            {
                "yarn.resourcemanager.hostname": "rm",
                "yarn.nodemanager.amrmproxy.enabled": "true",
                "yarn.nodemanager.amrmproxy.address": "0.0.0.0:81",
            },
            (Address("localhost", 81),),
        ),
    ],
)
def test_a_container_asks_the_proxy_of_its_node_if_there_is_one(
    tmp_path: Path, properties: dict[str, str], schedulers: tuple[Address, ...]
) -> None:
    assert schedulers_of_containers(configuration(tmp_path, properties)) == schedulers


def test_who_is_in_no_container_asks_the_resource_manager(tmp_path: Path) -> None:
    properties = {
        "yarn.resourcemanager.hostname": "rm",
        "yarn.nodemanager.amrmproxy.enabled": "true",
    }
    found = resource_manager(configuration(tmp_path, properties), SCHEDULER)
    assert found.addresses == (Address("rm", 8030),)
