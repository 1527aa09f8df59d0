from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.hadoop.conf import Configuration
from yarnhub.yarn.addresses import web_proxies

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
