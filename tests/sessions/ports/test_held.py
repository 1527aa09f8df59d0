"""The port that a server's program holds."""

from __future__ import annotations

import json
import socket

import pytest

from yarnhub.base.errors import ConfigurationError
from yarnhub.sessions.ports.held import EVERYWHERE, HeldPort, ListenOptions, listen

HERE = ("127.0.0.1",)


def test_at_the_hubs_address_only() -> None:
    held = listen(ListenOptions(addresses=HERE))
    assert held.addresses == ["127.0.0.1"]
    assert {each.getsockname()[1] for each in held.sockets} == {held.number}
    with socket.create_connection(("127.0.0.1", held.number)):
        pass
    held.close()


def test_one_port_at_all_addresses() -> None:
    held = listen(ListenOptions(addresses=("127.0.0.1", "127.0.0.2")))
    assert [each.getsockname() for each in held.sockets] == [
        ("127.0.0.1", held.number),
        ("127.0.0.2", held.number),
    ]
    held.close()


@pytest.mark.parametrize("others", [(), ("192.0.2.1",)], ids=["not known", "not this node's"])
def test_at_all_addresses_if_the_hub_knows_none_of_this_node(others: tuple[str, ...]) -> None:
    held = listen(ListenOptions(addresses=others))
    assert held.addresses[0] == "0.0.0.0"
    assert set(held.addresses) <= set(EVERYWHERE)
    held.close()


@pytest.mark.parametrize("named", ["192.0.2.1", "nowhere.invalid"])
def test_but_not_if_the_administrator_has_named_one(named: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"not have the address {named}"):
        listen(ListenOptions(addresses=(named,), strict=True))


def test_addresses_of_others_are_left_out() -> None:
    held = listen(ListenOptions(addresses=("192.0.2.1", "127.0.0.1")))
    assert held.addresses == ["127.0.0.1"]
    held.close()


def free_range(count: int) -> tuple[int, int]:
    """So many neighbouring ports that were free just now."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first: int = probe.getsockname()[1]
        try:
            for port in range(first, first + count):
                with socket.socket() as each:
                    each.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            continue
        return first, first + count - 1


def test_each_takes_another_one_of_a_range_until_none_is_left() -> None:
    first, last = free_range(3)
    place = ListenOptions(addresses=HERE, first=first, last=last)
    held = [listen(place) for _ in range(3)]
    assert {each.number for each in held} == set(range(first, last + 1))
    with pytest.raises(ConfigurationError, match=rf"no port from {first} to {last} is free on"):
        listen(place)
    for each in held:
        each.close()


def test_a_port_that_is_taken_is_named() -> None:
    held = listen(ListenOptions(addresses=HERE))
    with pytest.raises(ConfigurationError, match=f"no port {held.number} is free"):
        listen(ListenOptions(addresses=HERE, first=held.number, last=held.number))
    held.close()


def test_who_has_bound_it_before_cannot_listen() -> None:
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", 0))
        port: int = thief.getsockname()[1]
        held = listen(ListenOptions(addresses=HERE, first=port, last=port))
        with pytest.raises(OSError, match="in use"):
            thief.listen()
        held.close()


@pytest.mark.parametrize("nonce", ["", "0" * 63, "0" * 65, "x" * 64, "0" * 64 + "\n"])
def test_nothing_is_proven_but_what_a_hub_asks(nonce: str) -> None:
    held = HeldPort(1, [])
    assert held.prove("token", nonce) is None
    assert json.loads(held.prove("token", "0" * 64) or b"")["port"] == 1
