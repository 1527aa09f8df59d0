"""What to ask the scheduler for so that a service's instances come where they should, and soon.

The CapacityScheduler gives a request for `*` alone one container in a node's heartbeat; with the
same number asked for each host and rack as well it gives all that fit: seconds instead of a
minute for fifty containers. Measured; see docs/decisions/placement.md.
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
    """The requests that stand for `count` more containers of a service."""

    def request(place: str, *, relax: bool = True) -> ResourceRequest:
        return ResourceRequest(
            priority=Priority(priority=priority),
            resource_name=place,
            capability=capability(service.resources),
            num_containers=count,
            relax_locality=relax,
            # YARN takes a label with `*` only.
            node_label_expression=(label or None) if place == _ANY else None,
            # Federation and opportunistic allocation fail on a request that does not say it
            # (OpportunisticContainerAllocator.partitionAskList in Hadoop 3.4).
            execution_type_request=_GUARANTEED,
        )

    relax = service.relax_locality or not (service.nodes or service.racks)
    hosts, racks = _places(service, label, topology)
    # A request at a rack lets its hosts be left only if the rack was asked for itself.
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
    """What the scheduler has been asked for and has not given yet.

    Args:
        spec: The application's.
        topology: The cluster's hosts.
    """

    def __init__(self, spec: ApplicationSpec, topology: Topology) -> None:
        self._label = spec.node_label
        self._topology = topology
        self._counts: dict[str, int | None] = {}
        """Containers by service; None if that has to be said again."""

    def repeat(self, services: Iterable[str]) -> None:
        """The scheduler may have forgotten what was asked for these services: ask again."""
        self._counts = dict.fromkeys((*self._counts, *services))

    def given(self, service: str) -> None:
        """A container was given: YARN has counted it off by itself."""
        self._counts[service] = (self._counts.get(service) or 1) - 1

    def update(self, services: Services) -> Iterator[Ask]:
        """Ask for what the services want now."""
        for name, instances in services.items():
            count, service = instances.requested, instances.service
            if count != self._counts.get(name, 0):
                self._counts[name] = count
                label = service.node_label or self._label
                yield Ask(requests(service, label, instances.priority, count, self._topology))
