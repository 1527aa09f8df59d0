"""A service: a number of containers that run the same script."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yarnhub.spec._process import Process
from yarnhub.spec._reading import (
    checked,
    distinct,
    filled,
    flag,
    integer,
    matching,
    sequence,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

# A service's name becomes part of file names and of the script that launches its containers.
service_name = matching(
    r"[A-Za-z0-9][A-Za-z0-9._-]*",
    "a name of letters, digits, '.', '_' and '-' that begins with a letter or digit",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(Process):
    """A number of containers, the instances, that run the same script.

    Attributes:
        instances: How many containers to start with.
        depends: Names of services that have to be started first.
        max_restarts: How many failed instances are replaced, counted over the whole service;
            -1 is no limit.
        allow_failures: Whether the application goes on when more instances fail than that.
        node_label: Where containers run; empty is the application's label.
        nodes: Hosts to run on.
        racks: Racks to run on.
        relax_locality: Whether other nodes will do when these are busy.
    """

    instances: int = field(default=1, metadata=checked(integer(0)))
    depends: AbstractSet[str] = field(default=frozenset(), metadata=checked(distinct(service_name)))
    max_restarts: int = field(default=0, metadata=checked(integer(-1)))
    allow_failures: bool = field(default=False, metadata=checked(flag))
    node_label: str = field(default="", metadata=checked(text))
    nodes: Sequence[str] = field(default=(), metadata=checked(sequence(filled)))
    racks: Sequence[str] = field(default=(), metadata=checked(sequence(filled)))
    relax_locality: bool = field(default=False, metadata=checked(flag))
