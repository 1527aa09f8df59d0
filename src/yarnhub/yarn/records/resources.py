"""Resources: memory, vcores and any further resource type.

Source: yarn_protos.proto.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from yarnhub.hadoop.codec import proto, repeated
from yarnhub.hadoop.scalars import BOOL, INT32, INT64, STRING

MEMORY, VCORES = "memory-mb", "vcores"
"""YARN's names of the resource types that always exist."""


class ResourceTypes(enum.IntEnum):
    """How a resource type is accounted for."""

    COUNTABLE = 0


class ExecutionType(enum.IntEnum):
    """Whether a container is guaranteed, or uses the free resources of others."""

    GUARANTEED = 1
    OPPORTUNISTIC = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceInformation:
    """An amount of one resource type, e.g. key `yarn.io/gpu`, value 2, units empty."""

    key: str = proto(1, STRING)
    value: int | None = proto(2, INT64, None)
    units: str | None = proto(3, STRING, None)
    type: ResourceTypes | None = proto(4, ResourceTypes, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Memory in MiB, vcores, and the further types; YARN repeats memory and vcores in the map."""

    memory: int | None = proto(1, INT64, None)
    virtual_cores: int | None = proto(2, INT32, None)
    resource_value_map: tuple[ResourceInformation, ...] = repeated(3, ResourceInformation)

    def amounts(self) -> dict[str, int]:
        """All resource types by YARN's names; `memory-mb` in MiB."""
        found = {info.key: info.value or 0 for info in self.resource_value_map}
        found[MEMORY] = self.memory or 0
        found[VCORES] = self.virtual_cores or 0
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Priority:
    """Lower numbers are served first."""

    priority: int | None = proto(1, INT32, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionTypeRequest:
    """The requested execution type, and whether a different one is acceptable."""

    execution_type: ExecutionType = proto(1, ExecutionType)
    enforce_execution_type: bool = proto(2, BOOL, default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRequest:
    """A number of containers of a size at a place: a host, a rack, or `*` for any node."""

    priority: Priority | None = proto(1, Priority, None)
    resource_name: str | None = proto(2, STRING, None)
    capability: Resource | None = proto(3, Resource, None)
    num_containers: int | None = proto(4, INT32, None)
    relax_locality: bool = proto(5, BOOL, default=True)
    node_label_expression: str | None = proto(6, STRING, None)
    execution_type_request: ExecutionTypeRequest | None = proto(7, ExecutionTypeRequest, None)
    allocation_request_id: int | None = proto(8, INT64, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceTypeInfo:
    """A resource type that the cluster counts."""

    name: str = proto(1, STRING)
    units: str | None = proto(2, STRING, None)
    type: ResourceTypes | None = proto(3, ResourceTypes, None)
