"""The specification of a whole application."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields, replace

from yarnhub.base.errors import SpecError
from yarnhub.spec._reading import (
    Element,
    at,
    checked,
    distinct,
    filled,
    integer,
    mapping,
    matching,
    override,
    sequence,
    text,
    unknown,
)
from yarnhub.spec.acls import ACLs
from yarnhub.spec.file import File
from yarnhub.spec.master import Master
from yarnhub.spec.service import Service, service_name

# ApplicationSubmissionContextPBImpl.java refuses a tag with other characters.
_tag = matching(r"[ -~]+", "printable ASCII, as YARN wants its tags")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationSpec(Element):
    """What to run on YARN.

    Attributes:
        name: What YARN shows.
        queue: The queue that pays.
        user: Whom to run as; empty is the submitting user.
        node_label: Where containers run; empty is the queue's default.
        tags: Words to find the application by.
        file_systems: Further file systems that containers need delegation tokens for, as URLs.
        max_attempts: How often YARN starts an ApplicationMaster; the cluster may allow fewer.
        acls: Who may see and change it.
        master: The ApplicationMaster's container.
        services: What runs, by name.
    """

    name: str = field(default="skein", metadata=checked(filled))
    queue: str = field(default="default", metadata=checked(filled))
    user: str = field(default="", metadata=checked(text))
    node_label: str = field(default="", metadata=checked(text))
    tags: AbstractSet[str] = field(default=frozenset(), metadata=checked(distinct(_tag)))
    file_systems: Sequence[str] = field(default=(), metadata=checked(sequence(filled)))
    max_attempts: int = field(default=1, metadata=checked(integer(1)))
    acls: ACLs = field(default=ACLs(), metadata=checked(ACLs.read))
    master: Master = field(default=Master(), metadata=checked(Master.read))
    services: Mapping[str, Service] = field(
        default_factory=dict, metadata=checked(mapping(service_name, Service.read))
    )

    @override
    def _check(self) -> None:
        if not self.services and not self.master.script:
            raise SpecError("", "needs at least one entry in `services`, or a `master.script`")
        for name, service in self.services.items():
            with at("services"), at(name), at("depends"):
                for other in sorted(service.depends):
                    if other == name:
                        raise SpecError("", "a service cannot depend on itself")
                    if other not in self.services:
                        raise unknown("service", other, self.services)
        from graphlib import CycleError, TopologicalSorter

        try:
            TopologicalSorter({n: sorted(s.depends) for n, s in self.services.items()}).prepare()
        except CycleError as error:
            # The sorter names each service before those that depend on it, the first one twice.
            cycle: list[str] = error.args[1][:0:-1]
            first = cycle.index(min(cycle))
            cycle = [*cycle[first:], *cycle[:first], cycle[first]]
            raise SpecError(
                "services", f"wait for each other in a circle: {' -> '.join(cycle)}"
            ) from error

    def map_files(self, change: Callable[[str, File], File]) -> ApplicationSpec:
        """Replace every file by what `change` makes of it, given its key path and itself."""
        mapped = _mapped(self, "", change)
        assert isinstance(mapped, ApplicationSpec)
        return mapped


def _mapped(value: object, path: str, change: Callable[[str, File], File]) -> object:
    def inner(key: str, item: object) -> object:
        return _mapped(item, f"{path}.{key}" if path else key, change)

    match value:
        case File():
            return change(path, value)
        case Element():
            parts = {one.name: inner(one.name, getattr(value, one.name)) for one in fields(value)}
            return replace(value, **parts)
        case Mapping():
            return {key: inner(key, item) for key, item in value.items()}
        case _:
            return value
