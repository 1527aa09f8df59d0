"""Names of hosts in tokens and principals, on a network of the tests' own."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from yarnhub.base.errors import ConnectError
from yarnhub.hadoop.address import Address
from yarnhub.hadoop.host_names import canonical_name, qualified_name, token_service
from yarnhub.hadoop.security.authentication import expected_principal, server_principal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORWARD = {
    "rm1.example.com": "10.0.0.1",
    "rm1": "10.0.0.1",
    "manager.example.com": "10.0.0.1",  # an alias
    "wrong.example.com": "10.0.0.2",
    "no-name.example.com": "10.0.0.3",
    "elsewhere.lab.example.com": "10.0.0.4",
}
BACK = {"10.0.0.1": "RM1.example.com", "10.0.0.2": "rm1.example.com"}


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(host: str, port: object, *rest: object, **named: object) -> object:
        name = host.lower().rstrip(".")
        address = name if name.startswith("10.") else FORWARD.get(name)
        # A name with a dot at its end is not looked for in /etc/hosts: `rm1` is there.
        if address is None or host == "rm1.":
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port or 0))]

    def back(address: tuple[str, int], flags: int) -> tuple[str, str]:
        if address[0] not in BACK:
            raise socket.gaierror(-2, "Name or service not known")
        return BACK[address[0]], str(address[1])

    monkeypatch.setattr(socket, "getaddrinfo", forward)
    monkeypatch.setattr(socket, "getnameinfo", back)
    monkeypatch.setattr(socket, "getfqdn", lambda: "This.Host.example.com")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("rm1.example.com", "rm1.example.com"),
        ("rm1", "rm1.example.com"),
        ("10.0.0.1", "rm1.example.com"),
        ("manager.example.com", "rm1.example.com"),
        ("wrong.example.com", "10.0.0.2"),  # its name leads to another address
        ("no-name.example.com", "10.0.0.3"),
        ("0.0.0.0", "this.host.example.com"),
    ],
)
async def test_the_canonical_name(host: str, name: str) -> None:
    assert await canonical_name(host) == name
    assert await server_principal("rm/_HOST@REALM", host) == f"rm/{name}@REALM"


async def test_a_principal_without_a_host_to_fill_in_stays() -> None:
    for principal in ("rm/_HOST.example.com@REALM", "rm/rm1@REALM", "rm@REALM", "rm/*@REALM"):
        assert await server_principal(principal, "nowhere") == principal
    with pytest.raises(ConnectError, match="nowhere has no IPv4 address"):
        await server_principal("rm/_HOST@REALM", "nowhere")


def test_a_pattern_of_principals_is_taken_first() -> None:
    both = {"a.principal": "rm/_HOST@REALM", "a.principal.pattern": "*"}
    assert expected_principal("a.principal", both) == "*"
    assert expected_principal("a.principal", {"a.principal": "rm/x@REALM"}) == "rm/x@REALM"
    assert expected_principal("a.principal", {}) is None


@pytest.mark.parametrize(
    ("host", "resolver", "name"),
    [
        ("RM1.example.com", "", "rm1.example.com"),
        ("rm1.example.com.", "", "rm1.example.com"),
        ("rm1", "search other.com Example.com.\n", "rm1.example.com"),
        ("rm1", "nameserver 10.0.0.9\ndomain example.com\n", "rm1.example.com"),
        ("rm1", "search example.com\nsearch other.com\n", "rm1"),  # the last line holds
        ("elsewhere.lab", "search example.com", "elsewhere.lab.example.com"),
        ("manager.example.com", "", "manager.example.com"),  # an alias stays
        ("10.0.0.1", "", "rm1.example.com"),
        ("LOCALHOST", "search example.com", "localhost"),
    ],
)
async def test_the_qualified_name(tmp_path: Path, host: str, resolver: str, name: str) -> None:
    (tmp_path / "resolv.conf").write_text(resolver)
    assert await qualified_name(host, tmp_path / "resolv.conf") == name


async def test_a_name_that_is_nowhere_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConnectError, match="nowhere has no IPv4 address"):
        await qualified_name("nowhere", tmp_path / "missing")


@pytest.mark.parametrize(
    ("properties", "service"),
    [
        ({}, "10.0.0.1:8032"),
        ({"hadoop.security.token.service.use_ip": "true"}, "10.0.0.1:8032"),
        ({"hadoop.security.token.service.use_ip": "false"}, "rm1.example.com:8032"),
    ],
)
async def test_the_service_of_a_token(properties: Mapping[str, str], service: str) -> None:
    assert await token_service(Address("rm1.example.com", 8032), properties) == service
