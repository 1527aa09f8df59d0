"""The requests to the scheduler with which a service's instances are placed correctly and fast.

For a request with `*` only, the CapacityScheduler allocates one container per heartbeat of a node;
if the same number is also requested for each host and rack, it allocates all that fit: seconds
instead of a minute for fifty containers. Measured; see docs/decisions/placement.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yarnhub.appmaster.core.actions import Ask
from yarnhub.control.bootstrap import MAX_HOSTS
from yarnhub.spec.records import capability
from yarnhub.yarn.records.resources import (
    ExecutionType,
    ExecutionTypeRequest,
    Priority,
    ResourceRequest,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from yarnhub.appmaster.core.services import Services
    from yarnhub.spec import ApplicationSpec, Service

_ANY = "*"
_GUARANTEED = ExecutionTypeRequest(execution_type=ExecutionType.GUARANTEED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """The cluster's hosts by name, with the rack of each."""

    racks: dict[str, str]


def requests(
    service: Service, label: str, priority: int, count: int, topology: Topology
) -> tuple[ResourceRequest, ...]:
    """The requests for `count` more containers of a service."""

    def request(place: str, *, relax: bool = True) -> ResourceRequest:
        return ResourceRequest(
            priority=Priority(priority=priority),
            resource_name=place,
            capability=capability(service.resources),
            num_containers=count,
            relax_locality=relax,
            # YARN accepts a label with `*` only.
            node_label_expression=(label or None) if place == _ANY else None,
            # Federation and opportunistic allocation fail on a request without it
            # (OpportunisticContainerAllocator.partitionAskList in Hadoop 3.4).
            execution_type_request=_GUARANTEED,
        )

    relax = service.relax_locality or not (service.nodes or service.racks)
    hosts, racks = _places(service, label, topology)
    # A request for a rack relaxes to other racks only if the rack itself was requested.
    named = [request(host) for host in hosts]
    named += [request(rack, relax=relax or rack in service.racks) for rack in racks]
    return (*named, request(_ANY, relax=relax))


def _places(
    service: Service, label: str, topology: Topology
) -> tuple[Iterable[str], Iterable[str]]:
    known = topology.racks
    if service.nodes or service.racks:
        racks = dict.fromkeys(service.racks)
        racks.update(dict.fromkeys(known.get(host, "/default-rack") for host in service.nodes))
        return service.nodes, racks
    if label or len(known) > MAX_HOSTS:
        return (), ()
    return sorted(known), sorted(set(known.values()))


class OutstandingRequests:
    """The pending requests to the scheduler.

    Args:
        spec: The application's specification.
        topology: The cluster's hosts.
    """

    def __init__(self, spec: ApplicationSpec, topology: Topology) -> None:
        self._label = spec.node_label
        self._topology = topology
        self._counts: dict[str, int | None] = {}
        """The number of containers by service; None if it must be sent again."""

    def repeat(self, services: Iterable[str]) -> None:
        """Send the requests for these services again: the scheduler may have lost them."""
        self._counts = dict.fromkeys((*self._counts, *services))

    def given(self, service: str) -> None:
        """Record an allocation, which YARN has subtracted itself."""
        self._counts[service] = (self._counts.get(service) or 1) - 1

    def update(self, services: Services) -> Iterator[Ask]:
        """Request the containers that the services now need."""
        for name, instances in services.items():
            count, service = instances.requested, instances.service
            if count != self._counts.get(name, 0):
                self._counts[name] = count
                label = service.node_label or self._label
                yield Ask(requests(service, label, instances.priority, count, self._topology))
