"""Remote methods and the protocols that they belong to, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Q = TypeVar("Q")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Method(Generic[Q, R]):
    """One remote method: its name and the messages of its request and response."""

    name: str
    request: type[Q]
    response: type[R]
    idempotent: bool = False
    """Whether executing it twice is the same as once: only then is a call with an unknown outcome
    retried."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """A Java interface of a daemon."""

    name: str
    """For example `org.apache.hadoop.yarn.api.ApplicationClientProtocolPB`."""
    version: int = 1
