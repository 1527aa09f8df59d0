"""The specification of a whole application."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from yarnhub.base.errors import SpecError
from yarnhub.base.units import Seconds
from yarnhub.spec import _reading as read
from yarnhub.spec.acls import ACLs
from yarnhub.spec.master import Master
from yarnhub.spec.service import Service, service_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

# ApplicationSubmissionContextPBImpl.java refuses a tag with other characters.
_tag = read.matching(r"[ -~]+", "printable ASCII, as YARN requires for tags")


def _timeout(value: object) -> Seconds:
    return Seconds(math.ceil(read.duration(minimum=1)(value)))  # YARN counts whole ones


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationSpec(read.Element):
    """An application to run on YARN.

    Attributes:
        name: The name in YARN.
        queue: The queue of the application.
        user: The user to run as; empty for the submitting user.
        node_label: The label of the containers' nodes; empty for the queue's default.
        tags: Tags by which the application can be found.
        file_systems: Further file systems that containers need delegation tokens for, as URLs.
        priority: The priority in its queue, higher ones first; limited by the cluster's
            `yarn.cluster.max-application-priority`.
        timeout: Seconds from the submission after which YARN kills it; None for no limit.
        max_attempts: The number of ApplicationMasters that YARN starts; the cluster may allow
            fewer.
        acls: Permissions to view and modify it.
        master: The ApplicationMaster's container.
        services: The services, by name.
    """

    name: str = "skein"
    queue: str = "default"
    user: str = ""
    node_label: str = ""
    tags: AbstractSet[str] = frozenset()
    file_systems: Sequence[str] = ()
    max_attempts: int = 1
    priority: int = 0
    timeout: Seconds | None = None
    acls: ACLs = field(default=ACLs())
    master: Master = field(default=Master())
    services: Mapping[str, Service] = field(default_factory=dict)

    checks: ClassVar[read.Checks] = {
        "name": read.filled,
        "queue": read.filled,
        "user": read.text,
        "node_label": read.text,
        "tags": read.distinct(_tag),
        "file_systems": read.sequence(read.filled),
        "max_attempts": read.integer(1),
        "priority": read.integer(0),
        "timeout": _timeout,
        "acls": ACLs.read,
        "master": Master.read,
        "services": read.mapping(service_name, Service.read),
    }
    beyond: ClassVar[frozenset[str]] = frozenset({"priority", "timeout"})

    def _check(self) -> None:
        if not self.services and not self.master.script:
            raise SpecError("", "needs at least one entry in `services`, or a `master.script`")
        for name, service in self.services.items():
            with read.at("services"), read.at(name), read.at("depends"):
                for other in sorted(service.depends):
                    if other == name:
                        raise SpecError("", "a service cannot depend on itself")
                    if other not in self.services:
                        raise read.unknown("service", other, self.services)
        from graphlib import CycleError, TopologicalSorter

        try:
            TopologicalSorter({n: sorted(s.depends) for n, s in self.services.items()}).prepare()
        except CycleError as error:
            # The sorter names each service before those that depend on it, the first one twice.
            cycle: list[str] = error.args[1][:0:-1]
            first = cycle.index(min(cycle))
            cycle = [*cycle[first:], *cycle[:first], cycle[first]]
            raise SpecError(
                "services", f"depend on each other in a circle: {' -> '.join(cycle)}"
            ) from error
