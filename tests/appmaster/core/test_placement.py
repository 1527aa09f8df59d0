from __future__ import annotations

from typing import Any

import pytest

from yarnhub.appmaster.core.placement import Topology, requests
from yarnhub.base.units import MiB, VCores
from yarnhub.control.bootstrap import MAX_HOSTS
from yarnhub.hadoop.codec import encode
from yarnhub.hadoop.scalars import read_varint
from yarnhub.spec import Resources, Service
from yarnhub.spec.records import capability
from yarnhub.yarn.records.resources import (
    ExecutionType,
    ExecutionTypeRequest,
    Priority,
    Resource,
    ResourceInformation,
    ResourceRequest,
)

RESOURCES = Resources(memory=MiB(256), vcores=VCores(2))
TOPOLOGY = Topology(racks={"h2": "/r2", "h1": "/r1", "h3": "/r1"})


def service(**changes: Any) -> Service:
    return Service(**{"resources": RESOURCES, "script": "run", **changes})


def request(place: str, *, relax: bool = True, label: str | None = None) -> ResourceRequest:
    return ResourceRequest(
        priority=Priority(priority=4),
        resource_name=place,
        capability=Resource(memory=256, virtual_cores=2),
        num_containers=3,
        relax_locality=relax,
        node_label_expression=label,
        execution_type_request=ExecutionTypeRequest(execution_type=ExecutionType.GUARANTEED),
    )


@pytest.mark.parametrize(
    ("chosen", "label", "topology", "expected"),
    [
        pytest.param(
            service(),
            "",
            TOPOLOGY,
            [request(place) for place in ("h1", "h2", "h3", "/r1", "/r2", "*")],
            id="all hosts and racks by name",
        ),
        pytest.param(service(), "", Topology(racks={}), [request("*")], id="no host is known"),
        pytest.param(
            service(),
            "gpu",
            TOPOLOGY,
            [request("*", label="gpu")],
            id="a label: which hosts have it is not known",
        ),
        pytest.param(
            service(),
            "",
            Topology(racks={f"h{n}": "/r" for n in range(MAX_HOSTS + 1)}),
            [request("*")],
            id="a large cluster",
        ),
        pytest.param(
            service(nodes=["h2", "h1"]),
            "",
            TOPOLOGY,
            [
                request("h2"),
                request("h1"),
                request("/r2", relax=False),
                request("/r1", relax=False),
                request("*", relax=False),
            ],
            id="these hosts only",
        ),
        pytest.param(
            service(nodes=["h1", "h3"], relax_locality=True),
            "",
            TOPOLOGY,
            [request("h1"), request("h3"), request("/r1"), request("*")],
            id="these hosts if possible",
        ),
        pytest.param(
            service(nodes=["elsewhere"]),
            "",
            TOPOLOGY,
            [
                request("elsewhere"),
                request("/default-rack", relax=False),
                request("*", relax=False),
            ],
            id="a host that is not known",
        ),
        pytest.param(
            service(racks=["/r2"]),
            "",
            TOPOLOGY,
            [request("/r2"), request("*", relax=False)],
            id="this rack only",
        ),
        pytest.param(
            service(racks=["/r2"], nodes=["h1"]),
            "",
            TOPOLOGY,
            [
                request("h1"),
                request("/r2"),
                request("/r1", relax=False),
                request("*", relax=False),
            ],
            id="this rack or this host",
        ),
        pytest.param(
            service(nodes=["h1"]),
            "gpu",
            TOPOLOGY,
            [
                request("h1"),
                request("/r1", relax=False),
                request("*", relax=False, label="gpu"),
            ],
            id="a host of a label",
        ),
    ],
)
def test_requests(
    chosen: Service, label: str, topology: Topology, expected: list[ResourceRequest]
) -> None:
    assert list(requests(chosen, label, 4, 3, topology)) == expected


def test_taking_back_names_the_same_places() -> None:
    asked = requests(service(), "", 4, 3, TOPOLOGY)
    taken_back = requests(service(), "", 4, 0, TOPOLOGY)
    assert [each.resource_name for each in taken_back] == [each.resource_name for each in asked]
    assert {each.num_containers for each in taken_back} == {0}


def test_capability_with_further_resource_types() -> None:
    wanted = Resources(
        memory=MiB(1), vcores=VCores(1), gpus=2, custom={"example.com/x": 3, "example.com/y": 0}
    )
    found = capability(wanted)
    assert (found.memory, found.virtual_cores) == (1, 1)
    # A type of which none is wanted is not named: a cluster that lacks it would refuse.
    assert set(found.resource_value_map) == {
        ResourceInformation(key="yarn.io/gpu", value=2),
        ResourceInformation(key="example.com/x", value=3),
    }


def test_every_request_says_on_the_wire_that_it_is_guaranteed() -> None:
    # AMRMProxy and the opportunistic allocator of Hadoop pass over requests that do not.
    for each in requests(service(), "", 4, 3, TOPOLOGY):
        (found,) = (chunk for number, chunk in fields_of(encode(each)) if number == 7)
        assert found == b"\x08\x01"


def fields_of(message: bytes) -> list[tuple[int, bytes]]:
    """The fields of a message that have a length, by number."""
    found, at = [], 0
    while at < len(message):
        tag, at = read_varint(message, at, len(message))
        length, at = read_varint(message, at, len(message))
        if tag & 7 == 2:
            found.append((tag >> 3, message[at : at + length]))
            at += length
    return found
