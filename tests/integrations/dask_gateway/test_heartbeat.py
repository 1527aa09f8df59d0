"""A scheduler's heartbeats: what is read of them, and where their addresses are."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from yarnhub.base.errors import RemoteProtocolError
from yarnhub.integrations.dask_gateway.heartbeat import Pace, on_node, read

HEARTBEAT: dict[str, Any] = {
    "scheduler_address": "tls://192.0.2.7:1234",
    "dashboard_address": "http://192.0.2.7:1235",
    "api_address": "http://192.0.2.7:1236",
    "count": 2,
    "active_workers": ["a", 7],
    "closing_workers": [],
    "closed_workers": ["b"],
}
NODE = "127.0.0.2"
"""As YARN's name for a node."""


def own_address() -> str:
    """An address of this machine that is not a loopback address, if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as each:
        try:
            each.connect(("192.0.2.1", 9))
        except OSError:
            return NODE
        return str(each.getsockname()[0])


def test_what_dask_gateway_reads_is_read() -> None:
    assert read({**HEARTBEAT, "more": 1}) == HEARTBEAT
    assert read({**HEARTBEAT, "dashboard_address": ""})["dashboard_address"] == ""
    assert read({**HEARTBEAT, "count": 1.5})["count"] == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"count": -1},
        {"count": 10**10},
        {"count": float("nan")},
        {"count": float("inf")},
        {"count": "2"},
        {"count": None},
        {"active_workers": "abc"},
        {"closing_workers": [["a"]]},
        {"closed_workers": None},
        {"scheduler_address": ""},
        {"scheduler_address": "tcp://192.0.2.7:1234"},
        {"scheduler_address": "tls://192.0.2.7:0"},
        {"api_address": "http://192.0.2.7:1236/path"},
        {"api_address": "http://user@192.0.2.7:1236"},
        {"api_address": "file:///etc/passwd"},
        {"dashboard_address": "http://192.0.2.7:99999"},
        {"dashboard_address": "http://192.0.2.7:80\n"},
        {"dashboard_address": 5},
    ],
    ids=str,
)
def test_others_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(RemoteProtocolError, match=next(iter(changed))):
        read({**HEARTBEAT, **changed})


async def test_addresses_are_on_the_schedulers_node() -> None:
    moved = await on_node(read(HEARTBEAT), NODE)
    assert moved == {
        **HEARTBEAT,
        "scheduler_address": f"tls://{NODE}:1234",
        "dashboard_address": f"http://{NODE}:1235",
        "api_address": f"http://{NODE}:1236",
    }
    without = await on_node(read({**HEARTBEAT, "dashboard_address": ""}), NODE)
    assert without["dashboard_address"] == ""


async def test_an_address_that_a_node_has_remains() -> None:
    # A node whose name is a loopback address for itself, as on Debian, is this machine.
    for address in (NODE, own_address()):
        moved = await on_node({**HEARTBEAT, "api_address": f"http://{address}:80"}, NODE)
        assert moved["api_address"] == f"http://{address}:80"


async def test_the_name_of_a_node_is_enough() -> None:
    moved = await on_node(read(HEARTBEAT), "no-such-node.invalid")
    assert moved["scheduler_address"] == "tls://no-such-node.invalid:1234"


def test_a_scheduler_cannot_report_as_often_as_it_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    pace = Pace()
    one, other = Cluster(), Cluster()
    assert [pace.allows(one) for _ in range(100)].count(True) == 20
    assert pace.allows(other)
    now[0] += 3
    assert [pace.allows(one) for _ in range(100)].count(True) == 6
    now[0] += 3600
    assert [pace.allows(one) for _ in range(100)].count(True) == 20


class Cluster:
    """One of dask-gateway's."""
